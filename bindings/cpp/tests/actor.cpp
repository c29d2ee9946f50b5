// What tests/cpp/ has C++ do, while Rust does the same or the opposite.
#include "check.hpp"
#include "sim.hpp"

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
}

/// Looks for what `rust_writes` did.
static void read(shm::segment<sim>& from) {
    check(must(from->events.pop()) == event{0.25, 1, 2});
    check(must(from->grid.load(11)) == -1.5F);
    const station got = must(from->stations.pop());
    check(got.name.view() == "süd" && got.cells[1] == 5 && got.last == event{0.25, 1, 2});
    check(must(from->nested.count.load()) == 40 && must(from->shards[0].pop()) == 3);
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
