// Where a ring of words is: shared by structures whose tickets are claimed in order.
//
// Ordering:
// (H) set_hint -> hint: whoever reads a hint sees that the tickets before it are claimed. Who claims one goes by the hint,
//     or by a word that says the same; so whoever sees a ticket's word sees the words of all before it.
#pragma once

#include "../memory/atomic.hpp"

namespace shm::structures {

/// The next ticket, as far as the hint knows: it may be as stale as it likes.
[[nodiscard]] inline u64 hint(u64& word) noexcept {
    return memory::at(word).load(memory::acquire);  // (H)
}

/// Says that `next` is the next ticket, by who has claimed the one before.
inline void set_hint(u64& word, u64 next) noexcept {
    memory::at(word).store(next, memory::release);  // (H)
}

/// The first ticket that was not claimed, found by bisection over a ring of `capacity` words; `count` says how many
/// tickets of a word were claimed. It never gives a ticket whose predecessor was not claimed: it has seen that one's word.
template <class Count>
[[nodiscard]] u64 first_unclaimed(u64 capacity, Count count) noexcept {
    const u64 lap = count(0);
    // word `low` was claimed in this lap, word `high` (or the end) was not
    u64 low = 0;
    u64 high = capacity;
    while (high - low > 1) {
        const u64 middle = low + (high - low) / 2;
        (count(middle) >= lap ? low : high) = middle;
    }
    return (lap - 1) * capacity + high;
}

}  // namespace shm::structures
