// The map's algorithm: open addressing in exchange words, with a bound on how far each home's keys may be.
//
// A key's *home* and *fingerprint* follow from its hash. It lies in some bucket on the home's probe sequence, within the
// home's *bound*. An entry is complete in its node before a bucket names it, so there is no half-written state. A bucket
// goes through `empty -> inserting -> member -> empty`, or `inserting -> collided -> empty`; each change raises its
// version, and is one compare-and-swap.
//
// - *Look-up*: the bound, then the buckets within it; only one with the right fingerprint is looked into, and the word is
//   looked at again behind the copy. One that changed meanwhile is looked at again: *never* passed by.
// - *Insertion*: exchange the spare for the node of the first empty bucket, as `inserting`; raise the bound; look at all
//   buckets within it for rivals of the same key. A member defeats us. Of two that are inserting the one nearer to the home
//   wins; the other gives way, and helps it. No rival left: `member`. Defeated: `collided`, and whoever claimed the bucket
//   empties it.
// - *Replacing* a value is one exchange in its bucket; *removal* one change, after which the bound is lowered if the entry
//   was in its last step.
// - *Lowering*: mark the bound, look from its end backwards for an entry of this home, and store the new one unless the
//   bound was touched meanwhile.
//
// Bounds and promotion are Purcell and Harris's ("Non-blocking hashtables with open addressing", DISC 2005). The proof that
// there is one entry per key and that nothing is missed is at the head of the Rust library's `structures/map/table.rs`.
//
// | if a process dies at                        | what is in memory                       | who repairs it                      |
// |---------------------------------------------|-----------------------------------------|-------------------------------------|
// | filling the spare                           | nothing that others see                 | nobody needs to                     |
// | insert or publish, before the exchange      | an intent                               | recovery: not done                  |
// | behind it, the spare not stored             | our node is in the bucket               | recovery: done, and on as below     |
// | inserted: inserting or collided             | a bucket is occupied, the key absent    | an inserter of the key, or recovery |
// | promoted, the phase open                    | finished                                | recovery closes the phase           |
// | removed, the bound not lowered              | misses look further than they need      | the next who works there            |
// | lowering                                    | a mark; the bound is as it was          | a raise, or another lowering        |
//
// Ordering:
// (A) claim, exchange -> word, (B) refill -> validated copy: see `memory/exchange.hpp`.
// (V) removal -> insertion: what was done before a key was removed is visible to who inserts it next.
// Three pairs of a store and a later load of another word need one total order, so all claims, raises and marks, and the
// looks behind them at buckets and bounds, are seq_cst: claim X, look at Y, against claim Y, look at X (two inserters);
// claim, read the bound, against mark, look at buckets (inserter and lowerer); and claim, read the bound, against raise, look
// at buckets (two inserters, one beyond the bound of the other).
#pragma once

#include "../memory/bucket.hpp"
#include "../memory/entries.hpp"
#include "map_bound.hpp"
#include "map_stock.hpp"

namespace shm::structures {

using memory::bucket_state;
using memory::phase;

/// Why a map's operation ended.
enum class mapped : u8 {
    done,
    /// The key is not there.
    absent,
    /// The value is to stay.
    kept,
    /// There is no empty bucket.
    full,
    /// The same, and some bucket was occupied and undecided: by who is inserting, or died of it.
    pending,
    /// The words make no sense.
    corrupt,
    /// Somebody else's success: again.
    again,
};

/// The parts of a map, and the algorithm over them.
template <class K, class V>
struct map_table {
    using nodes = memory::entries<K, V>;
    using value_type = typename nodes::value_type;

    memory::exchange in;
    /// The homes' bounds, as many as buckets.
    u64* bounds;
    /// How many buckets come with a node: all of a map's, fewer of a large map's.
    u64 stock;
    nodes entries;

    // ---- looking: works on read-only mappings -----------------------------------------------------------------------

    /// A copy of the value of a key.
    [[nodiscard]] mapped get(const K& key, value_type& out) const noexcept {
        found there;
        return find(seek(key), there, out);
    }

    /// The entry in a bucket, if there is one.
    [[nodiscard]] bool member(u64 slot, K& key, value_type& value) const noexcept {
        for (u64 tries = 0; tries < memory::patience; ++tries) {
            const u64 word = memory::look(in.words[slot]);
            if (pack().state(word) != bucket_state::member) {
                return false;
            }
            const u64 node = index(in.named(slot, word));
            const bool whole = entries.key(node, key) && entries.value(node, value);
            if (memory::exchange::still(in.words[slot], word)) {
                return whole;  // (B)
            }
        }
        return false;
    }

    /// How many entries there are; others may insert and remove meanwhile.
    [[nodiscard]] u64 len() const noexcept {
        u64 count = 0;
        for (u64 slot = 0; slot < in.capacity; ++slot) {
            count += pack().state(memory::look(in.words[slot])) == bucket_state::member ? 1U : 0U;
        }
        return count;
    }

    // ---- changing ---------------------------------------------------------------------------------------------------

    /// Inserts a key or replaces its value; the value before. `done` where it was replaced, `absent` where it is new.
    [[nodiscard]] mapped insert(u64 lane, const K& key, const value_type& value, value_type& before) const noexcept {
        const auto own = enter(lane);
        const sought what = seek(key);
        for (u64 tries = 0; tries < memory::patience; ++tries) {
            found there;
            mapped step = find(what, there, before);
            if (step == mapped::done) {
                step = replace(own, what, there, value);
            } else if (step == mapped::absent) {
                step = claim(own, what, value);
            }
            if (step != mapped::again) {
                return step;
            }
        }
        return mapped::corrupt;
    }

    /// Inserts a key that is not there (`absent`); the value that it has if it is (`done`).
    [[nodiscard]] mapped add(u64 lane, const K& key, const value_type& value, value_type& before) const noexcept {
        const auto own = enter(lane);
        const sought what = seek(key);
        for (u64 tries = 0; tries < memory::patience; ++tries) {
            found there;
            mapped step = find(what, there, before);
            if (step == mapped::absent) {
                step = claim(own, what, value);
            }
            if (step != mapped::again) {
                return step;
            }
        }
        return mapped::corrupt;
    }

    /// Replaces the value of a key that is there by what `next` makes of it; `next` says no where it is to stay.
    template <class Next>
    [[nodiscard]] mapped update(u64 lane, const K& key, value_type& before, Next next) const noexcept {
        const auto own = enter(lane);
        const sought what = seek(key);
        for (u64 tries = 0; tries < memory::patience; ++tries) {
            found there;
            mapped step = find(what, there, before);
            if (step == mapped::done) {
                value_type value = before;
                step = next(value) ? replace(own, what, there, value) : mapped::kept;
            }
            if (step != mapped::again) {
                return step;
            }
        }
        return mapped::corrupt;
    }

    /// Removes a key; the value that it had. Needs no lane: nothing of it can be half done but the bound.
    [[nodiscard]] mapped remove(const K& key, value_type& before) const noexcept {
        const sought what = seek(key);
        for (u64 tries = 0; tries < memory::patience; ++tries) {
            found there;
            const mapped step = find(what, there, before);
            if (step != mapped::done) {
                return step;
            }
            if (turn(there, bucket_state::empty)) {
                if (bound_now(what.home).ends_at(there.distance)) {
                    lower(what.home);
                }
                return mapped::done;
            }
        }
        return mapped::corrupt;
    }

  private:
    /// A key, and where to look for it.
    struct sought {
        K key = {};
        u64 home;
        u64 print;
    };

    /// A bucket, as it was read.
    struct found {
        /// From the home.
        u64 distance = 0;
        u64 slot = 0;
        u64 word = 0;
    };

    /// What a look into a bucket showed.
    enum class seen : u8 { same, other, changed, corrupt };

    [[nodiscard]] memory::buckets pack() const noexcept { return memory::buckets(in.capacity); }
    [[nodiscard]] u64 home_of(const K& key) const noexcept {
        return memory::hash(std::as_bytes(std::span(&key, 1))) & (in.capacity - 1);
    }
    [[nodiscard]] sought seek(const K& key) const noexcept {
        const u64 hash = memory::hash(std::as_bytes(std::span(&key, 1)));
        return {key, hash & (in.capacity - 1), pack().print(hash)};
    }
    [[nodiscard]] u64& bound(u64 home) const noexcept { return bounds[home & (in.capacity - 1)]; }
    /// A home's bound, read for writers, behind a claim or another's mark: see the top of this file.
    [[nodiscard]] map_bound bound_now(u64 home) const noexcept {
        return {memory::at(bound(home)).load(memory::seq_cst)};
    }

    /// The bucket at a distance from a home: round the home's line, then lines further and further apart. A permutation
    /// of all buckets, whatever the home.
    [[nodiscard]] u64 slot_at(u64 home, u64 distance) const noexcept {
        const u64 mask = in.capacity - 1;
        if (mask < 8) {
            return (home + distance) & mask;
        }
        const u64 further = distance / 8;
        const u64 line = home / 8 + further * (further + 1) / 2;  // triangular numbers visit every line
        return (line * 8 + (home + distance) % 8) & mask;
    }

    /// The bucket at a distance from a home, read for writers.
    [[nodiscard]] found place(u64 home, u64 distance) const noexcept {
        const u64 slot = slot_at(home, distance);
        return {distance, slot, memory::at(in.words[slot]).load(memory::seq_cst)};  // (A), and see the top
    }

    /// Copies what a bucket's node holds, if it is the key that is sought, and looks at the word again.
    [[nodiscard]] seen examine(const found& there, const K& key, value_type* out) const noexcept {
        const u64 node = index(in.named(there.slot, there.word));
        K found_key = {};
        if (!entries.key(node, found_key)) {
            return seen::corrupt;
        }
        const bool same = memory::same_bytes(found_key, key);
        if (same && out != nullptr) {
            (void)entries.value(node, *out);  // in range, as the key was
        }
        if (!memory::exchange::still(in.words[there.slot], there.word) && !seeded(bug::no_recheck)) {
            return seen::changed;  // (B); also of an entry that is another
        }
        return same ? seen::same : seen::other;
    }

    /// Looks for an entry of the map.
    [[nodiscard]] mapped find(const sought& what, found& there, value_type& out) const noexcept {
        const u64 member = pack().member(what.print);
        const u64 reach = map_bound{memory::look(bound(what.home))}.reach(in.capacity);
        u64 changes = 0;
        for (u64 distance = 0; distance <= reach;) {
            const u64 slot = slot_at(what.home, distance);
            const u64 word = memory::at(in.words[slot]).load(memory::relaxed);  // ordered by the fence
            if (pack().face(word) != member) {
                ++distance;
                continue;
            }
            memory::fence(memory::acquire);  // (A)
            there = {distance, slot, word};
            switch (examine(there, what.key, &out)) {
                case seen::same:
                    return mapped::done;
                case seen::other:
                    ++distance;
                    break;
                case seen::changed:
                    if (++changes > memory::patience) {
                        return mapped::corrupt;
                    }
                    break;  // the same bucket again
                case seen::corrupt:
                    return mapped::corrupt;
            }
        }
        return mapped::absent;
    }

    /// Changes the state of a bucket, if it still is what it was.
    bool turn(const found& there, bucket_state to) const noexcept {
        return memory::exchange_if(in.words[there.slot], there.word, pack().turn(there.word, to),
                                   memory::acq_rel);  // (A), (V)
    }

    /// Lowers the bound of a home to what its entries need; gives up where somebody else touches it.
    [[gnu::cold, gnu::noinline]] void lower(u64 home) const noexcept {
        const map_bound now = bound_now(home);
        // the mark before the looks: see the top
        if (now.is_lowest() || !memory::exchange_if(bound(home), now.word, now.marked().word, memory::seq_cst)) {
            return;
        }
        const map_bound marked = now.marked();
        const u64 last = last_of(home, marked.reach(in.capacity));
        if (last != memory::no_node) {
            // Who raised it meanwhile, or marked it, takes over. Relaxed: no part of the one order, as the mark was one,
            // and nothing lies behind a bound.
            memory::exchange_if(bound(home), marked.word, marked.lowered(last).word, memory::relaxed);
        }
    }

    /// The last distance within `reach` at which there is an entry of `home`, or one that may become one; all ones where
    /// that cannot be told.
    [[nodiscard]] u64 last_of(u64 home, u64 reach) const noexcept {
        u64 changes = 0;
        for (u64 distance = reach; distance >= map_bound::step;) {
            const found there = place(home, distance);
            const bucket_state state = pack().state(there.word);
            if (state == bucket_state::inserting || state == bucket_state::member) {
                K key = {};
                if (!entries.key(index(in.named(there.slot, there.word)), key)) {
                    return memory::no_node;
                }
                if (!memory::exchange::still(in.words[there.slot], there.word)) {
                    if (++changes > memory::patience) {
                        return memory::no_node;
                    }
                    continue;  // (B): the same bucket again
                }
                if (home_of(key) == home) {
                    return distance;
                }
            }
            --distance;
        }
        return 0;
    }

    // ---- insertion --------------------------------------------------------------------------------------------------

    [[nodiscard]] memory::own_lane enter(u64 lane) const noexcept {
        const auto own = in.own(lane);
        own.record->enter(in.where);
        return own;
    }

    /// Writes an entry into the lane's spare, where nobody looks; says which node it is.
    [[nodiscard]] bool fill(const memory::own_lane& own, const K& key, const value_type& value,
                            u64& spare) const noexcept {
        if (!nodes_and_blanks().ready(own)) {
            return false;
        }
        memory::exchange::filling();  // (B)
        spare = in.spare_named(own);
        return entries.store(index(spare), key, value);
    }

    /// The exchange of a bucket's node in some phase.
    [[nodiscard]] memory::target target_of(phase which, const found& there) const noexcept {
        const u64 number =
            pack().version(there.word) << std::countr_zero(in.capacity) | there.slot;
        return {which, number, there.slot, &in.words[there.slot], there.word};
    }

    /// Exchanges the lane's spare, which is filled, for the node of a bucket: what the bucket then holds, or what it held.
    [[nodiscard]] mapped put(const memory::own_lane& own, const memory::target& to, u64 print, u64 spare,
                             u64& word) const noexcept {
        const auto state = to.phase == phase::insert ? bucket_state::inserting : bucket_state::member;
        const u64 desired = pack().put(to.old, state, print, in.name(to.word, spare));
        const u64 out = in.node_in(to.word, to.old);
        if (out == memory::no_node) {
            return mapped::corrupt;
        }
        if (in.swap_if(own, to, desired, out, [] { return true; })) {
            word = desired;
            return mapped::done;
        }
        own.record->close(phase::idle);
        return mapped::again;
    }

    /// Replaces the value of an entry that was found; `again` where it changed meanwhile.
    [[nodiscard]] mapped replace(const memory::own_lane& own, const sought& what, const found& there,
                                 const value_type& value) const noexcept {
        u64 spare = 0;
        u64 word = 0;
        if (!fill(own, what.key, value, spare)) {
            return mapped::corrupt;
        }
        const mapped done = put(own, target_of(phase::publish, there), what.print, spare, word);
        own.record->close(phase::idle);
        return done;
    }

    /// Claims a bucket for an entry and decides it: `absent` where the entry became a member, `again` where it lost.
    [[nodiscard]] mapped claim(const memory::own_lane& own, const sought& what, const value_type& value) const noexcept {
        bool is_rich = true;
        u64 spare = 0;
        if (!nodes_and_blanks().stock_up(own, is_rich) || !fill(own, what.key, value, spare)) {
            return mapped::corrupt;
        }
        mend(what.home);
        memory::target to = {};
        found claimed;
        const mapped occupied = occupy(own, what, spare, is_rich, to, claimed);
        if (occupied != mapped::done) {
            return occupied;
        }
        own.record->close(phase::inserted);
        const mapped decided = decide(what, claimed);
        const bool lost = memory::give_up(in, {phase::inserted, to.number, to.old});
        own.record->close(phase::idle);
        return decided != mapped::done ? decided : lost ? mapped::again : mapped::absent;
    }

    /// Lowers a bound that a process left too high when it died.
    void mend(u64 home) const noexcept {
        const map_bound now{memory::at(bound(home)).load(memory::relaxed)};  // lowering looks again
        if (now.is_lowest()) {
            return;
        }
        if (pack().state(place(home, now.reach(in.capacity)).word) == bucket_state::empty) {
            lower(home);
        }
    }

    /// Puts the filled spare into the first empty bucket, as an entry that is inserting; into one that has no node to give
    /// only where `is_rich`. `again` where all are taken, and one by the key: somebody else inserts it.
    [[nodiscard]] mapped occupy(const memory::own_lane& own, const sought& what, u64 spare, bool is_rich,
                                memory::target& to, found& claimed) const noexcept {
        std::optional<u64> last;
        u64 changes = 0;
        for (int passes = 0; passes < 1024; ++passes) {
            u64 versions = 0;
            bool pending = false;
            for (u64 distance = 0; distance < in.capacity; ++distance) {
                found there = place(what.home, distance);
                while (pack().state(there.word) == bucket_state::empty && (is_rich || gives(there))) {
                    to = target_of(phase::insert, there);
                    const mapped done = put(own, to, what.print, spare, there.word);
                    claimed = there;
                    if (done != mapped::again || ++changes > memory::patience) {
                        return done == mapped::again ? mapped::corrupt : done;
                    }
                    // lost to somebody else's success; the exchange compares it
                    there.word = memory::at(in.words[there.slot]).load(memory::relaxed);
                }
                if (last) {
                    const mapped come = has_come(what, there);
                    if (come != mapped::absent) {
                        return come;
                    }
                }
                versions += pack().version(there.word);
                const bucket_state state = pack().state(there.word);
                pending = pending || state == bucket_state::inserting || state == bucket_state::collided;
            }
            // Versions only grow: the same sum twice, so between the two looks no bucket would do, and none had the key.
            if (last == versions) {
                return pending ? mapped::pending : mapped::full;
            }
            last = versions;
        }
        return mapped::corrupt;
    }

    /// Whether a bucket has the key, which was not there before, or has changed: then it is worth to look for it `again`.
    /// Who is inserting it is helped, because an insertion in progress is no reason not to replace it.
    [[nodiscard]] mapped has_come(const sought& what, const found& there) const noexcept {
        const bucket_state state = pack().state(there.word);
        const bool is_there = state == bucket_state::member || state == bucket_state::inserting;
        if (!is_there || pack().print_of(there.word) != what.print) {
            return mapped::absent;
        }
        const seen now = examine(there, what.key, nullptr);
        if (now == seen::corrupt || now == seen::other) {
            return now == seen::corrupt ? mapped::corrupt : mapped::absent;
        }
        if (now != seen::changed && state == bucket_state::inserting && decide(what, there) != mapped::done) {
            return mapped::corrupt;
        }
        return mapped::again;
    }

    /// Decides an entry that is inserting, or that it gave way to. Anybody may run it.
    [[nodiscard]] mapped decide(const sought& what, found entry) const noexcept {
        for (u64 winners = 0; winners <= in.capacity; ++winners) {
            raise(what.home, entry.distance);
            found winner;
            const mapped step = rivals(what, entry, winner);
            if (step == mapped::absent) {  // there is none
                turn(entry, bucket_state::member);
                return mapped::done;
            }
            if (step != mapped::again) {
                return step;
            }
            entry = winner;  // nearer to the home each time
        }
        return mapped::corrupt;
    }

    /// Looks for others of the key within the bound, and lets one win against each: `absent` where there is none, `done`
    /// where the entry is decided, `again` where it gave way to `winner`, which is inserting too.
    [[nodiscard]] mapped rivals(const sought& what, const found& entry, found& winner) const noexcept {
        if constexpr (seeded(bug::no_rivals)) {
            return mapped::absent;
        }
        const u64 reach = bound_now(what.home).reach(in.capacity);
        u64 changes = 0;
        for (u64 distance = 0; distance <= reach;) {
            const found there = place(what.home, distance);
            const bucket_state state = pack().state(there.word);
            const bool is_member = state == bucket_state::member;
            const bool alive = is_member || state == bucket_state::inserting;
            if (distance == entry.distance || !alive || pack().print_of(there.word) != what.print) {
                ++distance;
                continue;
            }
            const seen found_there = examine(there, what.key, nullptr);
            if (found_there == seen::corrupt || changes > memory::patience) {
                return mapped::corrupt;
            }
            if (found_there == seen::other) {
                ++distance;
            } else if (found_there == seen::changed) {
                ++changes;
            } else if (is_member || distance < entry.distance) {
                turn(entry, bucket_state::collided);
                winner = there;
                return is_member ? mapped::done : mapped::again;
            } else {
                // a hint: who is defeated for an entry that lost begins again
                if (memory::at(in.words[entry.slot]).load(memory::relaxed) != entry.word) {
                    return mapped::done;
                }
                turn(there, bucket_state::collided);
                ++changes;  // the same bucket again: it may be a member by now
            }
        }
        return mapped::absent;
    }

    /// Sees to it that a distance is within the bound of its home, and will be.
    void raise(u64 home, u64 distance) const noexcept {
        for (u64 tries = 0; tries < memory::patience; ++tries) {
            const map_bound now = bound_now(home);
            if (now.reach(in.capacity) >= distance && !now.is_scanning()) {
                return;
            }
            // before the looks of `rivals`: see the top
            if (memory::exchange_if(bound(home), now.word, now.raised(distance).word, memory::seq_cst)) {
                return;
            }
        }
    }

    // ---- nodes and blanks: see `map_stock.hpp` -----------------------------------------------------------------------

    [[nodiscard]] map_stock nodes_and_blanks() const noexcept { return {in, stock}; }
    /// Where a node's entry is; out of range for a blank.
    [[nodiscard]] u64 index(u64 node) const noexcept { return nodes_and_blanks().index(node); }
    /// Whether a bucket has a node, not a blank.
    [[nodiscard]] bool gives(const found& there) const noexcept {
        return !nodes_and_blanks().is_blank(in.named(there.slot, there.word));
    }
};

}  // namespace shm::structures
