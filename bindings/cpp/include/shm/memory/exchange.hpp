// The one primitive: a private node is exchanged for the node of a word, by one compare-and-swap.
//
// Nodes lie beside the words. Each word holds one, each lane owns one as its *spare*, and each lane has one more on its
// *shelf*, a word of its own for an element that is returned. To publish, a lane fills its spare at leisure and swaps it
// into a word; what comes out is its next spare. There is no state "being written", so it is harmless to be killed or
// stopped anywhere.
//
// Words are numbered: `0 .. N` are the structure's own, `N + l` is the shelf of lane `l`. Nodes, with `L` lanes: word `i`
// is the home of node `i`, lane `l`'s spare of node `N + l`, its shelf of `N + L + l`.
//
// | killed                                          | what is in memory                                   | who repairs it           |
// |-------------------------------------------------|-----------------------------------------------------|--------------------------|
// | filling the spare                               | nothing that others see                             | nobody needs to          |
// | an intent is open, before the exchange          | the word is as it was, or moved on without us       | recovery: not done       |
// | after the exchange, before the spare is stored  | the element is in the word; the lane names the wrong spare | recovery: done    |
// | spare stored, phase open                        | finished                                            | recovery: closes it      |
// | stopped anywhere                                | at most its spare is withheld                       | it may put off a recovery |
//
// Ordering:
// (A) swap -> word: the node's content is visible to whoever sees the word that names it.
// (B) filling -> still: whoever reads bytes of a node's next life sees that the word has moved on.
// (S) settle.spare -> evidence: whoever sees the new spare also sees the phase that was open.
#pragma once

#include "../seeded.hpp"
#include "lane.hpp"
#include "pace.hpp"
#include "signals.hpp"
#include "word.hpp"

#include <optional>

namespace shm::memory {

/// A structure's part of a lane: written by the lane's owner.
struct alignas(128) line {
    /// The lane's spare node, as the difference from its home.
    u64 spare;
    /// The lane's shelf: an exchange word for an element that was taken and came back.
    u64 shelf;
    /// Where the lane met the end of the structure last, when it emptied and when it filled: see `pace`.
    u64 ends[2];
    u64 reserved[12];
};

static_assert(sizeof(line) == 128);

/// No node: what a number from shared memory becomes that names none.
inline constexpr u64 no_node = ~u64{0};

/// Reads a word in a way that works on read-only mappings too.
[[nodiscard]] inline u64 look(u64& word) noexcept {
    const u64 value = at(word).load(relaxed);  // ordered by the fence
    fence(acquire);                            // (A)
    return value;
}

/// The one step in which an exchange takes effect: `old` becomes `desired`, or nothing happens.
[[nodiscard]] inline bool replace(u64& word, u64 old, u64 desired, std::memory_order both = acq_rel) noexcept {
    if constexpr (seeded(bug::torn_exchange)) {
        if (at(word).load(acquire) == old) {
            at(word).store(desired, release);
            return true;
        }
        return false;
    }
    return exchange_if(word, old, desired, both);  // (A)
}

/// A word that is to be exchanged.
struct target {
    memory::phase phase;
    /// `lane_state::number`.
    u64 number;
    /// The word's number.
    u64 word;
    /// Where it is.
    u64* place;
    /// What it holds.
    u64 old;
};

/// A lane's parts, found once per operation.
struct own_lane {
    u64 lane;
    lane_record* record;
    memory::line* line;
    u64 spare_home;

    /// How many processor pauses an operation that meets the end of the structure at `ticket` does well to make.
    [[nodiscard]] u64 pauses_at_end(bool filling, u64 ticket) const noexcept {
        u64& end = line->ends[filling ? 1 : 0];
        const pace next = pace{at(end).load(relaxed)}.meets(ticket);  // only the lane writes it
        at(end).store(next.word, relaxed);                            // as above
        return next.pauses();
    }
};

/// The words and lanes of one structure.
struct exchange {
    /// The structure's own words, a power of two of them.
    u64* words;
    u64 capacity;
    memory::signals* signals;
    /// The structure's lines, one per lane.
    line* lines;
    u64 lanes;
    /// The segment's lane records, as many.
    lane_record* records;
    /// Where this is, for intents.
    memory::place where;

    [[nodiscard]] memory::packing packing() const noexcept { return memory::packing(capacity); }
    /// How many nodes there are at most: those of shelves included.
    [[nodiscard]] u64 nodes() const noexcept { return capacity + nodes_per_lane * lanes; }
    /// The word numbered `word`: the structure's own, or a shelf.
    [[nodiscard]] u64* word(u64 word) const noexcept {
        if (word < capacity) {
            return words + word;
        }
        return word - capacity < lanes ? &lines[word - capacity].shelf : nullptr;
    }
    /// The number of lane `lane`'s shelf.
    [[nodiscard]] u64 shelf(u64 lane) const noexcept { return capacity + lane; }
    /// The home node of a word.
    [[nodiscard]] u64 home(u64 word) const noexcept { return word < capacity ? word : word + lanes; }
    /// The number that the value `value` of word `word` gives for its node: an input.
    [[nodiscard]] u64 named(u64 word, u64 value) const noexcept { return packing().unpack(value).node ^ home(word); }
    /// The node that the value `value` of word `word` names, or `no_node`.
    [[nodiscard]] u64 node_in(u64 word, u64 value) const noexcept { return check(named(word, value)); }
    /// How word `word` names node `node`.
    [[nodiscard]] u64 name(u64 word, u64 node) const noexcept { return node ^ home(word); }
    /// Refuses a node that does not exist.
    [[nodiscard]] u64 check(u64 node) const noexcept { return node < nodes() ? node : no_node; }

    /// What an exchange makes of its word, if it puts `spare` there.
    [[nodiscard]] u64 after(const target& to, u64 spare) const noexcept {
        const auto pack = packing();
        const u64 lap = pack.unpack(to.old).lap;
        const u64 node = name(to.word, spare);
        switch (to.phase) {
            case phase::take:
            case phase::reclaim:
            case phase::publish:
            case phase::reserve:
                return pack.pack({pack.cut(lap + 1), false, node});
            default:
                return pack.pack({lap, true, node});
        }
    }

    /// The parts of lane `lane`, which is one of the segment's.
    [[nodiscard]] own_lane own(u64 lane) const noexcept {
        return {lane, records + lane, lines + lane, capacity + lane};
    }
    /// The number that the lane's line gives for its spare: an input.
    [[nodiscard]] u64 spare_named(const own_lane& own) const noexcept {
        return at(own.line->spare).load(relaxed) ^ own.spare_home;  // own, or settled (S)
    }
    /// The lane's spare node, or `no_node`.
    [[nodiscard]] u64 spare(const own_lane& own) const noexcept { return check(spare_named(own)); }

    /// Goes before the first store into a spare.
    static void filling() noexcept { fence(release); }  // (B) the node left its word before its bytes change

    /// Whether `word` still holds `value`, behind a copy of the node's content: then the copy is whole.
    [[nodiscard]] static bool still(u64& word, u64 value) noexcept {
        fence(acquire);                          // (B)
        return at(word).load(relaxed) == value;  // ordered by the fence
    }

    /// Exchanges the lane's spare for the node `out` in the target's word, which becomes `desired`, if that still holds
    /// what it did and if `ready` says so when the operation is announced. The phase stays open: the caller closes it.
    template <class Ready>
    [[nodiscard]] bool swap_if(const own_lane& own, const target& to, u64 desired, u64 out, Ready ready) const noexcept {
        own.record->open(to.phase, to.number, to.old);
        // Who claims a bucket then looks for rivals, who do the same: each must see the other, which takes a total order
        // of the claims and the looks.
        const auto both = to.phase == phase::insert ? seq_cst : acq_rel;
        const bool done = ready() && replace(*to.place, to.old, desired, both);  // (A), both ways
        if (done) {
            set_spare(own, out);
        }
        return done;
    }

    void set_spare(const own_lane& own, u64 node) const noexcept {
        at(own.line->spare).store(node ^ own.spare_home, release);  // (S)
    }

    /// Whether any lane announces an operation on this structure.
    [[nodiscard]] bool announced(bool filling) const noexcept {
        return memory::announced(records, lanes, where, filling);
    }

    // ---- recovery ---------------------------------------------------------------------------------------------------

    /// The exchange that an intent names; no place where it names none.
    [[nodiscard]] target target_of(const intent& of) const noexcept {
        u64 number = of.number & (capacity - 1);  // a power of two: the place says so
        if (of.phase == phase::give_back || of.phase == phase::reclaim || of.phase == phase::reserve) {
            number = shelf(of.number % max_lanes);
        }
        return {of.phase, of.number, number, word(number), of.old};
    }

    /// Settles the open exchange of a dead lane: whether it happened, and whose the two nodes are. The caller holds the
    /// right to sweep the lane. Nothing where a process that is stopped in the middle of an exchange holds the answer.
    [[nodiscard]] std::optional<bool> settle(u64 lane, const intent& of) const noexcept {
        const target to = target_of(of);
        if (to.place == nullptr || lane >= lanes) {
            return false;  // a hostile number: nothing of it can be believed
        }
        const own_lane dead = own(lane);
        const u64 give = spare(dead);
        const u64 get = node_in(to.word, to.old);
        if (give == no_node || get == no_node) {
            return false;  // as above
        }
        if constexpr (seeded(bug::recover_as_not_done)) {
            return false;
        }
        if constexpr (seeded(bug::recover_as_done)) {
            set_spare(dead, get);
            return true;
        }
        if (give == get) {
            return true;  // the owner, or a recoverer before us, came that far
        }
        const u64 now = at(*to.place).load(acquire);  // (A)
        if (now == to.old) {
            return false;
        }
        if (to.word == shelf(lane) && !packing().unpack(to.old).full) {
            set_spare(dead, get);  // nobody but the lane changes an empty shelf: it moved, so it did
            return true;
        }
        std::optional<bool> done;
        if (node_in(to.word, now) == give) {
            done = true;
        }
        for (int looks = 0; looks < 4 && !done; ++looks) {
            done = evidence(lane, give, get);  // a node that moves while we look can be missed: look again
        }
        if (done == true) {
            set_spare(dead, get);
        }
        return done;
    }

  private:
    /// Looks for `give` (then the exchange happened) or `get` (then it did not) in somebody else's hands. They cannot
    /// both be there: one of the two is the dead lane's.
    [[nodiscard]] std::optional<bool> evidence(u64 dead, u64 give, u64 get) const noexcept {
        for (u64 i = 0; i < capacity + lanes; ++i) {
            const u64 node = node_in(i, at(*word(i)).load(acquire));  // (A)
            if (node == give || node == get) {
                return node == give;
            }
        }
        for (u64 lane = 0; lane < lanes; ++lane) {
            const u64 node = lane == dead ? no_node : owned(lane);
            if (node == give || node == get) {
                return node == give;
            }
        }
        return std::nullopt;
    }

    /// A node that lane `lane` owns for certain, if that can be told now, or `no_node`.
    ///
    /// Between exchanges it is the spare. In the middle of one the spare may be stale, but the word tells: while it holds
    /// `old` the lane owns what it gives; while it names what the lane gives, which nobody else can have put there, the
    /// lane owns what it got.
    [[nodiscard]] u64 owned(u64 lane) const noexcept {
        lane_record& record = records[lane];
        const lane_state before = record.state();
        const u64 spare = check(at(lines[lane].spare).load(acquire) ^ (capacity + lane));  // (S)
        u64 owned = spare;
        if (is_exchange(before.phase()) && record.where() == where) {
            const target to = target_of(record.read(before));
            if (to.place == nullptr || spare == no_node) {
                return no_node;
            }
            const u64 now = at(*to.place).load(acquire);  // (A)
            const u64 get = node_in(to.word, to.old);
            if (get == no_node) {
                return no_node;
            }
            if (spare == get) {
                owned = get;  // the exchange happened, and the spare says so already
            } else if (now == to.old) {
                owned = spare;
            } else {
                owned = node_in(to.word, now) == spare ? get : no_node;
            }
        }
        fence(acquire);  // the loads above come before the state is looked at again (S)
        return record.state() == before ? owned : no_node;
    }
};

}  // namespace shm::memory
