// The binding's own tests: C++ alone, in one process and with some that die. Errors, life, queues and rings; the other
// structures are in structures.cpp.
#include "check.hpp"
#include "sim.hpp"

#include <algorithm>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using memory_phase = shm::memory::phase;

// ---- what can be told at compile time -------------------------------------------------------------------------------

struct padded {
    shm::u32 a;
    shm::u64 b;
    static constexpr auto shm_type = shm::type("Padded", shm::part("a", &padded::a), shm::part("b", &padded::b));
};
struct forgetful {
    shm::u32 a;
    shm::u32 b;
    static constexpr auto shm_type = shm::type("Forgetful", shm::part("a", &forgetful::a));
};
struct swapped {
    shm::u32 a;
    shm::u32 b;
    static constexpr auto shm_type = shm::type("Swapped", shm::part("b", &swapped::b), shm::part("a", &swapped::a));
};
struct pointing {
    int* there;
};

static_assert(shm::element<event> && shm::element<station> && shm::element<double> && shm::element<shm::text<3>>);
static_assert(shm::element<std::array<shm::u16, 5>> && shm::element<shm::wide>);
static_assert(!shm::element<padded> && !shm::element<forgetful> && !shm::element<swapped>);
static_assert(!shm::element<bool> && !shm::element<char> && !shm::element<int*> && !shm::element<pointing>);
static_assert(!shm::element<std::string> && !shm::scalar<event> && !shm::scalar<shm::wide>);
static_assert(shm::key<shm::u32> && shm::key<shm::text<8>> && !shm::key<float> && !shm::key<event>);

/// The example of FORMAT.md.
struct example {
    shm::array<shm::u16, 3> grid;
    shm::atomic<shm::u64> count;
    shm::queue<event, 4> events;
    static constexpr auto shm_schema = shm::schema("Example", shm::lanes(2), shm::field("grid", &example::grid),
                                                   shm::field("count", &example::count),
                                                   shm::field("events", &example::events));
};
static_assert(shm::plan_of<example>::fingerprint ==
              shm::layout::fnv1a_128("shm 1 lanes 2\ngrid:Array<3,0>:{2/2(:u16@0)}\ncount:Atomic<0>:{8/8(:u64@0)}\n"
                                     "events:Queue<4,2>:{16/8(t:f64@0,cell:u32@8,kind:u32@12)}\n"));

static void zeroed_is_empty() {
    auto made = must(shm::segment<sim>::create(unique("cpp-zero")));
    check(made->events.empty() && made->events.size() == 0 && made->events.pop().error() == shm::reason::empty);
    check(made->events.peek().error() == shm::reason::empty);
    for (const float value : made->grid) {
        check(value == 0.0F);
    }
    check(must(made->nested.count.load()) == 0);
}

// ---- errors ---------------------------------------------------------------------------------------------------------

struct other {
    shm::queue<event, 16> events;
    shm::array<double, 12> grid;
    shm::atomic<shm::u8> flag;
    static constexpr auto shm_schema =
        shm::schema("Sim", shm::lanes(16), shm::field("events", &other::events), shm::field("grid", &other::grid),
                    shm::field("flag", &other::flag));
};

struct fewer {
    shm::array<float, 12> grid;
    static constexpr auto shm_schema = shm::schema("Fewer", shm::lanes(16), shm::field("grid", &fewer::grid));
};

static void set_up_errors_say_what_is_wrong() {
    const std::string name = unique("cpp-errors");
    auto absent = shm::segment<sim>::open(name);
    check(absent.error().code == shm::errc::not_found);
    check_has(absent.error().message(), "segment `" + name + "` does not exist; create it first");
    check_has(shm::segment<sim>::open("a/b").error().message(), "it has a character that is not allowed");
    auto made = must(shm::segment<sim>::create(name));
    auto again = shm::segment<sim>::create(name);
    check(again.error().code == shm::errc::already_exists);
    auto wrong = shm::segment<other>::open(name);
    check(wrong.error().code == shm::errc::schema);
    const std::string why = wrong.error().message();
    check_has(why, "changed  events: here Queue<Event, 16>, there Queue<Event, 8>");
    check_has(why, "changed  grid: here Array<f64, 12>, there Array<f32, 12>");
    check_has(why, "missing  flag: here Atomic<u8>, not in the segment");
    check_has(why, "extra    inner.count: there Atomic<i64>, not in this program");
    auto part = shm::segment<fewer>::open(name);
    check_has(part.error().message(), "open it with `.subset = true`");
    auto subset = must(shm::segment<fewer>::open(name, {.subset = true}));
    must(subset->grid.set(3, 2.5F));
    check(must(made->grid.get(3)) == 2.5F);
    auto field = made.bind_field<shm::queue<event, 8>>("evnts");
    check(field.error().code == shm::errc::no_field);
    check_has(field.error().message(), "has no field `evnts`; it has `events`, `grid`, `stations`, `audio`");
    check_has((made.bind_field<shm::queue<event, 4>>("events").error().message()), "Queue<Event, 4>");
    auto bound = must(made.bind_field<shm::queue<event, 8>>("events"));
    must(bound.push({1, 2, 3}));
    check(must(made->events.pop()) == event{1, 2, 3});
}

static void operations_say_what_is_wrong() {
    const std::string name = unique("cpp-faults");
    auto made = must(shm::segment<sim>::create(name));
    check_has(made->grid.get(12).error().message(), "`grid`: index 12 is out of range: it has 12 elements");
    check_has(made->grid.set(99, 0).error().message(), "index 99 is out of range");
    float three[3] = {};
    check_has(made->grid.read_into(10, three).error().message(), "3 elements from 10 are out of range");
    check_has(made->grid.write_from(~shm::u64{0}, three).error().message(), "are out of range");
    for (shm::u32 i = 0; i < 8; ++i) {
        must(made->events.push({0, i, 0}));
    }
    check_has(made->events.push({}).error().message(), "`events`: no room: all 8 places were taken");
    check(made->events.push_wait({}, 1ms).error() == shm::reason::full);
    check(made->stations.pop_wait(1ms).error() == shm::reason::timed_out);
    {
        auto reader = must(shm::segment<sim>::open(name, {.read_only = true}));
        check(must(reader->events.peek()).cell == 0 && reader->events.size() == 8);
        check_has(reader->events.pop().error().message(), "opened for reading only");
        check(reader->grid.set(0, 1).error() == shm::reason::read_only);
    }
    auto copy = made->events;
    made.close();
    check_has(made->events.push({}).error().message(), "`events`: the handle belongs to no open segment");
    check(made->grid.get(0).error() == shm::reason::closed && made->events.empty() && !made.is_open());
    check(made.bind_field<shm::atomic<shm::i64>>("inner.count").error().code == shm::errc::closed);
    check(must(copy.pop()).cell == 0, "a copy keeps the mapping");
    shm::queue<event, 8> unbound;
    check(unbound.pop().error() == shm::reason::closed);
    auto moved = std::move(copy);
    check(copy.pop().error() == shm::reason::closed && must(moved.pop()).cell == 1);  // NOLINT: that is the question
}

// ---- life -----------------------------------------------------------------------------------------------------------

static bool exists(const std::string& name) {
    return ::access(("/dev/shm/" + name).c_str(), F_OK) == 0;
}

static void the_last_one_out_removes_the_name() {
    const std::string name = unique("cpp-life");
    {
        auto made = must(shm::segment<sim>::create(name));
        auto opened = must(shm::segment<sim>::open(name));
        made.close();
        check(exists(name));
    }
    check(!exists(name));
    in_child([&] { (void)new auto(must(shm::segment<sim>::create(name))); });
    // the name may be there still, unless somebody prunes at this moment: it is a leftover, which does not exist
    check(shm::segment<sim>::open(name).error().code == shm::errc::not_found, "a leftover does not exist");
    auto next = must(shm::segment<sim>::open_or_create(name));
    check(next->events.empty());
}

/// Whether a name is one of several.
static bool has(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

static void what_nobody_holds_is_swept() {
    const std::string dead = unique("cpp-dead");
    const std::string kept = unique("cpp-kept");
    const std::string held = unique("cpp-held");
    in_child([&] {
        auto left = must(shm::segment<sim>::create(dead));
        auto stays = must(shm::segment<sim>::create(kept, {.persist = true}));
        ::_exit(0);
    });
    const auto made = must(shm::segment<sim>::create(held, {.reserve = true, .prefault = true}));
    const auto there = must(shm::leftovers());
    // somebody else may prune at this moment
    check((has(there, dead) || !exists(dead)) && !has(there, kept) && !has(there, held));
    const auto swept = must(shm::prune());
    check(!exists(dead) && !has(swept, kept) && !has(swept, held) && !has(must(shm::leftovers()), dead));
    must(must(shm::segment<sim>::open(held, {.prefault = true}))->events.push({1, 2, 3}));
    check(must(made->events.pop()) == event{1, 2, 3});
    must(shm::unlink(kept));
    must(shm::unlink(held));
    check(shm::segment<sim>::open(held).error().code == shm::errc::not_found, "who is attached goes on alone");
    check(shm::unlink(held).error().code == shm::errc::not_found && shm::unlink("a/b").error().code == shm::errc::bad_name);
    must(made->events.push({1, 2, 3}));
}

static void a_forked_child_is_somebody_else() {
    auto made = must(shm::segment<sim>::create(unique("cpp-fork")));
    must(made->events.push({0, 1, 0}));
    auto held = must(made->events.take());
    in_child([&] {
        check(held.get().error() == shm::reason::not_held, "a guard is its process's");
        must(made.reattach());
        must(made->events.push({0, 2, 0}));
    });
    check(must(made->events.pop()).cell == 2 && must(held.get()).cell == 1);
    must(held.done());
}

static void threads_have_lanes_of_their_own() {
    auto made = must(shm::segment<sim>::create(unique("cpp-threads")));
    std::atomic<shm::u64> sum{0};
    std::vector<std::thread> threads;
    for (shm::u32 id = 0; id < 24; ++id) {  // more than there are lanes: some take turns
        threads.emplace_back([&, id] {
            for (shm::u32 i = 0; i < 200; ++i) {
                must(made->events.push_wait({0, id * 1000 + i, 0}, 60s));
                sum += must(made->events.pop_wait(60s)).cell;
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    check(sum == 200ULL * 1000 * (23 * 24 / 2) + 24ULL * (199 * 200 / 2) && made->events.empty());
}

// ---- the queue ------------------------------------------------------------------------------------------------------

static void a_queue_is_first_in_first_out() {
    auto made = must(shm::segment<sim>::create(unique("cpp-fifo")));
    shm::u32 pushed = 0;
    shm::u32 popped = 0;
    for (int lap = 0; lap < 100; ++lap) {
        event batch[5];
        for (event& next : batch) {
            next = {0.5, pushed++, 7};
        }
        check(must(made->events.push_slice(batch)) == 5);
        check(made->events.size() == 5);
        event out[3];
        check(must(made->events.pop_slice(out)) == 3);
        for (const event& got : out) {
            check(got == event{0.5, popped++, 7});
        }
        for (const event& got : made->events.drain()) {
            check(got.cell == popped++);
        }
    }
    check(pushed == popped);
    auto loan = must(made->events.loan());
    must(loan.write({1, 2, 3}));
    must(loan.commit());
    check(loan.commit().error() == shm::reason::not_held && must(made->events.pop()) == event{1, 2, 3});
}

static void what_is_taken_and_not_acknowledged_comes_back() {
    auto made = must(shm::segment<sim>::create(unique("cpp-take")));
    must(made->events.push({0, 1, 0}));
    must(made->events.push({0, 2, 0}));
    {
        auto taken = must(made->events.take());
        check(must(taken.get()).cell == 1 && must(made->events.pop()).cell == 2);
    }
    auto back = must(made->events.take());
    check(must(back.get()).cell == 1);
    must(back.done());
    check(made->events.take().error() == shm::reason::empty);
}

/// A waiter is woken by a process that pushes.
static void a_sleeper_is_woken() {
    auto made = must(shm::segment<sim>::create(unique("cpp-sleep")));
    std::thread late([&] {
        std::this_thread::sleep_for(20ms);
        must(made->events.push({0, 5, 0}));
    });
    check(must(made->events.pop_wait(60s)).cell == 5);
    late.join();
}

// ---- the ring of one producer and one consumer -----------------------------------------------------------------------

static void a_ring_has_one_producer_and_one_consumer() {
    const std::string name = unique("cpp-ring");
    auto made = must(shm::segment<sim>::create(name));
    auto opened = must(shm::segment<sim>::open(name));
    {
        auto producer = must(made->audio.producer());
        check_has(opened->audio.producer().error().message(), "process " + std::to_string(::getpid()) + " has the role");
        auto consumer = must(opened->audio.consumer());
        shm::u32 pushed = 0;
        shm::u32 popped = 0;
        for (int lap = 0; lap < 50; ++lap) {
            event batch[3];
            for (event& next : batch) {
                next = {0, pushed++, 0};
            }
            check(must(producer.push_slice(batch)) == 3 && made->audio.size() == 3);
            must(producer.push({0, pushed++, 0}));
            check(producer.push({}).error() == shm::reason::full);
            event out[2];
            check(must(consumer.pop_slice(out)) == 2 && out[0].cell == popped && out[1].cell == popped + 1);
            popped += 2;
            check(must(consumer.pop()).cell == popped++ && must(consumer.pop_wait(1s)).cell == popped++);
            check(consumer.pop().error() == shm::reason::empty);
        }
        check(consumer.pop_wait(2ms).error() == shm::reason::timed_out);
        in_child([&] { check(producer.push({}).error() == shm::reason::not_held, "a role is its process's"); });
        auto moved = std::move(producer);
        check(producer.push({}).error() == shm::reason::not_held);  // NOLINT: that is the question
    }
    must(opened->audio.producer());
    in_child([&] {
        auto child = must(shm::segment<sim>::open(name));
        auto producer = must(child->audio.producer());
        must(producer.push({0, 7, 0}));
        ::_exit(0);
    });
    auto heir = must(made->audio.producer());
    must(heir.push({0, 8, 0}));
    auto consumer = must(made->audio.consumer());
    check(must(consumer.pop()).cell == 7 && must(consumer.pop()).cell == 8);
}

static void a_ring_hands_over_whole_elements() {
    auto made = must(shm::segment<sim>::create(unique("cpp-ring-threads")));
    std::thread other([&] {
        auto producer = must(made->audio.producer());
        for (shm::u32 i = 0; i < 20'000; ++i) {
            must(producer.push_wait({static_cast<double>(i), i, ~i}, 60s));
        }
    });
    auto consumer = must(made->audio.consumer());
    for (shm::u32 i = 0; i < 20'000; ++i) {
        check(must(consumer.pop_wait(60s)) == event{static_cast<double>(i), i, ~i}, "torn, or out of order");
    }
    other.join();
}

// ---- who is killed in the middle ------------------------------------------------------------------------------------

/// A queue whose parts can be seen.
struct opened_up : shm::queue<event, 8> {
    using parts = shm::queue<event, 8>;
    using handle::attached;
    using parts::ring;
    explicit opened_up(const parts& of) : parts(of) {}

    /// Whether every node is in exactly one hand: a word's, a shelf's, or a lane's.
    [[nodiscard]] bool is_every_node_somewhere() const {
        const auto in = ring().in;
        std::vector<bool> found(in.nodes());
        const auto see = [&](shm::u64 node) {
            const bool fresh = node != shm::memory::no_node && !found[node];
            if (fresh) {
                found[node] = true;
            }
            return fresh;
        };
        bool all = true;
        for (shm::u64 word = 0; word < in.capacity + in.lanes; ++word) {
            all = see(in.node_in(word, shm::memory::look(*in.word(word)))) && all;
        }
        for (shm::u64 lane = 0; lane < in.lanes; ++lane) {
            all = see(in.spare(in.own(lane))) && all;
        }
        return all;
    }
};

/// How far the dead came.
enum class died { announced, before_exchange, behind_exchange, behind_spare };

/// Pushes an element as the queue does, and is gone in the middle of it.
static void push_and_die(const opened_up& on, died where) {
    const auto ring = on.ring();
    const auto lane = on.attached().enter();
    const auto own = ring.in.own(lane.index());
    shm::u64 spare = 0;
    check(ring.fill(own, {0, 77, 0}, spare));
    own.record->enter(ring.in.where);
    own.record->announce(memory_phase::filling);
    if (where == died::announced) {
        ::_exit(0);
    }
    const shm::u64 ticket = shm::structures::hint(*ring.tail);
    const shm::u64 slot = ticket & 7;
    const shm::u64 old = shm::memory::look(ring.in.words[slot]);
    const shm::memory::target to{memory_phase::push, ticket, slot, &ring.in.words[slot], old};
    if (where != died::behind_exchange) {
        (void)ring.in.swap_if(own, to, ring.in.after(to, spare), ring.in.named(slot, old), [&] {
            if (where == died::before_exchange) {
                ::_exit(0);
            }
            return true;
        });
        ::_exit(0);
    }
    own.record->open(to.phase, to.number, to.old);
    check(shm::memory::replace(*to.place, to.old, ring.in.after(to, spare)));
    ::_exit(0);
}

/// Whether the queue has room for eight, and no more, and gives them back in order.
static void check_capacity(shm::segment<sim>& of) {
    for (shm::u32 i = 0; i < 8; ++i) {
        must(of->events.push({1, i, 2}));
    }
    check(of->events.push({}).error() == shm::reason::full);
    for (shm::u32 i = 0; i < 8; ++i) {
        check(must(of->events.pop()) == event{1, i, 2});
    }
    check(of->events.empty());
}

static void a_dead_pusher_has_pushed_once_or_not_at_all() {
    for (const died where : {died::announced, died::before_exchange, died::behind_exchange, died::behind_spare}) {
        for (const bool moved_on : {false, true}) {
            auto made = must(shm::segment<sim>::create(unique("cpp-dead-push")));
            const opened_up queue(made->events);
            must(made->events.push({0, 1, 0}));
            in_child([&] { push_and_die(queue, where); });
            const bool pushed = where == died::behind_exchange || where == died::behind_spare;
            check(must(made->events.pop()).cell == 1);
            if (moved_on && pushed) {
                check(must(made->events.pop()).cell == 77);
            }
            for (shm::u32 i = 0; moved_on && i < 20; ++i) {
                must(made->events.push({0, i, 0}));
                check(must(made->events.pop()).cell == i);
            }
            check(must(made.recover()).settled == 1);
            check(queue.is_every_node_somewhere(), "a node is lost, or in two hands");
            if (!moved_on) {
                auto popped = made->events.pop();
                check(pushed ? must(popped).cell == 77 : popped.error() == shm::reason::empty);
            }
            check_capacity(made);
        }
    }
}

static void what_a_dead_consumer_held_comes_back_once() {
    for (const bool slot_is_taken : {false, true}) {
        const std::string name = unique("cpp-dead-take");
        auto made = must(shm::segment<sim>::create(name));
        must(made->events.push({0, 9, 0}));
        in_child([&] {
            auto taken = must(made->events.take());
            check(must(taken.get()).cell == 9);
            ::_exit(0);
        });
        check(made->events.pop().error() == shm::reason::empty);
        std::optional<shm::segment<sim>> successor;
        if (slot_is_taken) {
            successor.emplace(must(shm::segment<sim>::open(name)));  // has the slot, and another generation
        }
        check(must(made.recover()).settled >= 1);
        check(opened_up(made->events).is_every_node_somewhere());
        check(must(made->events.pop()).cell == 9 && made->events.pop().error() == shm::reason::empty);
        check_capacity(made);
    }
}

int main() {
    zeroed_is_empty();
    set_up_errors_say_what_is_wrong();
    operations_say_what_is_wrong();
    the_last_one_out_removes_the_name();
    what_nobody_holds_is_swept();
    a_forked_child_is_somebody_else();
    threads_have_lanes_of_their_own();
    a_queue_is_first_in_first_out();
    what_is_taken_and_not_acknowledged_comes_back();
    a_sleeper_is_woken();
    a_ring_has_one_producer_and_one_consumer();
    a_ring_hands_over_whole_elements();
    a_dead_pusher_has_pushed_once_or_not_at_all();
    what_a_dead_consumer_held_comes_back_once();
    std::puts("ok");
}
