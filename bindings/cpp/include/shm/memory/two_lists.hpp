// Two lists of nodes in one word: an operation puts its lane's node in front of one list and takes the first node of
// the other out, by one compare-and-swap.
//
//     63        31   30   29        15 14         0
//    +------------+------+------------+------------+
//    |   count    | push |   !first   | first ^ L  |
//    |            |      |  filled    |   free     |    zero: nothing filled, free from node L on
//    +------------+------+------------+------------+
//
// Killed behind its exchange, a lane names the wrong spare. Whether the exchange happened shows while the word says so.
// Afterwards the *rows* tell: whoever is about to move the word on notes, in his own row, the operation that he moves
// past, before his exchange. So a recoverer decides at once, whoever is stopped.
//
// Ordering:
// (A) exchange -> load of the word: links, stamp and content of what it names are visible; and the rows of all who moved
//     it on.
// (B) begin -> still: whoever reads bytes of a node's next life sees that the word has moved on.
#pragma once

#include "exchange.hpp"

namespace shm::memory {

/// What an operation on two lists does.
enum class way : u64 {
    /// Gives to the free list, takes from the filled one.
    pop = 0,
    /// Gives to the filled list, takes from the free one.
    push = 1,
};

inline constexpr u32 list_node_bits = 15;
/// Most nodes, those of the lanes included: the number behind the last one ends the free list.
inline constexpr u64 most_list_nodes = (u64{1} << list_node_bits) - 1;

/// The word's parts.
struct heads {
    u64 count = 0;
    way last = way::pop;
    /// The first filled node, or no node's number.
    u64 filled = 0;
    /// The first free node, or no node's number.
    u64 free = 0;

    static constexpr heads read(u64 word, u64 lanes) noexcept {
        return {word >> (2 * list_node_bits + 1), static_cast<way>(word >> (2 * list_node_bits) & 1),
                (word >> list_node_bits & most_list_nodes) ^ most_list_nodes, (word ^ lanes) & most_list_nodes};
    }
    [[nodiscard]] constexpr u64 word(u64 lanes) const noexcept {
        return count << (2 * list_node_bits + 1) | static_cast<u64>(last) << (2 * list_node_bits) |
               (filled ^ most_list_nodes) << list_node_bits | (free ^ lanes);
    }
    /// The node that an operation would take.
    [[nodiscard]] constexpr u64 source(way which) const noexcept { return which == way::pop ? filled : free; }
    /// The node that an operation would link its own to, and find in front if it was the last.
    [[nodiscard]] constexpr u64 target(way which) const noexcept { return which == way::pop ? free : filled; }
    /// The node that the last operation gave.
    [[nodiscard]] constexpr u64 given() const noexcept { return target(last); }
};

static_assert(heads::read(0, 64).filled == most_list_nodes && heads::read(0, 64).free == 64);

/// Settles the open operation of lane `lane`, whose owner is dead. The caller holds the right to sweep it, and closes
/// the phase. `in` says where the word and the lines are, `rows` what lies behind them: as many words for each lane as
/// there are lanes. It never has to be put off.
inline void settle_lists(const exchange& in, u64* rows, u64 lane, way which, const intent& of) noexcept {
    memory::line& line = in.lines[lane];
    const u64 spare = at(line.spare).load(relaxed) ^ lane;  // what the dead stored is visible: see `alive`
    const u64 taken = heads::read(of.old, in.lanes).source(which);
    if (spare == taken || seeded(bug::recover_as_not_done)) {
        return;  // the owner, or a recoverer before us, came that far
    }
    const u64 now = at(in.words[0]).load(acquire);  // (A)
    if (now == of.old) {
        return;
    }
    bool done = heads::read(now, in.lanes).given() == spare;  // nobody else can have given it
    for (u64 witness = 0; witness < in.lanes && !done; ++witness) {
        // who moved the word on noted it before; it was the lane's last operation, so nothing else stands there
        done = at(rows[witness * in.lanes + lane]).load(relaxed) == of.number;  // ordered by (A)
    }
    if (done) {
        at(line.spare).store(taken ^ lane, relaxed);  // published with the phase
    }
}

}  // namespace shm::memory
