// What tests/kill_walk steps through: one operation each, of machine code that this binding was compiled to.
//
// A shared object. The tracer's child opens the world once with `walk_open`, and calls an operation with that at each turn. What
// it returns is what the same one of Rust notes.
#include "check.hpp"

#include <shm/shm.hpp>

#include <new>

using namespace std::chrono_literals;
using shm::u64;

/// An element: its value twice, so that a torn one shows.
using pair = std::array<u64, 2>;

/// The same as `World` in tests/kill_walk/scenario.rs.
struct world {
    shm::queue<pair, 2> queue;
    shm::queue<u64, 2> scratch;
    shm::spsc<pair, 2> spsc;
    shm::pool<pair, 2> pool;
    shm::array<u64, 4> cells;
    shm::atomic<u64> counter;
    shm::versioned<pair> latest;
    shm::broadcast<pair, 2> news;
    shm::map<u64, pair, 2> map;
    shm::large_map<u64, pair, 4, 1> large;
    shm::stack<pair, 2> stack;
    shm::mutex<pair> mutex;
    shm::rwlock<pair> table;
    shm::semaphore<2> permits;
    shm::barrier<2> gate;
    shm::once once;
    shm::signal signal;
    shm::versioned_array<u64, 3> frames;
    shm::set<u64, 2> set;

    static constexpr auto shm_schema = shm::schema(
        "World", shm::lanes(16), shm::field("queue", &world::queue), shm::field("scratch", &world::scratch),
        shm::field("spsc", &world::spsc), shm::field("pool", &world::pool), shm::field("cells", &world::cells),
        shm::field("counter", &world::counter), shm::field("latest", &world::latest), shm::field("news", &world::news),
        shm::field("map", &world::map), shm::field("large", &world::large), shm::field("stack", &world::stack),
        shm::field("mutex", &world::mutex), shm::field("table", &world::table), shm::field("permits", &world::permits),
        shm::field("gate", &world::gate), shm::field("once", &world::once), shm::field("signal", &world::signal),
        shm::field("frames", &world::frames), shm::field("set", &world::set));
};

using opened = shm::segment<world>;

/// Opens the world. Who does more than recover gets the lanes that it will need.
extern "C" opened* walk_open(const char* name, bool works) {
    auto* own = new opened(must(opened::open(name)));
    auto& scratch = (*own)->scratch;
    if (works) {
        must(scratch.push(1));
        check(must(scratch.pop()) == 1);
        must(scratch.push(2));
        must(must(scratch.take()).done());
    }
    return own;
}

/// Keeps something for as long as this process lives.
template <class T>
static void keep(T&& what) {
    alignas(T) static std::byte place[sizeof(T)];
    ::new (place) T(std::forward<T>(what));
}

static constexpr pair twice(u64 value) {
    return {value, value};
}
static constexpr pair sevens[3] = {{7, 7}, {8, 8}, {9, 9}};

/// An element as a number: zero is none.
template <class Outcome>
static u64 first(const Outcome& got) {
    return got ? (*got)[0] : 0;
}
static u64 digits(const pair* out, u64 count) {
    u64 number = 0;
    for (u64 i = 0; i < count; ++i) {
        number = number * 10 + out[i][0];
    }
    return number;
}

// ---- queues and stacks ----------------------------------------------------------------------------------------------

extern "C" u64 recover(opened* in) {
    must(in->recover());
    return 0;
}
extern "C" u64 queue_push(opened* in) {
    return (*in)->queue.push(twice(7)) ? 1 : 0;
}
extern "C" u64 queue_pop(opened* in) {
    return first((*in)->queue.pop());
}
extern "C" u64 queue_peek(opened* in) {
    return first((*in)->queue.peek());
}
extern "C" u64 queue_push_slice(opened* in) {
    return must((*in)->queue.push_slice(sevens));
}
extern "C" u64 queue_pop_slice(opened* in) {
    pair out[3];
    return digits(out, must((*in)->queue.pop_slice(out)));
}
extern "C" u64 queue_loan(opened* in) {
    auto loan = must((*in)->queue.loan());
    must(loan.write(twice(7)));
    return loan.commit() ? 1 : 0;
}
extern "C" u64 queue_take_done(opened* in) {
    auto taken = (*in)->queue.take();
    const u64 got = taken ? must(taken->get())[0] : 0;
    if (taken) {
        must(taken->done());
    }
    return got;
}
extern "C" u64 queue_take_back(opened* in) {
    const auto taken = (*in)->queue.take();
    return taken ? must(taken->get())[0] : 0;
}

extern "C" u64 stack_push(opened* in) {
    return (*in)->stack.push(twice(7)) ? 1 : 0;
}
extern "C" u64 stack_pop(opened* in) {
    return first((*in)->stack.pop());
}
extern "C" u64 stack_peek(opened* in) {
    return first((*in)->stack.peek());
}
extern "C" u64 stack_push_slice(opened* in) {
    return must((*in)->stack.push_slice(sevens));
}
extern "C" u64 stack_pop_slice(opened* in) {
    pair out[3];
    return digits(out, must((*in)->stack.pop_slice(out)));
}

// ---- rings of one producer and one consumer -------------------------------------------------------------------------

/// Claims a role, does something in it, and gives it back; 99 where somebody has it.
template <class Role, class Act>
static u64 in_role(Role role, Act act) {
    return role ? act(*role) : 99;
}
extern "C" u64 spsc_push(opened* in) {
    return in_role((*in)->spsc.producer(), [](auto& role) -> u64 { return role.push(twice(7)) ? 1 : 0; });
}
extern "C" u64 spsc_push_slice(opened* in) {
    return in_role((*in)->spsc.producer(), [](auto& role) { return must(role.push_slice(std::span(sevens, 2))); });
}
extern "C" u64 spsc_pop(opened* in) {
    return in_role((*in)->spsc.consumer(), [](auto& role) { return first(role.pop()); });
}
extern "C" u64 spsc_pop_slice(opened* in) {
    return in_role((*in)->spsc.consumer(), [](auto& role) {
        pair out[2];
        return digits(out, must(role.pop_slice(out)));
    });
}

extern "C" u64 spsc_write_chunk(opened* in) {
    return in_role((*in)->spsc.producer(), [](auto& role) {
        auto places = role.chunk(2);
        const u64 count = places.size();
        for (u64 i = 0; i < count; ++i) {
            must(places.set(i, sevens[i]));
        }
        must(places.commit(count));
        return count;
    });
}
extern "C" u64 spsc_read_chunk(opened* in) {
    return in_role((*in)->spsc.consumer(), [](auto& role) {
        auto elements = role.chunk(2);
        u64 number = 0;
        for (u64 i = 0; i < elements.size(); ++i) {
            number = number * 10 + must(elements.get(i))[0];
        }
        must(elements.commit(elements.size()));
        return number;
    });
}

// ---- maps -----------------------------------------------------------------------------------------------------------

/// A value, or none, as a number.
static u64 found(const std::optional<pair>& value) {
    return value ? 1 + (*value)[0] : 0;
}
/// What an insertion said, as a number.
static u64 inserted(const shm::outcome<std::optional<pair>>& said) {
    return said ? found(*said) : 99;
}
extern "C" u64 map_insert(opened* in) {
    return inserted((*in)->map.insert(7, twice(7)));
}
extern "C" u64 map_replace(opened* in) {
    return inserted((*in)->map.insert(1, twice(8)));
}
extern "C" u64 map_add(opened* in) {
    const auto said = (*in)->map.add(7, twice(7));
    return said ? (*said ? (**said)[0] : 7) : 99;
}
extern "C" u64 map_update(opened* in) {
    return found(must((*in)->map.update(1, [](const pair& now) { return twice(now[0] + 7); })));
}
extern "C" u64 map_compare_exchange(opened* in) {
    const auto was = must((*in)->map.compare_exchange(1, twice(1), twice(8)));
    return was == std::optional(twice(1)) ? 1 : 100 + found(was);
}
extern "C" u64 map_remove(opened* in) {
    return found(must((*in)->map.remove(1)));
}
extern "C" u64 map_get(opened* in) {
    return found(must((*in)->map.get(1)));
}
extern "C" u64 large_insert(opened* in) {
    return inserted((*in)->large.insert(7, twice(7)));
}
extern "C" u64 large_replace(opened* in) {
    return inserted((*in)->large.insert(1, twice(8)));
}
extern "C" u64 large_update(opened* in) {
    return found(must((*in)->large.update(1, [](const pair&) { return twice(8); })));
}
extern "C" u64 large_remove(opened* in) {
    return found(must((*in)->large.remove(1)));
}
extern "C" u64 large_get(opened* in) {
    return found(must((*in)->large.get(1)));
}
extern "C" u64 set_insert(opened* in) {
    const auto said = (*in)->set.insert(7);
    return said ? (*said ? 1 : 0) : 99;
}
extern "C" u64 set_remove(opened* in) {
    return must((*in)->set.remove(1)) ? 1 : 0;
}
extern "C" u64 set_contains(opened* in) {
    return (*in)->set.contains(1) ? 1 : 0;
}

// ---- objects, the latest values, messages ---------------------------------------------------------------------------

extern "C" u64 pool_acquire(opened* in) {
    auto held = (*in)->pool.acquire();
    const bool is_there = held.has_value();
    if (is_there) {
        keep(std::move(*held));
    }
    return is_there ? 1 : 0;
}
extern "C" u64 pool_acquire_and_release(opened* in) {
    const auto held = (*in)->pool.acquire();
    return held ? 1 : 0;
}
extern "C" u64 pool_get(opened* in) {
    return must((*in)->pool.get(u64{1} << 28)).value_or(pair{})[0];
}
extern "C" u64 versioned_store(opened* in) {
    must((*in)->latest.store(twice(7)));
    return 0;
}
extern "C" u64 versioned_update(opened* in) {
    must((*in)->latest.update([](const pair& now) { return pair{now[0] + 7, now[1] + 7}; }));
    return 0;
}
extern "C" u64 versioned_load(opened* in) {
    return must((*in)->latest.load())[0];
}
extern "C" u64 broadcast_send(opened* in) {
    must((*in)->news.send(twice(7)));
    return 0;
}
extern "C" u64 broadcast_recv(opened* in) {
    auto reader = must((*in)->news.subscribe(true));
    u64 number = 0;
    for (int messages = 0; messages < 2; ++messages) {
        auto got = reader.recv();
        for (int tries = 1; tries < 9 && !got && got.error() == shm::reason::outrun; ++tries) {
            got = reader.recv();
        }
        number = number * 100'000 + reader.missed() * 1000 + first(got);
    }
    return number;
}
extern "C" u64 broadcast_sent(opened* in) {
    return (*in)->news.sent();
}
extern "C" u64 frames_publish(opened* in) {
    return in_role((*in)->frames.writer(), [](auto& writer) {
        const u64 frame[3] = {7, 8, 9};
        return must(writer.publish(frame));
    });
}
extern "C" u64 frames_edit(opened* in) {
    return in_role((*in)->frames.writer(), [](auto& writer) {
        return must(writer.edit([](const auto& frame) {
            u64 now = 0;
            check(frame.load(1, now) && frame.store(1, now + 8));
        }));
    });
}
extern "C" u64 frames_read(opened* in) {
    u64 frame[3] = {};
    const u64 number = must((*in)->frames.read_into(frame));
    return ((number * 100 + frame[0]) * 100 + frame[1]) * 100 + frame[2];
}
extern "C" u64 frames_writer(opened* in) {
    const auto writer = must((*in)->frames.writer());
    return 0;
}
extern "C" u64 counter_add(opened* in) {
    return must((*in)->counter.fetch_add(1));
}

// ---- what blocks ----------------------------------------------------------------------------------------------------

/// The guard, where there is one, and what to note: 0 where it is locked, 2 where an owner died.
template <class Guard>
static std::pair<u64, Guard*> opened_guard(shm::locked<Guard>& got) {
    if (got) {
        return {1, &*got};
    }
    return got.error().guard ? std::pair(u64{2}, &*got.error().guard) : std::pair<u64, Guard*>(0, nullptr);
}
/// Sets the value, if there is a lock.
template <class Guard>
static u64 set_it(shm::locked<Guard> got) {
    const auto [note, guard] = opened_guard(got);
    if (guard != nullptr) {
        must(guard->set(twice(7)));
        guard->mark_consistent();
    }
    return note;
}
extern "C" u64 mutex_lock(opened* in) {
    return set_it((*in)->mutex.lock());
}
extern "C" u64 mutex_try_lock(opened* in) {
    return set_it((*in)->mutex.try_lock());
}
extern "C" u64 mutex_lock_wait(opened* in) {
    return set_it((*in)->mutex.lock_wait(1ms));
}
extern "C" u64 mutex_look(opened* in) {
    auto got = (*in)->mutex.try_lock();
    const auto [note, guard] = opened_guard(got);
    return note * 100 + (guard != nullptr ? must(guard->get())[0] : 0);
}
extern "C" u64 rwlock_write(opened* in) {
    return set_it((*in)->table.write());
}
extern "C" u64 rwlock_try_write(opened* in) {
    return set_it((*in)->table.try_write());
}
extern "C" u64 rwlock_write_wait(opened* in) {
    return set_it((*in)->table.write_wait(1ms));
}
/// Reads, if there is a lock.
template <class Guard>
static u64 read_it(shm::locked<Guard> got) {
    const auto [note, guard] = opened_guard(got);
    if (guard == nullptr) {
        return 0;
    }
    const pair value = must(guard->get());
    return note * 10'000 + value[0] * 100 + value[1];
}
extern "C" u64 rwlock_read(opened* in) {
    return read_it((*in)->table.read());
}
extern "C" u64 rwlock_try_read(opened* in) {
    return read_it((*in)->table.try_read());
}
extern "C" u64 rwlock_read_wait(opened* in) {
    return read_it((*in)->table.read_wait(1ms));
}
extern "C" u64 permit_try(opened* in) {
    const auto permit = (*in)->permits.acquire();
    return permit ? 1 : 0;
}
extern "C" u64 permit_acquire(opened* in) {
    const auto permit = must((*in)->permits.acquire_wait(1h));
    return 1;
}
extern "C" u64 barrier_wait(opened* in) {
    const auto passed = (*in)->gate.wait(0ms);
    return passed ? (passed->is_leader ? 2 : 1) : 0;
}
extern "C" u64 once_call(opened* in) {
    u64 how = 1;
    must((*in)->once.call_once([&](shm::once_state state) { how = state.is_interrupted ? 3 : 2; }));
    return how;
}
extern "C" u64 once_call_wait(opened* in) {
    u64 how = 1;
    const auto done = (*in)->once.call_once_wait(0ms, [&](shm::once_state state) { how = state.is_interrupted ? 3 : 2; });
    return done ? how : 0;
}
extern "C" u64 signal_raise(opened* in) {
    must((*in)->signal.raise());
    return 0;
}
extern "C" u64 signal_count(opened* in) {
    return (*in)->signal.count();
}
