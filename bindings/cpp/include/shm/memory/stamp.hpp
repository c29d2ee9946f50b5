// Bytes behind a stamp, which says of which version they are: readers who only load learn whether their copy was whole.
//
// The order is Boehm's ("Can seqlocks get along with programming language memory models?", MSPC 2012); but a writer never
// writes what is published, so that a reader is thrown back only if the bytes under it were taken out of use and are
// written again.
//
// Ordering:
// (D) dirty -> is_still: who has read a byte of the bytes' next life finds another stamp. A new version's stamp and bytes
//     are published by whatever word says that they are there.
#pragma once

#include "../seeded.hpp"
#include "atomic.hpp"

namespace shm::memory {

/// The version of the bytes beside it; all ones while they are written.
struct stamp {
    u64 word;

    /// Goes before the first store to the bytes, which nobody is told of any more.
    void dirty() noexcept {
        at(word).store(~u64{0}, relaxed);  // ordered by the fence
        fence(release);                    // (D)
    }
    /// Goes behind the last store to the bytes, and before the word that publishes them.
    void set(u64 version) noexcept { at(word).store(version, relaxed); }  // published with that word
    /// Whether bytes that were loaded before this are all of `version`.
    [[nodiscard]] bool is_still(u64 version) noexcept {
        fence(acquire);  // (D)
        return is(version) || seeded(bug::no_recheck);
    }
    /// Whether it is worth while to go on with a copy of `version`.
    [[nodiscard]] bool is(u64 version) noexcept {
        return at(word).load(relaxed) == version;  // a hint, or ordered by `is_still`
    }
};

}  // namespace shm::memory
