// Boost.Lockfree and Boost.Interprocess, driven as src/fifo.rs drives the others: the loops are here, so that
// a call across languages is no part of what is measured.

#include <atomic>
#include <boost/interprocess/ipc/message_queue.hpp>
#include <boost/lockfree/queue.hpp>
#include <boost/lockfree/spsc_queue.hpp>
#include <boost/lockfree/stack.hpp>
#include <boost/version.hpp>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <immintrin.h>
#include <memory>
#include <sched.h>
#include <thread>

namespace {

namespace lockfree = boost::lockfree;
namespace interprocess = boost::interprocess;

constexpr std::size_t capacity = 4096;

template <std::size_t Words>
struct Value {
    std::uint64_t words[Words];
};

/// The two processors that are used.
int processors[2] = {0, 1};

void pin(int which) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processors[which], &set);
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

template <typename T>
double run(int what, std::uint64_t n) {
    using Queue = lockfree::queue<T, lockfree::capacity<capacity>>;
    using Spsc = lockfree::spsc_queue<T, lockfree::capacity<capacity>>;
    using Stack = lockfree::stack<T, lockfree::capacity<capacity>>;
    switch (what) {
        case 0: return one_to_one<T, Queue>(n);
        case 1: return pair<T, Queue>(n);
        case 2: return contended<T, Queue>(n);
        case 3: return one_to_one<T, Spsc>(n);
        case 4: return pair<T, Spsc>(n);
        case 5: return pair<T, Stack>(n);
        case 6: return contended<T, Stack>(n);
    }
    std::abort();
}

}  // namespace

extern "C" {

// Which processors are used from now on; they are not asked for while anything runs.
void boost_use_processors(std::size_t first, std::size_t second) {
    processors[0] = static_cast<int>(first);
    processors[1] = static_cast<int>(second);
}

// Nanoseconds per element or pair. `what` and `words` are of src/boost.rs.
double boost_run(int what, std::uint64_t words, std::uint64_t n) {
    switch (words) {
        case 1: return run<Value<1>>(what, n);
        case 3: return run<Value<3>>(what, n);
        case 7: return run<Value<7>>(what, n);
        case 32: return run<Value<32>>(what, n);
    }
    std::abort();
}

std::uint32_t boost_version() { return BOOST_VERSION; }

void* boost_messages_create(const char* name, std::size_t size) {
    interprocess::message_queue::remove(name);
    return new interprocess::message_queue(interprocess::create_only, name, 64, size);
}

void* boost_messages_open(const char* name) {
    return new interprocess::message_queue(interprocess::open_only, name);
}

void boost_messages_close(void* queue) { delete static_cast<interprocess::message_queue*>(queue); }

void boost_messages_remove(const char* name) { interprocess::message_queue::remove(name); }

void boost_messages_send(void* queue, const void* message, std::size_t size) {
    static_cast<interprocess::message_queue*>(queue)->send(message, size, 0);
}

bool boost_messages_try_receive(void* queue, void* message, std::size_t size) {
    std::size_t received;
    unsigned priority;
    return static_cast<interprocess::message_queue*>(queue)->try_receive(message, size, received, priority);
}

void boost_messages_receive(void* queue, void* message, std::size_t size) {
    std::size_t received;
    unsigned priority;
    static_cast<interprocess::message_queue*>(queue)->receive(message, size, received, priority);
}
}
