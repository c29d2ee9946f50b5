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

/// What belongs to a node: written by the lane whose spare it is, read by all while it is in a list.
struct link {
    /// `number << 10 | lane`: which operation gave it.
    u64 stamp;
    /// `len << 32 | next ^ (own number + 1)`: how many were filled behind that operation, and the node behind it.
    u64 next;
};

/// A link, as it was read or is to be written.
struct given {
    u64 number = 0;
    u64 lane = 0;
    u64 len = 0;
    u64 next = 0;

    /// Reads the link of node `node`: an input, and true only while the node is in its list.
    static given read(link& from, u64 node) noexcept {
        const u64 stamp = at(from.stamp).load(relaxed);  // ordered by (A), and by (B)
        const u64 next = at(from.next).load(relaxed);    // as above
        return {stamp >> 10, stamp % max_lanes, next >> 32, (next ^ (node + 1)) & most_list_nodes};
    }
    void write(link& to, u64 node) const noexcept {
        const u64 behind = (next ^ (node + 1)) & most_list_nodes;
        at(to.next).store(len << 32 | behind, relaxed);       // published by the exchange (A)
        at(to.stamp).store(number << 10 | lane, relaxed);     // as above
    }
};

static_assert(sizeof(link) == 16);

/// What came of an operation on two lists.
enum class listed : u8 {
    done,
    /// A push found no free node; a pop no filled one.
    none,
    corrupt,
    /// Somebody else's exchange happened.
    again,
};

/// The parts of two lists, and the algorithm over them.
struct two_lists {
    u64* heads_word;
    memory::signals* signals;
    line* lines;
    /// For each lane as many words as there are lanes: the last operation of each other that it moved past.
    u64* rows;
    /// The nodes' links, as many as nodes.
    link* links;
    u64 nodes;
    u64 lanes;
    lane_record* records;
    place where;

    /// A lane's parts, found once per operation.
    struct own_parts {
        u64 lane;
        u64 spare;
    };

    /// How many nodes can be filled.
    [[nodiscard]] u64 capacity() const noexcept { return nodes - lanes; }

    /// Begins an operation on lane `lane`, whose spare may be filled from here on; false where the words make no sense.
    [[nodiscard, gnu::always_inline]] bool begin(u64 lane, own_parts& own) const noexcept {
        own = {lane, at(lines[lane].spare).load(relaxed) ^ lane};  // own, or settled
        if (own.spare >= nodes) {
            return false;
        }
        records[lane].enter(where);
        fence(release);  // (B) the node left its list before its bytes change
        return true;
    }

    /// Gives the lane's spare, as it is, and says which node it took: the lane's next spare.
    [[nodiscard, gnu::always_inline]] listed exchange(const own_parts& own, way which, u64& taken) const noexcept {
        for (u64 tries = 0; tries < patience; ++tries) {
            const listed step = try_exchange(own, which, taken);
            if (step != listed::again) {
                return step;
            }
            // somebody else's exchange happened: system-wide progress
        }
        return listed::corrupt;
    }

    /// What `read` finds behind the word, whole and of one moment; works on read-only mappings.
    template <class Read>
    [[nodiscard]] listed look_at(Read read) const noexcept {
        for (u64 tries = 0; tries < patience; ++tries) {
            const u64 word = look(*heads_word);  // (A)
            const listed found = read(heads::read(word, lanes));
            if (found != listed::done || still(word)) {
                return found;
            }
            // somebody's exchange happened meanwhile: system-wide progress
        }
        return listed::corrupt;
    }

    /// How many are filled; works on read-only mappings.
    [[nodiscard]] u64 len() const noexcept {
        u64 len = 0;
        (void)look_at([&](const heads& now) {
            const u64 node = now.given();
            len = node < nodes ? given::read(links[node], node).len : 0;
            return listed::done;
        });
        return std::min(len, capacity());
    }

    /// Whether an operation would find nothing to take, exactly; works on read-only mappings.
    [[nodiscard]] bool is_blocked(way which) const noexcept {
        return heads::read(look(*heads_word), lanes).source(which) >= nodes;
    }

    /// Whether any lane announces an operation that goes that way.
    [[nodiscard]] bool announced(way which) const noexcept {
        return memory::announced(records, lanes, where, which == way::push);
    }

  private:
    /// Whether the word is still `word`, behind a look at a node that it names: then what was seen is whole.
    [[nodiscard, gnu::always_inline]] bool still(u64 word) const noexcept {
        fence(acquire);                                // (B)
        return at(*heads_word).load(relaxed) == word;  // ordered by the fence
    }

    [[nodiscard, gnu::always_inline]] listed try_exchange(const own_parts& own, way which, u64& taken) const noexcept {
        const u64 old = at(*heads_word).load(acquire);  // (A)
        const heads now = heads::read(old, lanes);
        taken = now.source(which);
        if (taken >= nodes) {
            return listed::none;
        }
        const u64 next = given::read(links[taken], taken).next;
        const u64 last_node = now.given();
        if (last_node >= nodes) {
            return listed::corrupt;
        }
        const given last = given::read(links[last_node], last_node);
        if (!still(old)) {
            return listed::again;
        }
        if (last.lane != own.lane) {
            if (last.lane >= lanes) {
                return listed::corrupt;
            }
            // the operation that left the word as it is, noted before it is moved on
            at(rows[own.lane * lanes + last.lane]).store(last.number, relaxed);  // published by the exchange (A)
        }
        const u64 len = (which == way::pop ? last.len - 1 : last.len + 1) & 0xffffffff;
        given{last.number + 1, own.lane, len, now.target(which)}.write(links[own.spare], own.spare);
        const heads after{now.count + 1, which, which == way::pop ? next : own.spare,
                          which == way::pop ? own.spare : next};
        return swap(own, which, last.number + 1, {old, after.word(lanes)}, taken);
    }

    /// The exchange of the word, announced and with its intent.
    [[nodiscard, gnu::always_inline]] listed swap(const own_parts& own, way which, u64 number,
                                                  std::pair<u64, u64> words, u64 taken) const noexcept {
        lane_record& record = records[own.lane];
        record.open(which == way::pop ? phase::stack_pop : phase::stack_push, number, words.first);
        (which == way::pop ? signals->emptied : signals->filled).ring();
        // (A), both ways: who sees it sees the links, the content and the row
        const bool done = exchange_if(*heads_word, words.first, words.second, acq_rel);
        if (done) {
            at(lines[own.lane].spare).store(taken ^ own.lane, relaxed);  // published with the phase
        }
        record.close(phase::idle);
        return done ? listed::done : listed::again;
    }
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
