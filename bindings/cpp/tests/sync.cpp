// The binding's own tests of what blocks: C++ alone, in one process and in children of it.
#include "check.hpp"
#include "sim.hpp"

#include <algorithm>
#include <csignal>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

/// Does something in so many threads at once.
template <class Work>
static void in_threads(int count, Work work) {
    std::vector<std::thread> threads;
    for (int id = 0; id < count; ++id) {
        threads.emplace_back([&work, id] { work(id); });
    }
    for (auto& thread : threads) {
        thread.join();
    }
}

static void a_mutex_has_one_owner() {
    auto made = must(shm::segment<works>::create(unique("cpp-mutex")));
    auto other = must(shm::segment<works>::open(made.name()));
    {
        auto guard = must(made->ledger.lock());
        check(other->ledger.try_lock().error() == shm::reason::would_block);
        check(other->ledger.lock_wait(60ms).error() == shm::reason::timed_out, "nothing is taken from the living");
        check(made->ledger.try_lock().error() == shm::reason::would_block, "nor from oneself");
        must(guard.set({1, 2}));
        auto moved = std::move(guard);
        check(must(moved.get())[1] == 2 && guard.get().error() == shm::reason::not_held);
        in_child([&] { check(moved.get().error() == shm::reason::not_held, "a lock is its process's"); });
        std::thread late([last = std::move(moved)]() mutable {
            std::this_thread::sleep_for(20ms);
            const auto gone = std::move(last);
        });
        check(must(must(other->ledger.lock_wait(60s)).get())[0] == 1, "who unlocks wakes who waits");
        late.join();
    }
    in_threads(4, [&](int id) {
        auto& mine = id % 2 == 0 ? made : other;
        for (int i = 0; i < 2000; ++i) {
            auto guard = must(mine->ledger.lock());
            must(guard.update([](const works::count& now) { return works::count{now[0] + 1, now[1] + 1}; }));
        }
    });
    check(must(must(made->ledger.lock()).get())[1] == 8002);
    made.close();
    check(made->ledger.lock().error() == shm::reason::closed);
    auto seen = must(shm::segment<works>::open(other.name(), {.read_only = true}));
    check(seen->ledger.try_lock().error() == shm::reason::read_only && seen->board.read().error() == shm::reason::read_only);
}

static void an_owners_death_is_told_until_it_is_settled() {
    auto made = must(shm::segment<works>::create(unique("cpp-died")));
    in_child([&] {
        auto guard = must(made->ledger.lock());
        must(guard.set({9, 8}));
        ::_exit(0);
    });
    for (int i = 0; i < 2; ++i) {
        auto locked = made->ledger.lock();
        check(!locked && locked.error() == shm::reason::owner_died);
        check_has(locked.error().message(), "`ledger`: an owner died with the lock");
        check(must(locked.error().guard->get()) == works::count{9, 8});
        check(made->ledger.try_lock().error() == shm::reason::would_block, "it is locked all the same");
    }
    {
        auto locked = made->ledger.try_lock();
        locked.error().guard->mark_consistent();
        auto guard = std::move(*locked.error().guard);
        must(guard.set({9, 9}));
    }
    check(must(must(made->ledger.lock()).get()) == works::count{9, 9});
#ifdef __cpp_exceptions
    try {
        auto guard = must(made->ledger.lock());
        throw 1;
    } catch (int) {
    }
    check(made->ledger.lock().error() == shm::reason::owner_died, "an exception leaves the value in doubt");
#endif
}

static void many_read_or_one_writes() {
    auto made = must(shm::segment<works>::create(unique("cpp-rwlock")));
    auto other = must(shm::segment<works>::open(made.name()));
    {
        auto one = must(made->board.read());
        auto two = must(made->board.try_read());
        auto three = must(other->board.read_wait(1s));
        check(made->board.readers() == 3 && other->board.try_write().error() == shm::reason::would_block);
        check(other->board.write_wait(60ms).error() == shm::reason::timed_out, "nobody who lives is forgotten");
        check(must(one.get()) == works::count{} && made->board.readers() == 3);
        auto moved = std::move(two);
        check(two.get().error() == shm::reason::not_held && must(moved.get())[0] == 0);
        in_child([&] { check(moved.get().error() == shm::reason::not_held, "a reader is its process's"); });
        std::thread late([last = std::move(moved), also = std::move(three), and_me = std::move(one)]() mutable {
            std::this_thread::sleep_for(20ms);
            const auto gone = std::move(last);
            const auto too = std::move(also);
            const auto me = std::move(and_me);
        });
        auto writer = must(other->board.write_wait(60s));
        must(writer.set({5, 5}));
        check(made->board.try_read().error() == shm::reason::would_block && made->board.readers() == 0);
        late.join();
    }
    in_threads(4, [&](int id) {
        auto& mine = id % 2 == 0 ? made : other;
        for (int i = 0; i < 2000; ++i) {
            if (i % 4 == id) {
                auto guard = must(mine->board.write());
                must(guard.update([](const works::count& now) { return works::count{now[0] + 1, now[1] + 1}; }));
            } else {
                const auto seen = must(must(mine->board.read()).get());
                check(seen[0] == seen[1], "a writer was beside a reader");
            }
        }
    });
    check(must(must(made->board.read()).get()) == works::count{2005, 2005});
    check(made->board.readers() == 0);
}

static void dead_readers_are_forgotten_and_dead_writers_told() {
    auto made = must(shm::segment<works>::create(unique("cpp-rwlock-died")));
    in_child([&] {
        auto one = must(made->board.read());
        auto two = must(made->board.read());
        ::_exit(0);
    });
    check(made->board.readers() == 2);
    must(must(made->board.try_write()).set({1, 1}));
    check(made->board.readers() == 0);
    in_child([&] {
        auto guard = must(made->board.write());
        ::_exit(0);
    });
    check(made->board.read().error() == shm::reason::owner_died && made->board.try_read().error() == shm::reason::owner_died);
    auto heir = made->board.write_wait(60s);
    check(heir.error() == shm::reason::owner_died && must(heir.error().guard->get())[0] == 1);
    heir.error().guard->mark_consistent();
    heir = made->board.try_write();
    check(heir.error() == shm::reason::would_block);
    const auto first = std::move(heir);
    check(made->board.try_read().has_value(), "the heir is gone");
}

/// A barrier whose word can be seen.
struct seen_gate : shm::barrier<2> {
    explicit seen_gate(const shm::barrier<2>& of) : barrier(of) {}
    [[nodiscard]] shm::u64 here() const { return shm::memory::look(*part<shm::u64>(8)) & 3; }
};

static void a_gate_opens_for_all_who_live() {
    auto made = must(shm::segment<works>::create(unique("cpp-barrier")));
    auto other = must(shm::segment<works>::open(made.name()));
    check(made->gate.wait(2ms).error() == shm::reason::timed_out);
    std::atomic<int> leaders{0};
    std::atomic<int> rounds[2] = {0, 0};
    in_threads(2, [&](int id) {
        for (int i = 0; i < 500; ++i) {
            rounds[id] = i;
            leaders += must((id == 0 ? made : other)->gate.wait(60s)).is_leader ? 1 : 0;
            check(rounds[1 - id] >= i, "it went on before the other was there");
        }
    });
    check(leaders == 500);
    const seen_gate gate(made->gate);
    const pid_t child = ::fork();
    if (child == 0) {
        (void)made->gate.wait(1h);
        ::_exit(1);
    }
    while (gate.here() == 0) {
        std::this_thread::sleep_for(1ms);
    }
    ::kill(child, SIGKILL);
    check(::waitpid(child, nullptr, 0) == child);
    check(made->gate.wait(0ms).error() == shm::reason::timed_out, "the dead are not counted");
    check(gate.here() == 0, "nor left there");
    in_threads(2, [&](int id) { must((id == 0 ? made : other)->gate.wait(60s)); });
}

static void what_is_done_once_is_done_once() {
    auto made = must(shm::segment<works>::create(unique("cpp-once")));
    const auto& once = made->once[0];
    in_child([&] { must(once.call_once([](shm::once_state) { ::_exit(0); })); });
    check(!once.is_completed());
    std::atomic<int> runs{0};
    std::atomic<int> told{0};
    in_threads(4, [&](int) {
        must(once.call_once([&](shm::once_state state) {
            std::this_thread::sleep_for(5ms);
            ++runs;
            told += state.is_interrupted ? 1 : 0;
        }));
        check(runs == 1, "it returns when somebody has run");
    });
    check(runs == 1 && told == 1 && once.is_completed());
    must(made->once[1].call_once([&](shm::once_state state) {
        check(!state.is_interrupted);
        std::thread([&] {
            check(made->once[1].call_once_wait(2ms, [](shm::once_state) {}).error() == shm::reason::timed_out);
        }).join();
    }));
    auto seen = must(shm::segment<works>::open(made.name(), {.read_only = true}));
    must(seen->once[1].call_once([](shm::once_state) { check(false, "it is done"); }));
    check(seen->once[2].call_once([](shm::once_state) {}).error() == shm::reason::read_only);
}

static void a_signal_counts_each_raise_once() {
    auto made = must(shm::segment<works>::create(unique("cpp-signal")));
    check(made->bell.wait(0, 2ms).error() == shm::reason::timed_out && made->bell.count() == 0);
    std::thread waiting([&] {
        for (shm::u64 seen = 0; seen < 8000;) {
            seen = must(made->bell.wait(seen, 60s));
        }
    });
    in_threads(4, [&](int) {
        for (int i = 0; i < 2000; ++i) {
            must(made->bell.raise());
        }
    });
    waiting.join();
    check(made->bell.count() == 8000);
    auto seen = must(shm::segment<works>::open(made.name(), {.read_only = true}));
    check(must(seen->bell.wait(7999, 1s)) == 8000 && seen->bell.raise().error() == shm::reason::read_only);
    check(seen->bell.wait(8000, 3ms).error() == shm::reason::timed_out);
}

int main() {
    a_mutex_has_one_owner();
    an_owners_death_is_told_until_it_is_settled();
    many_read_or_one_writes();
    dead_readers_are_forgotten_and_dead_writers_told();
    a_gate_opens_for_all_who_live();
    what_is_done_once_is_done_once();
    a_signal_counts_each_raise_once();
    std::puts("ok");
}
