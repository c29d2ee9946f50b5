// Boost.Lockfree and Boost.Interprocess, driven as src/fifo.rs drives the others: the loops are here, so that
// a call across languages is no part of what is measured.

#include "loops.hpp"

#include <boost/interprocess/allocators/allocator.hpp>
#include <boost/interprocess/containers/map.hpp>
#include <boost/interprocess/ipc/message_queue.hpp>
#include <boost/interprocess/managed_shared_memory.hpp>
#include <boost/interprocess/sync/interprocess_mutex.hpp>
#include <boost/interprocess/sync/scoped_lock.hpp>
#include <boost/lockfree/queue.hpp>
#include <boost/lockfree/spsc_queue.hpp>
#include <boost/lockfree/stack.hpp>
#include <boost/version.hpp>
#include <functional>
#include <string>
#include <unistd.h>

namespace {

namespace lockfree = boost::lockfree;
namespace interprocess = boost::interprocess;

/// A map in memory that processes share, under a lock that they share.
class locked_map {
    using entry = std::pair<const std::uint64_t, std::uint64_t>;
    using allocator = interprocess::allocator<entry, interprocess::managed_shared_memory::segment_manager>;
    using tree = interprocess::map<std::uint64_t, std::uint64_t, std::less<>, allocator>;

   public:
    locked_map() : memory(interprocess::create_only, name().c_str(), 64 << 20) {
        interprocess::shared_memory_object::remove(name().c_str());
        map = memory.construct<tree>("map")(std::less<>(), memory.get_segment_manager());
        mutex = memory.construct<interprocess::interprocess_mutex>("mutex")();
    }
    bool get(std::uint64_t key, std::uint64_t& value) {
        interprocess::scoped_lock<interprocess::interprocess_mutex> lock(*mutex);
        auto found = map->find(key);
        if (found == map->end()) return false;
        value = found->second;
        return true;
    }
    void insert(std::uint64_t key, std::uint64_t value) {
        interprocess::scoped_lock<interprocess::interprocess_mutex> lock(*mutex);
        (*map)[key] = value;
    }
    bool remove(std::uint64_t key) {
        interprocess::scoped_lock<interprocess::interprocess_mutex> lock(*mutex);
        return map->erase(key) > 0;
    }

   private:
    static std::string name() { return "bench-boost-map-" + std::to_string(getpid()); }
    interprocess::managed_shared_memory memory;
    tree* map;
    interprocess::interprocess_mutex* mutex;
};

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
        case 7: return hits<locked_map>(n);
        case 8: return inserts_and_removes<locked_map>(n);
    }
    std::abort();
}

}  // namespace

extern "C" {

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
