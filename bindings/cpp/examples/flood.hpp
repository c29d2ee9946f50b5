// Schema `Flood`, written by `shm gen cpp`. Offsets count from the start of the segment's body.
#pragma once

#include <shm/shm.hpp>

#include <cstddef>

namespace flood_shm {

struct Telemetry {
    shm::u64 step;
    double time;
    double dt;
    double took;
    double rain;
    double outflow;
    double deepest;

    static constexpr auto shm_type =
        shm::type("Telemetry", shm::part("step", &Telemetry::step),
                  shm::part("time", &Telemetry::time),
                  shm::part("dt", &Telemetry::dt),
                  shm::part("took", &Telemetry::took),
                  shm::part("rain", &Telemetry::rain),
                  shm::part("outflow", &Telemetry::outflow),
                  shm::part("deepest", &Telemetry::deepest));
};
static_assert(sizeof(Telemetry) == 56 && alignof(Telemetry) == 8);
static_assert(offsetof(Telemetry, step) == 0);
static_assert(offsetof(Telemetry, time) == 8);
static_assert(offsetof(Telemetry, dt) == 16);
static_assert(offsetof(Telemetry, took) == 24);
static_assert(offsetof(Telemetry, rain) == 32);
static_assert(offsetof(Telemetry, outflow) == 40);
static_assert(offsetof(Telemetry, deepest) == 48);

struct Reading {
    double catchment;
    double time;
    double peak_time;
    float peak;
    float level;
    shm::u32 stage;
    shm::u32 cell;

    static constexpr auto shm_type =
        shm::type("Reading", shm::part("catchment", &Reading::catchment),
                  shm::part("time", &Reading::time),
                  shm::part("peak_time", &Reading::peak_time),
                  shm::part("peak", &Reading::peak),
                  shm::part("level", &Reading::level),
                  shm::part("stage", &Reading::stage),
                  shm::part("cell", &Reading::cell));
};
static_assert(sizeof(Reading) == 40 && alignof(Reading) == 8);
static_assert(offsetof(Reading, catchment) == 0);
static_assert(offsetof(Reading, time) == 8);
static_assert(offsetof(Reading, peak_time) == 16);
static_assert(offsetof(Reading, peak) == 24);
static_assert(offsetof(Reading, level) == 28);
static_assert(offsetof(Reading, stage) == 32);
static_assert(offsetof(Reading, cell) == 36);

struct Event {
    double t;
    shm::u64 sequence;
    shm::u32 cell;
    shm::u32 kind;
    float value;
    shm::u32 gauge;

    static constexpr auto shm_type =
        shm::type("Event", shm::part("t", &Event::t),
                  shm::part("sequence", &Event::sequence),
                  shm::part("cell", &Event::cell),
                  shm::part("kind", &Event::kind),
                  shm::part("value", &Event::value),
                  shm::part("gauge", &Event::gauge));
};
static_assert(sizeof(Event) == 32 && alignof(Event) == 8);
static_assert(offsetof(Event, t) == 0);
static_assert(offsetof(Event, sequence) == 8);
static_assert(offsetof(Event, cell) == 16);
static_assert(offsetof(Event, kind) == 20);
static_assert(offsetof(Event, value) == 24);
static_assert(offsetof(Event, gauge) == 28);

struct Params {
    float rain;
    float roughness;

    static constexpr auto shm_type =
        shm::type("Params", shm::part("rain", &Params::rain),
                  shm::part("roughness", &Params::roughness));
};
static_assert(sizeof(Params) == 8 && alignof(Params) == 4);
static_assert(offsetof(Params, rain) == 0);
static_assert(offsetof(Params, roughness) == 4);

struct Cloud {
    shm::u32 row;
    shm::u32 column;
    shm::u32 radius;
    float intensity;

    static constexpr auto shm_type =
        shm::type("Cloud", shm::part("row", &Cloud::row),
                  shm::part("column", &Cloud::column),
                  shm::part("radius", &Cloud::radius),
                  shm::part("intensity", &Cloud::intensity));
};
static_assert(sizeof(Cloud) == 16 && alignof(Cloud) == 4);
static_assert(offsetof(Cloud, row) == 0);
static_assert(offsetof(Cloud, column) == 4);
static_assert(offsetof(Cloud, radius) == 8);
static_assert(offsetof(Cloud, intensity) == 12);

struct Flood_even {
    shm::array<float, 1000000> depth;
    shm::array<float, 1000000> rest;
    shm::array<float, 1001000> east;
    shm::array<float, 1001000> south;
    shm::array<float, 10000> arrival;
    shm::array<::flood_shm::Params, 1> params;
    shm::array<::flood_shm::Cloud, 1> cloud;
    shm::atomic<shm::u32> readings;
    shm::array<shm::u32, 6> gauge_stage;
    shm::array<shm::u32, 6> gauge_crested;
    shm::array<float, 6> gauge_peak;
    shm::array<double, 6> gauge_peak_time;
    shm::atomic<shm::u64> step;
    shm::atomic<double> time;
    shm::atomic<double> rain;
    shm::atomic<double> outflow;
    shm::atomic<shm::u32> phase;
    shm::atomic<shm::u64> raised;
    shm::atomic<shm::u64> outbox_len;
    shm::array<::flood_shm::Event, 512> outbox;

    static constexpr auto shm_schema =
        shm::schema("even", shm::field("depth", &Flood_even::depth),
                    shm::field("rest", &Flood_even::rest),
                    shm::field("east", &Flood_even::east),
                    shm::field("south", &Flood_even::south),
                    shm::field("arrival", &Flood_even::arrival),
                    shm::field("params", &Flood_even::params),
                    shm::field("cloud", &Flood_even::cloud),
                    shm::field("readings", &Flood_even::readings),
                    shm::field("gauge_stage", &Flood_even::gauge_stage),
                    shm::field("gauge_crested", &Flood_even::gauge_crested),
                    shm::field("gauge_peak", &Flood_even::gauge_peak),
                    shm::field("gauge_peak_time", &Flood_even::gauge_peak_time),
                    shm::field("step", &Flood_even::step),
                    shm::field("time", &Flood_even::time),
                    shm::field("rain", &Flood_even::rain),
                    shm::field("outflow", &Flood_even::outflow),
                    shm::field("phase", &Flood_even::phase),
                    shm::field("raised", &Flood_even::raised),
                    shm::field("outbox_len", &Flood_even::outbox_len),
                    shm::field("outbox", &Flood_even::outbox));
};


struct Flood_odd {
    shm::array<float, 1000000> depth;
    shm::array<float, 1000000> rest;
    shm::array<float, 1001000> east;
    shm::array<float, 1001000> south;
    shm::array<float, 10000> arrival;
    shm::array<::flood_shm::Params, 1> params;
    shm::array<::flood_shm::Cloud, 1> cloud;
    shm::atomic<shm::u32> readings;
    shm::array<shm::u32, 6> gauge_stage;
    shm::array<shm::u32, 6> gauge_crested;
    shm::array<float, 6> gauge_peak;
    shm::array<double, 6> gauge_peak_time;
    shm::atomic<shm::u64> step;
    shm::atomic<double> time;
    shm::atomic<double> rain;
    shm::atomic<double> outflow;
    shm::atomic<shm::u32> phase;
    shm::atomic<shm::u64> raised;
    shm::atomic<shm::u64> outbox_len;
    shm::array<::flood_shm::Event, 512> outbox;

    static constexpr auto shm_schema =
        shm::schema("odd", shm::field("depth", &Flood_odd::depth),
                    shm::field("rest", &Flood_odd::rest),
                    shm::field("east", &Flood_odd::east),
                    shm::field("south", &Flood_odd::south),
                    shm::field("arrival", &Flood_odd::arrival),
                    shm::field("params", &Flood_odd::params),
                    shm::field("cloud", &Flood_odd::cloud),
                    shm::field("readings", &Flood_odd::readings),
                    shm::field("gauge_stage", &Flood_odd::gauge_stage),
                    shm::field("gauge_crested", &Flood_odd::gauge_crested),
                    shm::field("gauge_peak", &Flood_odd::gauge_peak),
                    shm::field("gauge_peak_time", &Flood_odd::gauge_peak_time),
                    shm::field("step", &Flood_odd::step),
                    shm::field("time", &Flood_odd::time),
                    shm::field("rain", &Flood_odd::rain),
                    shm::field("outflow", &Flood_odd::outflow),
                    shm::field("phase", &Flood_odd::phase),
                    shm::field("raised", &Flood_odd::raised),
                    shm::field("outbox_len", &Flood_odd::outbox_len),
                    shm::field("outbox", &Flood_odd::outbox));
};


struct Hydrograph {
    shm::u32 gauge;
    shm::u32 readings;
    float levels[96];

    static constexpr auto shm_type =
        shm::type("Hydrograph", shm::part("gauge", &Hydrograph::gauge),
                  shm::part("readings", &Hydrograph::readings),
                  shm::part("levels", &Hydrograph::levels));
};
static_assert(sizeof(Hydrograph) == 392 && alignof(Hydrograph) == 4);
static_assert(offsetof(Hydrograph, gauge) == 0);
static_assert(offsetof(Hydrograph, readings) == 4);
static_assert(offsetof(Hydrograph, levels) == 8);

struct Flood_frame_looks {
    shm::atomic<shm::u64> count;
    shm::atomic<shm::u64> torn;
    shm::atomic<double> worst;

    static constexpr auto shm_schema =
        shm::schema("frame_looks", shm::field("count", &Flood_frame_looks::count),
                    shm::field("torn", &Flood_frame_looks::torn),
                    shm::field("worst", &Flood_frame_looks::worst));
};


struct Flood_grid_looks {
    shm::atomic<shm::u64> count;
    shm::atomic<shm::u64> torn;
    shm::atomic<double> worst;

    static constexpr auto shm_schema =
        shm::schema("grid_looks", shm::field("count", &Flood_grid_looks::count),
                    shm::field("torn", &Flood_grid_looks::torn),
                    shm::field("worst", &Flood_grid_looks::worst));
};


struct Flood_analytics {
    shm::atomic<shm::u64> position;
    shm::atomic<shm::u64> missed;

    static constexpr auto shm_schema =
        shm::schema("analytics", shm::field("position", &Flood_analytics::position),
                    shm::field("missed", &Flood_analytics::missed));
};


struct Flood_renderer {
    shm::atomic<shm::u64> position;
    shm::atomic<shm::u64> missed;

    static constexpr auto shm_schema =
        shm::schema("renderer", shm::field("position", &Flood_renderer::position),
                    shm::field("missed", &Flood_renderer::missed));
};


struct Flood {
    shm::versioned_array<float, 1000000> frame;
    shm::array<float, 1000000> grid;
    shm::array<float, 1000000> terrain;
    shm::broadcast<::flood_shm::Telemetry, 1024> telemetry;
    shm::map<shm::u32, ::flood_shm::Reading, 16> gauges;
    shm::set<shm::u32, 16384> wet;
    shm::queue<::flood_shm::Event, 4096> events;
    shm::versioned<::flood_shm::Params> params;
    shm::stack<::flood_shm::Cloud, 100> clouds;
    shm::atomic<shm::u64> committed;
    Flood_even even;
    Flood_odd odd;
    shm::array<double, 12> storm;
    shm::atomic<double> storm_part;
    shm::atomic<double> run_end;
    shm::atomic<shm::u32> prepared;
    shm::spsc<shm::u64, 2> roles;
    shm::atomic<shm::u64> done;
    shm::array<::flood_shm::Event, 16384> journal;
    shm::atomic<shm::u64> redelivered;
    shm::pool<::flood_shm::Hydrograph, 6> hydrographs;
    shm::array<shm::u64, 6> hydrograph;
    shm::atomic<shm::u64> measured;
    Flood_frame_looks frame_looks;
    Flood_grid_looks grid_looks;
    shm::atomic<double> flooded_area;
    shm::atomic<double> deepest;
    shm::atomic<double> mass_error;
    shm::atomic<double> computed;
    Flood_analytics analytics;
    Flood_renderer renderer;
    shm::atomic<shm::u32> pictures;
    shm::atomic<shm::u64> restarts;

    static constexpr auto shm_schema =
        shm::schema("Flood", shm::lanes(64), shm::field("frame", &Flood::frame),
                    shm::field("grid", &Flood::grid),
                    shm::field("terrain", &Flood::terrain),
                    shm::field("telemetry", &Flood::telemetry),
                    shm::field("gauges", &Flood::gauges),
                    shm::field("wet", &Flood::wet),
                    shm::field("events", &Flood::events),
                    shm::field("params", &Flood::params),
                    shm::field("clouds", &Flood::clouds),
                    shm::field("committed", &Flood::committed),
                    shm::field("even", &Flood::even),
                    shm::field("odd", &Flood::odd),
                    shm::field("storm", &Flood::storm),
                    shm::field("storm_part", &Flood::storm_part),
                    shm::field("run_end", &Flood::run_end),
                    shm::field("prepared", &Flood::prepared),
                    shm::field("roles", &Flood::roles),
                    shm::field("done", &Flood::done),
                    shm::field("journal", &Flood::journal),
                    shm::field("redelivered", &Flood::redelivered),
                    shm::field("hydrographs", &Flood::hydrographs),
                    shm::field("hydrograph", &Flood::hydrograph),
                    shm::field("measured", &Flood::measured),
                    shm::field("frame_looks", &Flood::frame_looks),
                    shm::field("grid_looks", &Flood::grid_looks),
                    shm::field("flooded_area", &Flood::flooded_area),
                    shm::field("deepest", &Flood::deepest),
                    shm::field("mass_error", &Flood::mass_error),
                    shm::field("computed", &Flood::computed),
                    shm::field("analytics", &Flood::analytics),
                    shm::field("renderer", &Flood::renderer),
                    shm::field("pictures", &Flood::pictures),
                    shm::field("restarts", &Flood::restarts));
};

static_assert(shm::plan_of<Flood>::offset("frame") == 16384);
static_assert(shm::plan_of<Flood>::size("frame") == 12000768);
static_assert(shm::plan_of<Flood>::offset("grid") == 12017152);
static_assert(shm::plan_of<Flood>::size("grid") == 4000000);
static_assert(shm::plan_of<Flood>::offset("terrain") == 16017152);
static_assert(shm::plan_of<Flood>::size("terrain") == 4000000);
static_assert(shm::plan_of<Flood>::offset("telemetry") == 20017152);
static_assert(shm::plan_of<Flood>::size("telemetry") == 77568);
static_assert(shm::plan_of<Flood>::offset("gauges") == 20094720);
static_assert(shm::plan_of<Flood>::size("gauges") == 12416);
static_assert(shm::plan_of<Flood>::offset("wet") == 20107136);
static_assert(shm::plan_of<Flood>::size("wet") == 336256);
static_assert(shm::plan_of<Flood>::offset("events") == 20443392);
static_assert(shm::plan_of<Flood>::size("events") == 176512);
static_assert(shm::plan_of<Flood>::offset("params") == 20619904);
static_assert(shm::plan_of<Flood>::size("params") == 12608);
static_assert(shm::plan_of<Flood>::offset("clouds") == 20632576);
static_assert(shm::plan_of<Flood>::size("clouds") == 46464);
static_assert(shm::plan_of<Flood>::offset("committed") == 20679040);
static_assert(shm::plan_of<Flood>::size("committed") == 8);
static_assert(shm::plan_of<Flood>::offset("even.depth") == 20679104);
static_assert(shm::plan_of<Flood>::size("even.depth") == 4000000);
static_assert(shm::plan_of<Flood>::offset("even.rest") == 24679104);
static_assert(shm::plan_of<Flood>::size("even.rest") == 4000000);
static_assert(shm::plan_of<Flood>::offset("even.east") == 28679104);
static_assert(shm::plan_of<Flood>::size("even.east") == 4004000);
static_assert(shm::plan_of<Flood>::offset("even.south") == 32683136);
static_assert(shm::plan_of<Flood>::size("even.south") == 4004000);
static_assert(shm::plan_of<Flood>::offset("even.arrival") == 36687168);
static_assert(shm::plan_of<Flood>::size("even.arrival") == 40000);
static_assert(shm::plan_of<Flood>::offset("even.params") == 36727168);
static_assert(shm::plan_of<Flood>::size("even.params") == 8);
static_assert(shm::plan_of<Flood>::offset("even.cloud") == 36727232);
static_assert(shm::plan_of<Flood>::size("even.cloud") == 16);
static_assert(shm::plan_of<Flood>::offset("even.readings") == 36727296);
static_assert(shm::plan_of<Flood>::size("even.readings") == 4);
static_assert(shm::plan_of<Flood>::offset("even.gauge_stage") == 36727360);
static_assert(shm::plan_of<Flood>::size("even.gauge_stage") == 24);
static_assert(shm::plan_of<Flood>::offset("even.gauge_crested") == 36727424);
static_assert(shm::plan_of<Flood>::size("even.gauge_crested") == 24);
static_assert(shm::plan_of<Flood>::offset("even.gauge_peak") == 36727488);
static_assert(shm::plan_of<Flood>::size("even.gauge_peak") == 24);
static_assert(shm::plan_of<Flood>::offset("even.gauge_peak_time") == 36727552);
static_assert(shm::plan_of<Flood>::size("even.gauge_peak_time") == 48);
static_assert(shm::plan_of<Flood>::offset("even.step") == 36727616);
static_assert(shm::plan_of<Flood>::size("even.step") == 8);
static_assert(shm::plan_of<Flood>::offset("even.time") == 36727680);
static_assert(shm::plan_of<Flood>::size("even.time") == 8);
static_assert(shm::plan_of<Flood>::offset("even.rain") == 36727744);
static_assert(shm::plan_of<Flood>::size("even.rain") == 8);
static_assert(shm::plan_of<Flood>::offset("even.outflow") == 36727808);
static_assert(shm::plan_of<Flood>::size("even.outflow") == 8);
static_assert(shm::plan_of<Flood>::offset("even.phase") == 36727872);
static_assert(shm::plan_of<Flood>::size("even.phase") == 4);
static_assert(shm::plan_of<Flood>::offset("even.raised") == 36727936);
static_assert(shm::plan_of<Flood>::size("even.raised") == 8);
static_assert(shm::plan_of<Flood>::offset("even.outbox_len") == 36728000);
static_assert(shm::plan_of<Flood>::size("even.outbox_len") == 8);
static_assert(shm::plan_of<Flood>::offset("even.outbox") == 36728064);
static_assert(shm::plan_of<Flood>::size("even.outbox") == 16384);
static_assert(shm::plan_of<Flood>::offset("odd.depth") == 36744448);
static_assert(shm::plan_of<Flood>::size("odd.depth") == 4000000);
static_assert(shm::plan_of<Flood>::offset("odd.rest") == 40744448);
static_assert(shm::plan_of<Flood>::size("odd.rest") == 4000000);
static_assert(shm::plan_of<Flood>::offset("odd.east") == 44744448);
static_assert(shm::plan_of<Flood>::size("odd.east") == 4004000);
static_assert(shm::plan_of<Flood>::offset("odd.south") == 48748480);
static_assert(shm::plan_of<Flood>::size("odd.south") == 4004000);
static_assert(shm::plan_of<Flood>::offset("odd.arrival") == 52752512);
static_assert(shm::plan_of<Flood>::size("odd.arrival") == 40000);
static_assert(shm::plan_of<Flood>::offset("odd.params") == 52792512);
static_assert(shm::plan_of<Flood>::size("odd.params") == 8);
static_assert(shm::plan_of<Flood>::offset("odd.cloud") == 52792576);
static_assert(shm::plan_of<Flood>::size("odd.cloud") == 16);
static_assert(shm::plan_of<Flood>::offset("odd.readings") == 52792640);
static_assert(shm::plan_of<Flood>::size("odd.readings") == 4);
static_assert(shm::plan_of<Flood>::offset("odd.gauge_stage") == 52792704);
static_assert(shm::plan_of<Flood>::size("odd.gauge_stage") == 24);
static_assert(shm::plan_of<Flood>::offset("odd.gauge_crested") == 52792768);
static_assert(shm::plan_of<Flood>::size("odd.gauge_crested") == 24);
static_assert(shm::plan_of<Flood>::offset("odd.gauge_peak") == 52792832);
static_assert(shm::plan_of<Flood>::size("odd.gauge_peak") == 24);
static_assert(shm::plan_of<Flood>::offset("odd.gauge_peak_time") == 52792896);
static_assert(shm::plan_of<Flood>::size("odd.gauge_peak_time") == 48);
static_assert(shm::plan_of<Flood>::offset("odd.step") == 52792960);
static_assert(shm::plan_of<Flood>::size("odd.step") == 8);
static_assert(shm::plan_of<Flood>::offset("odd.time") == 52793024);
static_assert(shm::plan_of<Flood>::size("odd.time") == 8);
static_assert(shm::plan_of<Flood>::offset("odd.rain") == 52793088);
static_assert(shm::plan_of<Flood>::size("odd.rain") == 8);
static_assert(shm::plan_of<Flood>::offset("odd.outflow") == 52793152);
static_assert(shm::plan_of<Flood>::size("odd.outflow") == 8);
static_assert(shm::plan_of<Flood>::offset("odd.phase") == 52793216);
static_assert(shm::plan_of<Flood>::size("odd.phase") == 4);
static_assert(shm::plan_of<Flood>::offset("odd.raised") == 52793280);
static_assert(shm::plan_of<Flood>::size("odd.raised") == 8);
static_assert(shm::plan_of<Flood>::offset("odd.outbox_len") == 52793344);
static_assert(shm::plan_of<Flood>::size("odd.outbox_len") == 8);
static_assert(shm::plan_of<Flood>::offset("odd.outbox") == 52793408);
static_assert(shm::plan_of<Flood>::size("odd.outbox") == 16384);
static_assert(shm::plan_of<Flood>::offset("storm") == 52809792);
static_assert(shm::plan_of<Flood>::size("storm") == 96);
static_assert(shm::plan_of<Flood>::offset("storm_part") == 52809920);
static_assert(shm::plan_of<Flood>::size("storm_part") == 8);
static_assert(shm::plan_of<Flood>::offset("run_end") == 52809984);
static_assert(shm::plan_of<Flood>::size("run_end") == 8);
static_assert(shm::plan_of<Flood>::offset("prepared") == 52810048);
static_assert(shm::plan_of<Flood>::size("prepared") == 4);
static_assert(shm::plan_of<Flood>::offset("roles") == 52810112);
static_assert(shm::plan_of<Flood>::size("roles") == 656);
static_assert(shm::plan_of<Flood>::offset("done") == 52810880);
static_assert(shm::plan_of<Flood>::size("done") == 8);
static_assert(shm::plan_of<Flood>::offset("journal") == 52810944);
static_assert(shm::plan_of<Flood>::size("journal") == 524288);
static_assert(shm::plan_of<Flood>::offset("redelivered") == 53335232);
static_assert(shm::plan_of<Flood>::size("redelivered") == 8);
static_assert(shm::plan_of<Flood>::offset("hydrographs") == 53335296);
static_assert(shm::plan_of<Flood>::size("hydrographs") == 2480);
static_assert(shm::plan_of<Flood>::offset("hydrograph") == 53337792);
static_assert(shm::plan_of<Flood>::size("hydrograph") == 48);
static_assert(shm::plan_of<Flood>::offset("measured") == 53337856);
static_assert(shm::plan_of<Flood>::size("measured") == 8);
static_assert(shm::plan_of<Flood>::offset("frame_looks.count") == 53337920);
static_assert(shm::plan_of<Flood>::size("frame_looks.count") == 8);
static_assert(shm::plan_of<Flood>::offset("frame_looks.torn") == 53337984);
static_assert(shm::plan_of<Flood>::size("frame_looks.torn") == 8);
static_assert(shm::plan_of<Flood>::offset("frame_looks.worst") == 53338048);
static_assert(shm::plan_of<Flood>::size("frame_looks.worst") == 8);
static_assert(shm::plan_of<Flood>::offset("grid_looks.count") == 53338112);
static_assert(shm::plan_of<Flood>::size("grid_looks.count") == 8);
static_assert(shm::plan_of<Flood>::offset("grid_looks.torn") == 53338176);
static_assert(shm::plan_of<Flood>::size("grid_looks.torn") == 8);
static_assert(shm::plan_of<Flood>::offset("grid_looks.worst") == 53338240);
static_assert(shm::plan_of<Flood>::size("grid_looks.worst") == 8);
static_assert(shm::plan_of<Flood>::offset("flooded_area") == 53338304);
static_assert(shm::plan_of<Flood>::size("flooded_area") == 8);
static_assert(shm::plan_of<Flood>::offset("deepest") == 53338368);
static_assert(shm::plan_of<Flood>::size("deepest") == 8);
static_assert(shm::plan_of<Flood>::offset("mass_error") == 53338432);
static_assert(shm::plan_of<Flood>::size("mass_error") == 8);
static_assert(shm::plan_of<Flood>::offset("computed") == 53338496);
static_assert(shm::plan_of<Flood>::size("computed") == 8);
static_assert(shm::plan_of<Flood>::offset("analytics.position") == 53338560);
static_assert(shm::plan_of<Flood>::size("analytics.position") == 8);
static_assert(shm::plan_of<Flood>::offset("analytics.missed") == 53338624);
static_assert(shm::plan_of<Flood>::size("analytics.missed") == 8);
static_assert(shm::plan_of<Flood>::offset("renderer.position") == 53338688);
static_assert(shm::plan_of<Flood>::size("renderer.position") == 8);
static_assert(shm::plan_of<Flood>::offset("renderer.missed") == 53338752);
static_assert(shm::plan_of<Flood>::size("renderer.missed") == 8);
static_assert(shm::plan_of<Flood>::offset("pictures") == 53338816);
static_assert(shm::plan_of<Flood>::size("pictures") == 4);
static_assert(shm::plan_of<Flood>::offset("restarts") == 53338880);
static_assert(shm::plan_of<Flood>::size("restarts") == 8);
static_assert(shm::plan_of<Flood>::fingerprint ==
              shm::fingerprint{0x5fa75636b41408ee, 0xdbe4d566936a7075});

}  // namespace flood_shm
