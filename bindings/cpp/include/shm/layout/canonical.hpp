// The canonical text of a schema, and its hash: FNV-1a with 128 bits.
//
// One function writes the text, into a hash at compile time and into a string at run time, so the two cannot differ.
//
// Source of the hash: Fowler, Noll, Vo, and Eastlake, "The FNV Non-Cryptographic Hash Algorithm".
#pragma once

#include "element.hpp"

#include <string>

namespace shm {

/// 128 bits, as two words.
struct fingerprint {
    u64 low = 0;
    u64 high = 0;
    friend constexpr bool operator==(const fingerprint&, const fingerprint&) = default;
};

namespace layout {

/// Hashes what is written to it.
struct hasher {
    // 0x6c62272e07bb014262b821756295c58d
    u64 high = 0x6c62272e07bb0142;
    u64 low = 0x62b821756295c58d;

    constexpr void put(char c) noexcept {
        low ^= static_cast<u8>(c);
        // times 2^88 + 0x13b: the product of the low words has up to 73 bits
        constexpr u64 factor = 0x13b;
        const u64 parts = (low & 0xffffffff) * factor;
        const u64 carried = (low >> 32) * factor + (parts >> 32);
        high = high * factor + (carried >> 32) + (low << 24);
        low = carried << 32 | (parts & 0xffffffff);
    }
    [[nodiscard]] constexpr fingerprint result() const noexcept { return {low, high}; }
};

/// Keeps what is written to it.
struct writer {
    std::string& text;
    void put(char c) { text += c; }
};

template <class Sink>
constexpr void put(Sink& to, std::string_view text) {
    for (const char c : text) {
        to.put(c);
    }
}

template <class Sink>
constexpr void put(Sink& to, u64 number) {
    char digits[20] = {};
    std::size_t len = 0;
    do {
        digits[len++] = static_cast<char>('0' + number % 10);
        number /= 10;
    } while (number != 0);
    while (len > 0) {
        to.put(digits[--len]);
    }
}

template <class T, class Sink>
constexpr void put_element(Sink& to);

/// What a part is of, without what follows from how many there are of it.
template <class T, class Sink>
constexpr u64 put_item(Sink& to, u64 count = 1) {
    if constexpr (form_of<T> == form::array) {
        return put_item<typename traits<T>::item>(to, count * traits<T>::count);
    } else if constexpr (form_of<T> == form::number) {
        put(to, number_name<T>());
    } else if constexpr (form_of<T> == form::string) {
        put(to, "str");
        put(to, u64{sizeof(T)});
    } else {
        to.put('{');
        put_element<T>(to);
        to.put('}');
    }
    return count;
}

template <class T, class Sink>
constexpr void put_part(Sink& to, std::string_view name, u64 offset) {
    put(to, name);
    to.put(':');
    const u64 count = put_item<T>(to);
    if (count != 1) {
        to.put('*');
        put(to, count);
    }
    to.put('@');
    put(to, offset);
}

/// Calls `visit.template operator()<Member>(name, offset)` for each part of an element that is described.
template <class T, class Visit>
constexpr void each_part(Visit visit) {
    if constexpr (form_of<T> == form::record) {
        []<class Owner, class... Members>(const description<Owner, Members...>& of, Visit& inner) {
            std::apply(
                [&](const part_of<Owner, Members>&... parts) {
                    u64 offset = 0;  // no padding: `is_whole`
                    ((inner.template operator()<Members>(parts.name, offset), offset += sizeof(Members)), ...);
                },
                of.parts);
        }(type_of<T>, visit);
    } else if constexpr (form_of<T> == form::pair) {
        visit.template operator()<decltype(T::key)>("key", u64{0});
        visit.template operator()<decltype(T::value)>("value", u64{offsetof(T, value)});
    } else if constexpr (form_of<T> != form::opaque) {
        visit.template operator()<T>("", u64{0});
    }
}

/// Whether every type in an element is described, so that the whole of it is.
template <class T>
[[nodiscard]] constexpr bool is_described() noexcept {
    if constexpr (form_of<T> == form::pair) {
        return is_described<decltype(T::key)>() && is_described<decltype(T::value)>();
    } else if constexpr (form_of<T> == form::array) {
        return is_described<typename traits<T>::item>();
    } else {
        return form_of<T> != form::opaque;
    }
}

/// `size/align`, and the parts where they are described.
template <class T, class Sink>
constexpr void put_element(Sink& to) {
    if constexpr (std::is_void_v<T>) {
        put(to, "0/1");
    } else {
        put(to, u64{sizeof(T)});
        to.put('/');
        put(to, u64{alignof(T)});
        if constexpr (is_described<T>()) {
            to.put('(');
            bool first = true;
            each_part<T>([&]<class Member>(std::string_view name, u64 offset) {
                if (!first) {
                    to.put(',');
                }
                first = false;
                put_part<Member>(to, name, offset);
            });
            to.put(')');
        }
    }
}

/// The canonical shape of a structure, without its name: `Queue<4096,64>:{16/8(…)}`.
template <class Structure, class Sink>
constexpr void put_shape(Sink& to, u64 lanes) {
    put(to, Structure::kind);
    to.put('<');
    for (const u64 capacity : Structure::capacities) {
        put(to, capacity);
        to.put(',');
    }
    put(to, Structure::has_lanes ? lanes : u64{0});
    put(to, ">:{");
    put_element<typename Structure::element_type>(to);
    to.put('}');
}

/// The hash of a text, for the test vectors of the format.
[[nodiscard]] constexpr fingerprint fnv1a_128(std::string_view text) noexcept {
    hasher hash;
    put(hash, text);
    return hash.result();
}

static_assert(fnv1a_128("") == fingerprint{0x62b821756295c58d, 0x6c62272e07bb0142});
static_assert(fnv1a_128("a") == fingerprint{0x78912b704e4a8964, 0xd228cb696f1a8caf});
static_assert(fnv1a_128("foobar") == fingerprint{0x6f0d3597ba446f18, 0x343e1662793c64bf});

}  // namespace layout
}  // namespace shm
