// Whose a word is: the name of an attachment in 27 bits, so that it fits into a word beside other things.
//
//    26          11 10       0
//    +-------------+----------+
//    | generation  | slot + 1 |     zero: nobody
//    +-------------+----------+
//
// The generation is the low half of the slot's. A word with such a name is taken from its owner in three steps: read the
// word, ask whether the owner lives, and exchange *that very word*. So nothing is taken from the living: an owner who lives
// holds its slot's byte, what was dead at the question stays dead, and the word has a count of its own that grows with
// every owner, so the exchange fails if it has another one meanwhile.
//
// Ordering:
// (O) name -> the slot's generation: whoever reads an owner's name sees that generation, or a later one. An attachment has
//     its generation before it owns anything.
#pragma once

#include "attachment.hpp"

namespace shm::memory {

/// How often one who sleeps for somebody asks whether that one lives: the kernel wakes nobody for a death.
inline constexpr duration watch = std::chrono::milliseconds(50);

/// The name of an attachment, or nobody.
struct owner {
    u64 bits = 0;

    /// How many bits it takes, at the low end of a word.
    static constexpr int width = 27;
    static constexpr u64 mask = (u64{1} << width) - 1;

    /// An attachment's name; nobody's is nobody.
    [[nodiscard]] static constexpr owner of(identity who) noexcept {
        return {who.is_nobody() ? 0 : u64{who.generation() & 0xFFFF} << 11 | ((u64{who.slot()} + 1) & 0x7FF)};
    }
    /// From the low bits of a word.
    [[nodiscard]] static constexpr owner in(u64 word) noexcept { return {word & mask}; }
    [[nodiscard]] constexpr bool is_nobody() const noexcept { return bits == 0; }
    friend constexpr bool operator==(owner, owner) = default;

    /// Whether somebody of that name may still store. Nobody does not, and neither does what is no name.
    [[nodiscard]] bool lives(const attachment& among) const {
        const u64 slot = (bits & 0x7FF) - 1;
        if (slot >= among.lane_count()) {
            return false;
        }
        // ordered by the caller's read of the name (O)
        const u32 generation = at(among.slots()[slot].generation).load(relaxed);
        const identity last = identity::of(static_cast<u32>(slot), generation);
        return of(last) == *this && among.alive(last);
    }
};

}  // namespace shm::memory
