// How what is written in C++ is driven: the loops of src/fifo.rs and src/map.rs, once more.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <immintrin.h>
#include <memory>
#include <sched.h>
#include <thread>

/// Which processor is the first one that is used, and which the second: of src/process.rs.
extern "C" std::size_t bench_processor(std::size_t which);

namespace {

constexpr std::size_t capacity = 4096;

template <std::size_t Words>
struct Value {
    std::uint64_t words[Words];
};

void pin(std::size_t which) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(bench_processor(which), &set);
    sched_setaffinity(0, sizeof set, &set);
}

double now() {
    using namespace std::chrono;
    return duration<double, std::nano>(steady_clock::now().time_since_epoch()).count();
}

template <typename T>
T value(std::uint64_t number) {
    T made;
    for (auto& word : made.words) word = number;
    return made;
}

template <typename T>
std::uint64_t number(const T& value) {
    return value.words[sizeof value.words / sizeof value.words[0] - 1];
}

/// Nanoseconds per element, from a producer on one processor to a consumer on the other, which checks the sequence.
template <typename T, typename Queue>
double one_to_one(std::uint64_t n) {
    auto queue = std::make_unique<Queue>();
    std::atomic<int> ready{0};
    auto meet = [&] {
        ready.fetch_add(1);
        while (ready.load() < 2) _mm_pause();
    };
    double begun = 0, ended = 0;
    std::thread consumer([&] {
        pin(1);
        meet();
        T got;
        for (std::uint64_t i = 0; i < n; ++i) {
            while (!queue->pop(got)) _mm_pause();
            if (number(got) != i) std::abort();
        }
        ended = now();
    });
    std::thread producer([&] {
        pin(0);
        meet();
        begun = now();
        for (std::uint64_t i = 0; i < n; ++i) {
            while (!queue->push(value<T>(i))) _mm_pause();
        }
    });
    producer.join();
    consumer.join();
    return (ended - begun) / n;
}

/// Nanoseconds per push and pop of one thread.
template <typename T, typename Queue>
double pair(std::uint64_t n) {
    pin(0);
    auto queue = std::make_unique<Queue>();
    T got{};
    double begun = now();
    for (std::uint64_t i = 0; i < n; ++i) {
        if (!queue->push(value<T>(i))) std::abort();
        queue->pop(got);
        asm volatile("" : : "r"(&got) : "memory");
    }
    return (now() - begun) / n;
}

/// Nanoseconds per push and pop of each of two threads.
template <typename T, typename Queue>
double contended(std::uint64_t n) {
    auto queue = std::make_unique<Queue>();
    std::atomic<int> ready{0};
    double took[2];
    auto run = [&](int processor) {
        pin(processor);
        ready.fetch_add(1);
        while (ready.load() < 2) _mm_pause();
        T got;
        double begun = now();
        for (std::uint64_t i = 0; i < n; ++i) {
            while (!queue->push(value<T>(i))) _mm_pause();
            while (!queue->pop(got)) _mm_pause();
            asm volatile("" : : "r"(&got) : "memory");
        }
        took[processor] = now() - begun;
    };
    std::thread one(run, 0), other(run, 1);
    one.join();
    other.join();
    return std::max(took[0], took[1]) / n;
}

/// What spreads the keys.
inline std::uint64_t scatter(std::uint64_t number) {
    std::uint64_t x = number * 0x9E3779B97F4A7C15;
    x = (x ^ x >> 32) * 0xD6E8FEB86659FD93;
    return x ^ x >> 32;
}

/// Room for entries in a map, and how many are there.
constexpr std::uint64_t slots = 1 << 16;
constexpr std::uint64_t present = slots / 2;

/// A key that is there, and one that is not; all in turns, in no order.
inline std::uint64_t hit(std::uint64_t i) { return scatter((scatter(i) >> 32) * present >> 32); }
inline std::uint64_t miss(std::uint64_t i) { return scatter(present + ((scatter(i) >> 32) * present >> 32)); }

/// A map that is half full, and stays from round to round.
template <typename Map>
Map& filled() {
    static const auto map = [] {
        auto made = std::make_unique<Map>();
        for (std::uint64_t i = 0; i < present; ++i) made->insert(scatter(i), i);
        return made;
    }();
    return *map;
}

/// Nanoseconds per look for a key that is there.
template <typename Map>
double hits(std::uint64_t n) {
    pin(0);
    Map& map = filled<Map>();
    static std::uint64_t next = 0;
    std::uint64_t value = 0;
    double begun = now();
    for (std::uint64_t end = next + n; next < end; ++next) {
        if (!map.get(hit(next), value)) std::abort();
        asm volatile("" : : "r"(value) : "memory");
    }
    return (now() - begun) / n;
}

/// Nanoseconds per insertion of a key that was not there, and its removal.
template <typename Map>
double inserts_and_removes(std::uint64_t n) {
    pin(0);
    Map& map = filled<Map>();
    static std::uint64_t next = 0;
    double begun = now();
    for (std::uint64_t end = next + n; next < end; ++next) {
        const std::uint64_t key = miss(next);
        map.insert(key, next);
        if (!map.remove(key)) std::abort();
    }
    return (now() - begun) / n;
}

}  // namespace
