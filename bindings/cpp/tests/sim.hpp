// The schema of the tests: the same as `Sim` in tests/cpp/.
#pragma once

#include <shm/shm.hpp>

struct event {
    double t;
    shm::u32 cell;
    shm::u32 kind;
    static constexpr auto shm_type = shm::type("Event", shm::part("t", &event::t), shm::part("cell", &event::cell),
                                               shm::part("kind", &event::kind));
    friend bool operator==(const event&, const event&) = default;
};

struct station {
    shm::text<8> name;
    shm::u32 cells[2];
    event last;
    static constexpr auto shm_type = shm::type("Station", shm::part("name", &station::name),
                                               shm::part("cells", &station::cells), shm::part("last", &station::last));
};

/// Larger than a word, and different in each: a torn one is seen.
struct item {
    shm::u64 seat;
    shm::u64 number;
    shm::u64 check[3];
    static constexpr auto shm_type =
        shm::type("Item", shm::part("seat", &item::seat), shm::part("number", &item::number),
                  shm::part("check", &item::check));

    static item of(shm::u64 seat, shm::u64 number) {
        const shm::u64 mixed = (seat * 1'000'003 + number) * 0x9E3779B97F4A7C15;
        return {seat, number, {mixed, ~mixed, mixed >> 7}};
    }
    [[nodiscard]] bool is_whole() const {
        const item whole = of(seat, number);
        return check[0] == whole.check[0] && check[1] == whole.check[1] && check[2] == whole.check[2];
    }
};

struct inner {
    shm::atomic<shm::i64> count;
    static constexpr auto shm_schema = shm::schema("Inner", shm::field("count", &inner::count));
};

struct sim {
    shm::queue<event, 8> events;
    shm::array<float, 12> grid;
    shm::queue<station, 4> stations;
    shm::spsc<event, 4> audio;
    shm::map<shm::u32, event, 16> gauges;
    shm::map<shm::text<16>, shm::u64, 16> names;
    shm::set<shm::u32, 16> wet;
    shm::large_map<shm::u64, shm::u16, 64, 32> large;
    shm::stack<shm::i32, 4> undo;
    shm::versioned<event> state;
    shm::versioned_array<float, 6> frame;
    shm::broadcast<shm::i64, 4> ticks;
    shm::pool<event, 2> objects;
    shm::semaphore<3> permits;
    shm::mutex<event> bank;
    shm::rwlock<event> limits;
    shm::barrier<2> gate;
    shm::once ready;
    shm::signal bell;
    inner nested;
    std::array<shm::queue<shm::u8, 4>, 2> shards;

    static constexpr auto shm_schema =
        shm::schema("Sim", shm::lanes(16), shm::field("events", &sim::events), shm::field("grid", &sim::grid),
                    shm::field("stations", &sim::stations), shm::field("audio", &sim::audio), shm::field("gauges", &sim::gauges),
                    shm::field("names", &sim::names), shm::field("wet", &sim::wet), shm::field("large", &sim::large),
                    shm::field("undo", &sim::undo), shm::field("state", &sim::state),
                    shm::field("frame", &sim::frame), shm::field("ticks", &sim::ticks),
                    shm::field("objects", &sim::objects), shm::field("permits", &sim::permits),
                    shm::field("bank", &sim::bank), shm::field("limits", &sim::limits), shm::field("gate", &sim::gate),
                    shm::field("ready", &sim::ready), shm::field("bell", &sim::bell),
                    shm::field("inner", &sim::nested),
                    shm::field("shards", &sim::shards));
};

static_assert(std::random_access_iterator<shm::array<float, 12>::iterator> == false &&
              std::forward_iterator<shm::array<float, 12>::iterator>);

/// Four producers and four consumers of one queue: the same as `War` in tests/cpp/.
struct war {
    static constexpr shm::u64 producers = 4;
    static constexpr shm::u64 limit = 1 << 20;

    shm::queue<item, 64> queue;
    /// 0: go on; 1: producers stop; 2: consumers stop when there is nothing left.
    shm::atomic<shm::u32> order;
    /// Per producer: the number that the next process begins with, and how many pushes were acknowledged.
    shm::array<shm::u64, producers> next;
    shm::array<shm::u64, producers> acknowledged;
    /// How often each item was seen.
    shm::array<shm::u8, producers * limit> seen;
    shm::atomic<shm::u64> torn;

    static constexpr auto shm_schema = shm::schema(
        "War", shm::lanes(32), shm::field("queue", &war::queue), shm::field("order", &war::order),
        shm::field("next", &war::next), shm::field("acknowledged", &war::acknowledged), shm::field("seen", &war::seen),
        shm::field("torn", &war::torn));
};

/// Workers who count in one map and crowd another: the same as `Town` in tests/cpp/.
struct town {
    static constexpr shm::u64 workers = 4;
    /// Of each worker: how often it has counted.
    shm::map<shm::u32, shm::u64, 8> counts;
    shm::array<shm::u64, workers> acknowledged;
    /// Keys that everybody inserts and removes; their items are of the key.
    shm::map<shm::u64, item, 16> crowd;
    shm::large_map<shm::u64, item, 32, 16> large;
    shm::set<shm::text<8>, 16> flags;
    shm::stack<item, 16> undo;
    /// Its number is how often all have counted.
    shm::versioned<item> total;
    shm::broadcast<item, 8> news;
    /// All elements of a frame are its number.
    shm::versioned_array<shm::u64, 600> frame;
    shm::atomic<shm::u64> torn;

    static constexpr auto shm_schema =
        shm::schema("Town", shm::lanes(16), shm::field("counts", &town::counts),
                    shm::field("acknowledged", &town::acknowledged), shm::field("crowd", &town::crowd),
                    shm::field("large", &town::large), shm::field("flags", &town::flags),
                    shm::field("undo", &town::undo), shm::field("total", &town::total),
                    shm::field("news", &town::news), shm::field("frame", &town::frame),
                    shm::field("torn", &town::torn));
};

/// Workers who hold each other up, and are killed while they do: the same as `Works` in tests/cpp/.
struct works {
    static constexpr shm::u64 workers = 4;
    static constexpr shm::u64 tasks = 256;
    /// A number twice: who dies between the two leaves the second one behind.
    using count = std::array<shm::u64, 2>;

    shm::mutex<count> ledger;
    shm::rwlock<count> board;
    /// Who has the ledger; whether somebody writes the board.
    shm::array<shm::u64, 2> inside;
    shm::barrier<2> gate;
    shm::signal bell;
    std::array<shm::once, tasks> once;
    /// Of each task: how often it was begun, and how often by one who was not told of another before.
    shm::array<shm::u64, tasks> begun;
    shm::array<shm::u64, tasks> first;
    /// Of each worker: how often it has written the ledger, written the board, and raised.
    shm::array<shm::u64, 3 * workers> acknowledged;
    /// How often the gate was passed, by who led and by who did not.
    shm::array<shm::u64, 2> passed;
    shm::atomic<shm::u64> wrong;

    static constexpr auto shm_schema = shm::schema(
        "Works", shm::lanes(16), shm::field("ledger", &works::ledger), shm::field("board", &works::board),
        shm::field("inside", &works::inside), shm::field("gate", &works::gate), shm::field("bell", &works::bell),
        shm::field("once", &works::once), shm::field("begun", &works::begun), shm::field("first", &works::first),
        shm::field("acknowledged", &works::acknowledged), shm::field("passed", &works::passed),
        shm::field("wrong", &works::wrong));
};
