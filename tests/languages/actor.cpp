// A producer or a consumer in C++: the same as `actor.rs` and `actor.py`.
//
//     actor NAME SEAT FAULT
#include <shm/shm.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

using namespace std::chrono_literals;
using shm::u32;
using shm::u64;
using shm::u8;

namespace {

constexpr u64 sides = 3;
constexpr u64 batch = 1024;

/// Larger than a word, and different in each: a torn one is seen.
struct item {
    u64 number;
    u64 check[2];
    static constexpr auto shm_type =
        shm::type("Item", shm::part("number", &item::number), shm::part("check", &item::check));

    static item of(u64 number) {
        const u64 mixed = number * 0x9E3779B97F4A7C15;
        return {number, {mixed, ~mixed}};
    }
    [[nodiscard]] bool is_whole() const {
        const item whole = of(number);
        return check[0] == whole.check[0] && check[1] == whole.check[1];
    }
};

/// The same as `War` in war.rs.
struct war {
    static constexpr u64 limit = 3 << 26;

    shm::queue<item, 4096> queue;
    shm::atomic<u32> order;
    shm::atomic<u64> allowed;
    shm::array<u64, sides> next;
    shm::array<u64, sides> done;
    shm::array<u64, 2 * sides> ready;
    shm::atomic<u64> torn;
    shm::atomic<u64> late;
    std::array<shm::array<u8, limit>, sides> seen;

    static constexpr auto shm_schema = shm::schema(
        "War", shm::lanes(16), shm::field("queue", &war::queue), shm::field("order", &war::order),
        shm::field("allowed", &war::allowed), shm::field("next", &war::next), shm::field("done", &war::done),
        shm::field("ready", &war::ready), shm::field("torn", &war::torn), shm::field("late", &war::late),
        shm::field("seen", &war::seen));
};

/// Ends the program where a call fails that nobody's death may make fail.
template <class Outcome>
auto must(Outcome outcome) {
    if (!outcome.has_value()) {
        std::fprintf(stderr, "actor: %s\n", outcome.error().message().c_str());
        std::exit(1);
    }
    if constexpr (!std::is_void_v<typename Outcome::value_type>) {
        return std::move(*outcome);
    }
}

void produce(shm::segment<war>& in, u64 seat) {
    std::vector<item> items;
    u64 sequence = must(in->next.get(seat));
    while (must(in->order.load()) < 1) {
        const u64 end = std::min(sequence + batch, must(in->allowed.load()));
        if (sequence >= end) {
            std::this_thread::sleep_for(1ms);
            continue;
        }
        must(in->next.set(seat, end));  // what becomes of these is unknown if we die
        items.clear();
        for (u64 i = sequence; i < end; ++i) {
            items.push_back(item::of(i * sides + seat));
        }
        u64 pushed = must(in->queue.push_slice(items));
        if (pushed == 0 && in->queue.push_wait(items[0], 20ms)) {
            pushed = 1;
        }
        sequence += pushed;
        must(in->done.set(seat, sequence));
    }
}

void see(shm::segment<war>& in, u64 seat, std::span<const item> got, std::array<u64, sides>& newest,
         const std::string& fault) {
    const auto& seen = in->seen[seat];
    for (const item& one : got) {
        if (!one.is_whole() || one.number >= war::limit) {
            must(in->torn.fetch_add(1));
            continue;
        }
        u64& last = newest[one.number % sides];  // the number that the next one has at least
        must(in->late.fetch_add(one.number < last ? 1 : 0));
        last = one.number + 1;
        const bool is_hit = !fault.empty() && one.number % 1000 == 999;
        const int times = !is_hit ? 1 : fault == "lose" ? 0 : 2;
        must(seen.set(one.number, static_cast<u8>(must(seen.get(one.number)) + times)));
    }
}

void consume(shm::segment<war>& in, u64 seat, const std::string& fault) {
    std::vector<item> items(batch);
    std::array<u64, sides> newest = {};
    for (;;) {
        // the order is read first: what was pushed before it was given is still popped
        const bool is_last = must(in->order.load()) >= 2;
        u64 popped = must(in->queue.pop_slice(items));
        if (popped == 0) {
            if (const auto one = in->queue.pop_wait(is_last ? 0ms : 20ms)) {
                items[0] = *one;
                popped = 1;
            } else if (is_last) {
                return;
            }
        }
        see(in, seat, std::span(items).first(popped), newest, fault);
    }
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 4) {
        std::fputs("actor NAME SEAT FAULT\n", stderr);
        return 2;
    }
    auto in = must(shm::segment<war>::open(arguments[1]));
    const u64 seat = static_cast<u64>(std::atoi(arguments[2]));
    must(in->ready.set(seat, static_cast<u64>(::getpid())));
    if (seat < sides) {
        produce(in, seat);
    } else {
        consume(in, seat - sides, arguments[3]);
    }
    return 0;
}
