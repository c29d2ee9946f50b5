// Keys with values: the nodes of a map.
//
// An entry is laid out as C lays out `struct { K key; V value; }`. Each part is copied in words of one width for ever: the
// largest of 8, 4, 2, 1 bytes that divides the part's size, its place in the entry and the size of the entry. Padding is
// neither read nor written. A set's entries are keys alone: `V` is void.
#pragma once

#include "../layout/element.hpp"
#include "cell.hpp"
#include "hash.hpp"

namespace shm::memory {

/// What a set has for values.
struct nothing {
    friend constexpr bool operator==(nothing, nothing) = default;
};

/// A run of entries that other processes may write: what algorithms see. The first lies at a multiple of 64.
template <class K, class V>
struct entries {
    using value_type = std::conditional_t<std::is_void_v<V>, nothing, V>;
    static constexpr bool has_values = !std::is_void_v<V>;
    using whole = std::conditional_t<has_values, shm::entry<K, value_type>, K>;
    static constexpr u64 value_at = [] {
        if constexpr (has_values) {
            return u64{offsetof(whole, value)};
        } else {
            return u64{0};
        }
    }();
    static constexpr u64 key_width = word_width(sizeof(K) | sizeof(whole));
    static constexpr u64 value_width = has_values ? word_width(sizeof(value_type) | value_at | sizeof(whole)) : 1;

    std::byte* first = nullptr;
    u64 count = 0;

    /// Copies key `i`; false out of range.
    [[nodiscard]] bool key(u64 i, K& out) const noexcept {
        if (i >= count) {
            return false;
        }
        from_shared<key_width>(first + i * sizeof(whole), &out, sizeof(K));
        return true;
    }
    /// Copies value `i`; false out of range.
    [[nodiscard]] bool value(u64 i, value_type& out) const noexcept {
        if (i >= count) {
            return false;
        }
        if constexpr (has_values) {
            from_shared<value_width>(first + i * sizeof(whole) + value_at, &out, sizeof(value_type));
        }
        return true;
    }
    /// Overwrites entry `i`; false out of range.
    [[nodiscard]] bool store(u64 i, const K& key, const value_type& value) const noexcept {
        if (i >= count) {
            return false;
        }
        to_shared<key_width>(&key, first + i * sizeof(whole), sizeof(K));
        if constexpr (has_values) {
            to_shared<value_width>(&value, first + i * sizeof(whole) + value_at, sizeof(value_type));
        }
        return true;
    }
};

/// Whether two values are the same bytes.
template <class T>
[[nodiscard]] bool same_bytes(const T& a, const T& b) noexcept {
    return std::memcmp(&a, &b, sizeof(T)) == 0;
}

}  // namespace shm::memory
