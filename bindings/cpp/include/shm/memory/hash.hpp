// The hash of a key: the same in every process, every language and every version. FORMAT.md defines it over the key's
// bytes and has the vectors.
//
// `mix` is the finaliser of SplitMix64, Stafford's variant 13 of MurmurHash3's (Steele, Lea, Flood, "Fast splittable
// pseudorandom number generators", OOPSLA 2014).
#pragma once

#include "../base.hpp"

#include <cstring>
#include <span>

namespace shm::memory {

[[nodiscard]] constexpr u64 mix(u64 x) noexcept {
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9;
    x = (x ^ x >> 27) * 0x94D049BB133111EB;
    return x ^ x >> 31;
}

/// The hash of some bytes.
[[nodiscard]] inline u64 hash(std::span<const std::byte> bytes) noexcept {
    u64 hash = 0x9E3779B97F4A7C15 * bytes.size();
    for (std::size_t at = 0; at < bytes.size(); at += 8) {
        u64 word = 0;
        std::memcpy(&word, bytes.data() + at, bytes.size() - at < 8 ? bytes.size() - at : 8);
        hash = mix(hash ^ word);
    }
    return hash;
}

}  // namespace shm::memory
