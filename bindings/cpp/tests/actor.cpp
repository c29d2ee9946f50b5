// What tests/cpp/ has C++ do, while Rust does the same or the opposite.
#include "check.hpp"
#include "sim.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <random>
#include <thread>

using namespace std::chrono_literals;

/// Does to a segment what `rust_sees_it` expects.
static void write(shm::segment<sim>& to) {
    must(to->events.push({0.5, 7, 1}));
    must(to->grid.set(7, 1.5F));
    must(to->stations.push({"north", {8, 9}, {1.0, 2, 3}}));
    must(to->nested.count.fetch_add(-2));
    must(to->shards[1].push(6));
    must(to->gauges.insert(4, {2.0, 3, 4}));
    must(to->names.insert("main street", 11));
    check(must(to->wet.insert(3)) && must(to->wet.insert(4)));
    must(to->large.insert(7, 49));
    must(to->undo.push(4));
    must(to->undo.push(-5));
    must(to->state.store({2.0, 3, 4}));
    check(must(to->state.update([](const event& now) { return event{now.t + 1, now.cell + 1, 5}; })).cell == 3);
    {
        auto writer = must(to->frame.writer());
        const float ones[6] = {1, 1, 1, 1, 1, 1};
        must(writer.publish(ones));
        must(writer.edit([](const auto& cells) { check(cells.store(0, 0.5F)); }));
    }
    for (int i = 0; i < 4; ++i) {
        must(to->ticks.send(i - 1));
    }
    auto producer = must(to->audio.producer());
    must(producer.push({0.5, 8, 0}));
    must(producer.push_wait({1.5, 9, 0}, 1s));
}

/// Looks for what `rust_writes` did.
static void read(shm::segment<sim>& from) {
    check(must(from->events.pop()) == event{0.25, 1, 2});
    check(must(from->grid.load(11)) == -1.5F);
    const station got = must(from->stations.pop());
    check(got.name.view() == "süd" && got.cells[1] == 5 && got.last == event{0.25, 1, 2});
    check(must(from->nested.count.load()) == 40 && must(from->shards[0].pop()) == 3);
    check(must(from->gauges.remove(9)) == event{0.25, 1, 2} && must(from->names.remove("süd")) == 12);
    check(must(from->wet.remove(5)) && from->wet.empty());
    const shm::u64 handle = must(from->names.get("lease")).value();
    check(must(from->objects.get(handle)) == event{0.25, 1, 2} && from->objects.available() == 1);
    check(must(from->objects.acquire()).handle() != handle);
    must(from->permits.acquire_wait(1s));
    check(must(from->undo.pop()) == 11 && must(from->state.load()) == event{0.25, 1, 2});
    float frame[6] = {};
    check(must(from->frame.read_into(frame)) == 1 && frame[0] == 1.5F && frame[5] == 1.5F);
    auto ticks = must(from->ticks.subscribe(true));
    check(ticks.position() == 2 && must(ticks.recv()) == 2 && must(ticks.recv()) == 3);
    for (shm::u64 key = 0; key < 32; ++key) {
        check(must(from->large.remove(key)) == key);
    }
    auto consumer = must(from->audio.consumer());
    check(must(consumer.pop()) == event{0.5, 1, 0} && must(consumer.pop_wait(1s)) == event{0.5, 2, 0});
}

/// Pushes numbered events into the ring until it is killed.
static void ring(shm::segment<sim>& to, shm::u32 number) {
    auto producer = must(to->audio.producer());
    std::puts("ready");
    std::fflush(stdout);
    for (;; ++number) {
        while (!producer.push_wait({static_cast<double>(number), number, ~number}, 1s)) {
        }
    }
}

/// Pushes numbered items for ever, until the order says stop.
static void produce(shm::segment<war>& in, shm::u64 seat) {
    shm::u64 number = must(in->next.get(seat));
    while (must(in->order.load()) < 1 && number < war::limit) {
        // the number is the dead's from here on: whether its push took effect is not known to the successor
        must(in->next.set(seat, number + 1));
        while (!in->queue.push_wait(item::of(seat, number), 100ms)) {
            if (must(in->order.load()) >= 1) {
                must(in->next.set(seat, number));
                return;
            }
        }
        must(in->acknowledged.fetch_add(seat, 1));
        ++number;
    }
}

static void see(shm::segment<war>& in, const item& got) {
    if (got.is_whole() && got.seat < war::producers && got.number < war::limit) {
        must(in->seen.fetch_add(got.seat * war::limit + got.number, 1));
    } else {
        must(in->torn.fetch_add(1));
    }
}

/// Pops, or takes and acknowledges, until the order says that nothing comes any more.
static void consume(shm::segment<war>& in, bool takes) {
    for (;;) {
        // the order is read first: what was pushed before it was given is still popped
        const bool last = must(in->order.load()) >= 2;
        if (takes) {
            auto taken = in->queue.take();
            if (taken) {
                see(in, must(taken->get()));
                must(taken->done());
                continue;
            }
        } else {
            auto popped = in->queue.pop_wait(last ? 0ms : 20ms);
            if (popped) {
                see(in, *popped);
                continue;
            }
        }
        if (last) {
            return;
        }
    }
}

/// Counts in a map, and has others at its side in crowded ones, until it is killed or the order comes.
static void work(shm::segment<town>& in, shm::u64 seat) {
    std::mt19937_64 random(std::random_device{}());
    const auto see = [&](shm::u64 key, const item& found) {
        if (found.seat != key || !found.is_whole()) {
            must(in->torn.fetch_add(1));
        }
    };
    const auto crowd = [&](const auto& map, shm::u64 key) {
        const item mine = item::of(key, random());
        switch (random() % 4) {
            case 0:
                (void)map.insert(key, mine);
                break;
            case 1:
                (void)map.add(key, mine);
                break;
            case 2:
                if (const auto removed = must(map.remove(key))) {
                    see(key, *removed);
                }
                break;
            default:
                if (const auto found = must(map.get(key))) {
                    see(key, *found);
                }
        }
    };
    const auto pass_on = [&] {
        const item mine = item::of(seat, random() % (1ULL << 40));
        (void)in->undo.push(mine);
        if (const auto popped = in->undo.pop()) {
            see(popped->seat, *popped);
        }
        must(in->news.send(mine));
    };
    const auto publish = [&] {
        shm::u64 frame[600];
        const shm::u64 number = must(in->frame.read_into(frame));
        if (!std::all_of(std::begin(frame), std::end(frame), [&](shm::u64 v) { return v == number; })) {
            must(in->torn.fetch_add(1));
        }
        if (auto writer = in->frame.writer()) {
            std::fill(std::begin(frame), std::end(frame), writer->version() + 1);
            must(writer->publish(frame));
        }
    };
    auto news = must(in->news.subscribe());
    const auto me = static_cast<shm::u32>(seat);
    while (must(in->torn.load()) < 1'000'000) {  // the order to stop
        check(must(in->counts.update(me, [](shm::u64 count) { return count + 1; })).has_value());
        must(in->total.update([](const item& now) { return item::of(9, now.number + 1); }));
        must(in->acknowledged.fetch_add(seat, 1));
        publish();
        while (const auto got = news.recv()) {
            see(got->seat, *got);
        }
        for (int i = 0; i < 8; ++i) {
            pass_on();
            crowd(in->crowd, random() % 20);
            crowd(in->large, random() % 20);
            const std::string flag = std::to_string(random() % 20);
            (void)(random() % 2 == 0 ? in->flags.insert(std::string_view(flag)) : in->flags.remove(std::string_view(flag)));
        }
    }
}

/// Locks all there is to lock, has begun what is done once, and is killed.
static void hold(shm::segment<sim>& in) {
    auto bank = must(in->bank.lock());
    must(bank.set({7, 7, 7}));
    auto limits = must(in->limits.write());
    const auto run = [](shm::once_state) {
        std::puts("holding");
        std::fflush(stdout);
        std::this_thread::sleep_for(1h);
    };
    must(in->ready.call_once(run));
}

/// Finds what a dead process of Rust had locked, and puts it in order.
static void inherit(shm::segment<sim>& from) {
    auto bank = from->bank.lock();
    check(!bank && bank.error() == shm::reason::owner_died);
    check(must(bank.error().guard->get()) == event{7, 7, 7});
    must(bank.error().guard->set({8, 8, 8}));
    bank.error().guard->mark_consistent();
    check(from->bank.try_lock().error() == shm::reason::would_block);
    {
        const auto limits = from->limits.read_wait(60s);
        check(!limits && limits.error() == shm::reason::owner_died && from->limits.readers() == 1);
        check(from->limits.try_write().error() == shm::reason::would_block);
    }
    auto limits = from->limits.write();
    check(!limits && limits.error() == shm::reason::owner_died);
    limits.error().guard->mark_consistent();
    check(!from->ready.is_completed());
    bool interrupted = false;
    must(from->ready.call_once([&](shm::once_state state) { interrupted = state.is_interrupted; }));
    check(interrupted && from->ready.is_completed());
    check(from->gate.wait(1ms).error() == shm::reason::timed_out);
    check(must(from->bell.wait(1, 60s)) == 2);
    must(from->bell.raise());
}

/// Changes what two locks protect, passes a gate, does what is done once and raises, until it is killed or told to stop.
static void labour(shm::segment<works>& in, shm::u64 seat) {
    std::mt19937_64 random(std::random_device{}());
    const auto expect = [&](bool holds) {
        if (!holds) {
            must(in->wrong.fetch_add(1));
        }
    };
    // The next number, of a pair that is whole, or of one whose writer died.
    const auto next = [&](const works::count& now, bool died) -> works::count {
        expect(now[0] == now[1] || (died && now[0] == now[1] + 1));
        return {now[0] + 1, now[0] + 1};
    };
    const auto write = [&](auto locked, shm::u64 which) {
        const bool died = !locked;
        expect(locked || (locked.error() == shm::reason::owner_died));
        auto& guard = died ? *locked.error().guard : *locked;
        expect(must(in->inside.get(which)) == 0 || died);
        must(in->inside.set(which, seat + 1));
        must(guard.set(next(must(guard.get()), died)));
        expect(must(in->inside.get(which)) == seat + 1);
        must(in->inside.set(which, 0));
        guard.mark_consistent();
    };
    while (must(in->wrong.load()) < 1'000'000) {  // the order to stop
        write(in->ledger.lock(), 0);
        must(in->acknowledged.fetch_add(seat * 3, 1));
        if (random() % 4 == 0) {
            write(in->board.write(), 1);
            must(in->acknowledged.fetch_add(seat * 3 + 1, 1));
        } else if (const auto read = in->board.read()) {
            const auto found = must(read->get());
            expect(found[0] == found[1] && must(in->inside.get(1)) == 0);
        } else {
            expect(read.error() == shm::reason::owner_died);
        }
        must(in->bell.raise());
        must(in->acknowledged.fetch_add(seat * 3 + 2, 1));
        if (const auto passed = in->gate.wait(std::chrono::microseconds(random() % 2000))) {
            must(in->passed.fetch_add(passed->is_leader ? 0 : 1, 1));
        }
        const shm::u64 task = random() % works::tasks;
        must(in->once[task].call_once([&](shm::once_state state) {
            must(in->begun.fetch_add(task, 1));
            if (!state.is_interrupted) {
                must(in->first.fetch_add(task, 1));
            }
        }));
        expect(must(in->begun.get(task)) > 0);
    }
}

int main(int count, char** arguments) {
    check(count >= 3, "actor WHAT NAME [SEAT]");
    const std::string what = arguments[1];
    const std::string name = arguments[2];
    if (what == "fingerprint") {
        constexpr auto print = shm::plan_of<sim>::fingerprint;
        std::printf("%016llx%016llx\n", static_cast<unsigned long long>(print.high),
                    static_cast<unsigned long long>(print.low));
    } else if (what == "write") {
        auto opened = must(shm::segment<sim>::open(name));
        write(opened);
    } else if (what == "read") {
        auto opened = must(shm::segment<sim>::open(name));
        read(opened);
    } else if (what == "create") {
        auto made = must(shm::segment<sim>::create(name));
        write(made);
        std::puts("created");
        std::fflush(stdout);
        std::this_thread::sleep_for(1h);  // it is killed
    } else if (what == "wait") {
        auto opened = must(shm::segment<sim>::open(name));
        std::puts("waiting");
        std::fflush(stdout);
        check(must(opened->events.pop_wait(60s)).cell == 5);
    } else if (what == "ring") {
        auto opened = must(shm::segment<sim>::open(name));
        ring(opened, static_cast<shm::u32>(std::atoi(arguments[3])));
    } else if (what == "hold") {
        auto opened = must(shm::segment<sim>::open(name));
        hold(opened);
    } else if (what == "inherit") {
        auto opened = must(shm::segment<sim>::open(name));
        inherit(opened);
    } else if (what == "labour") {
        auto opened = must(shm::segment<works>::open(name));
        labour(opened, static_cast<shm::u64>(std::atoi(arguments[3])));
    } else if (what == "work") {
        auto opened = must(shm::segment<town>::open(name));
        work(opened, static_cast<shm::u64>(std::atoi(arguments[3])));
    } else if (what == "produce") {
        auto opened = must(shm::segment<war>::open(name));
        produce(opened, static_cast<shm::u64>(std::atoi(arguments[3])));
    } else if (what == "pop" || what == "take") {
        auto opened = must(shm::segment<war>::open(name));
        consume(opened, what == "take");
    } else {
        check(false, "there is no such role");
    }
}
