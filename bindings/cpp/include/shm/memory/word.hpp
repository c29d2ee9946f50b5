// The exchange word: `{lap, full, node}` in 64 bits.
//
//     63                         b+1   b   b-1            0
//    +------------------------------+------+---------------+
//    |             lap              | full |  node ^ home  |
//    +------------------------------+------+---------------+
//
// `b` is fixed by the capacity. The node is stored as its difference (exclusive or) from the word's home node, so that
// the all-zero word is "lap 0, empty, holds its own node".
#pragma once

#include "../base.hpp"

namespace shm::memory {

/// Most lanes that a schema may have.
inline constexpr u64 max_lanes = 1024;
/// Nodes that each lane adds to a structure at most: its spare, and the one on its shelf.
inline constexpr u64 nodes_per_lane = 2;
/// Lost races in a row after which words are not believed any more: in good faith each is somebody else's success.
inline constexpr u64 patience = u64{1} << 20;

/// A word's parts.
struct word_parts {
    u64 lap = 0;
    bool full = false;
    u64 node = 0;
};

/// How words of a structure with a given capacity are packed.
struct packing {
    u32 bits;

    /// Room for the nodes of `max_lanes` lanes, so that it does not depend on the number of lanes.
    explicit constexpr packing(u64 capacity) noexcept
        : bits(static_cast<u32>(64 - std::countl_zero(capacity + max_lanes * nodes_per_lane - 1))) {}

    [[nodiscard]] constexpr u64 node_mask() const noexcept { return (u64{1} << bits) - 1; }
    /// The word of these parts; a lap too large is cut to its bits.
    [[nodiscard]] constexpr u64 pack(word_parts parts) const noexcept {
        return parts.lap << (bits + 1) | u64{parts.full} << bits | (parts.node & node_mask());
    }
    [[nodiscard]] constexpr word_parts unpack(u64 word) const noexcept {
        return {word >> (bits + 1), (word >> bits & 1) == 1, word & node_mask()};
    }
    /// Whether a word is in that lap and full or not, whatever its node.
    [[nodiscard]] constexpr bool says(u64 word, u64 lap, bool full) const noexcept {
        return (word & ~node_mask()) == pack({lap, full, 0});
    }
    /// Cuts a lap to the bits it has in a word.
    [[nodiscard]] constexpr u64 cut(u64 lap) const noexcept { return lap << (bits + 1) >> (bits + 1); }
};

static_assert(packing(4096).bits == 13 && packing(1).bits == 12);
static_assert(packing(8).unpack(0).lap == 0 && !packing(8).unpack(0).full && packing(8).unpack(0).node == 0);

}  // namespace shm::memory
