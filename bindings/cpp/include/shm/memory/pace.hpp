// How long an operation that meets the end of a structure does well to pause before it says so.
//
// Two who follow on each other's heels send a line to and fro for every element; a pause lets the other get ahead. A
// pause in which as many elements came as the processor paused is followed by a longer one, one that brought few by
// a shorter; now and then the shortest is tried. Nothing depends on it but speed.
#pragma once

#include "../base.hpp"

namespace shm::memory {

/// What one side learned at one end: `ticket << 16 | level << 8 | count`. Zero: nothing.
struct pace {
    u64 word = 0;

    static constexpr u64 shortest = 16;
    static constexpr u64 levels = 5;
    static constexpr u64 probe = 64;

    [[nodiscard]] constexpr u64 level() const noexcept {
        const u64 level = word >> 8 & 0xFF;
        return level > levels ? 0 : level;  // no program of ours writes a larger one
    }
    /// How many processor pauses to make now.
    [[nodiscard]] constexpr u64 pauses() const noexcept { return level() == 0 ? 0 : shortest << (level() - 1); }

    /// What follows from meeting the end at `ticket`, which grows by one with every element.
    [[nodiscard]] constexpr pace meets(u64 ticket) const noexcept {
        ticket = ticket << 16 >> 16;
        const u64 came = (ticket - (word >> 16)) << 16 >> 16;
        u64 next = level();
        u64 count = word & 0xFF;
        if (next == 0) {
            if (came != 0) {  // else nobody is there: polling
                next = (count + 1) / probe;
                count = (count + 1) % probe;
            }
        } else if (came >= pauses() && next < levels) {
            next += 1;
            count = 0;
        } else if (came < pauses() / 4) {
            next -= 1;
            count = 0;
        }
        return {ticket << 16 | next << 8 | count};
    }
};

}  // namespace shm::memory
