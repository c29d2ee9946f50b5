// The structures in C++, of `bindings/cpp`, driven as src/fifo.rs drives those in Rust: the loops are here, so that a call
// across languages is no part of what is measured.

#include "loops.hpp"

#include <shm/shm.hpp>

#include <string>
#include <unistd.h>

namespace {

/// Opens or creates a segment of one structure, with a name that no other has.
template <typename Schema>
shm::segment<Schema> create(const char* what) {
    const std::string name = std::string("bench-cpp-") + what + "-" + std::to_string(getpid());
    return shm::segment<Schema>::create(name, {.prefault = true}).value();
}

template <typename Schema>
shm::segment<Schema> open(const shm::segment<Schema>& of) {
    return shm::segment<Schema>::open(of.name(), {.prefault = true}).value();
}

struct queues {
    shm::queue<std::uint64_t, capacity> it;
    static constexpr auto shm_schema = shm::schema("Queues", shm::field("queue", &queues::it));
};
struct rings {
    shm::spsc<std::uint64_t, capacity> it;
    static constexpr auto shm_schema = shm::schema("Rings", shm::field("ring", &rings::it));
};
struct stacks {
    shm::stack<std::uint64_t, capacity> it;
    static constexpr auto shm_schema = shm::schema("Stacks", shm::field("stack", &stacks::it));
};
struct maps {
    shm::map<std::uint64_t, std::uint64_t, slots> it;
    static constexpr auto shm_schema = shm::schema("Maps", shm::field("map", &maps::it));
};
struct objects {
    std::uint64_t words[7];
    static constexpr auto shm_type = shm::type("Object", shm::part("words", &objects::words));
};
struct pools {
    shm::pool<objects, 1024> it;
    static constexpr auto shm_schema = shm::schema("Pools", shm::field("pool", &pools::it));
};

using word = Value<1>;

/// Two attachments of one segment: one pushes, the other pops.
template <typename Schema>
struct both {
    shm::segment<Schema> first = create<Schema>("fifo");
    shm::segment<Schema> second = open(first);

    bool push(const word& value) { return first->it.push(value.words[0]).has_value(); }
    bool pop(word& out) {
        const auto got = second->it.pop();
        if (got) out.words[0] = *got;
        return got.has_value();
    }
};

/// One attachment that pushes and pops.
template <typename Schema>
struct alone {
    shm::segment<Schema> own = create<Schema>("pair");

    bool push(const word& value) { return own->it.push(value.words[0]).has_value(); }
    bool pop(word& out) {
        const auto got = own->it.pop();
        if (got) out.words[0] = *got;
        return got.has_value();
    }
};

/// The two roles of a ring, of one attachment or two.
template <bool Two>
struct roles {
    shm::segment<rings> first = create<rings>("ring");
    shm::segment<rings> second = open(first);
    shm::spsc<std::uint64_t, capacity>::producing producer = first->it.producer().value();
    shm::spsc<std::uint64_t, capacity>::consuming consumer = (Two ? second : first)->it.consumer().value();

    bool push(const word& value) { return producer.push(value.words[0]).has_value(); }
    bool pop(word& out) {
        const auto got = consumer.pop();
        if (got) out.words[0] = *got;
        return got.has_value();
    }
};

struct ours {
    shm::segment<maps> own = create<maps>("map");

    bool get(std::uint64_t key, std::uint64_t& value) {
        const auto found = own->it.get(key);
        if (!found || !*found) return false;
        value = **found;
        return true;
    }
    void insert(std::uint64_t key, std::uint64_t value) {
        if (!own->it.insert(key, value)) std::abort();
    }
    bool remove(std::uint64_t key) {
        const auto removed = own->it.remove(key);
        return removed && removed->has_value();
    }
};

double leases(std::uint64_t n) {
    pin(0);
    const auto own = create<pools>("pool");
    double begun = now();
    for (std::uint64_t i = 0; i < n; ++i) {
        const auto held = own->it.acquire();
        if (!held) std::abort();
    }
    return (now() - begun) / n;
}

}  // namespace

// Nanoseconds per element, pair or look. `what` is of src/cpp.rs.
extern "C" double cpp_run(int what, std::uint64_t n) {
    switch (what) {
        case 0: return one_to_one<word, both<queues>>(n);
        case 1: return pair<word, alone<queues>>(n);
        case 2: return one_to_one<word, roles<true>>(n);
        case 3: return pair<word, roles<false>>(n);
        case 4: return pair<word, alone<stacks>>(n);
        case 5: return hits<ours>(n);
        case 6: return inserts_and_removes<ours>(n);
        case 7: return leases(n);
    }
    std::abort();
}
