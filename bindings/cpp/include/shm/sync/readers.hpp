// The readers of a reader-writer lock: how many there are, accounted for by participant.
//
// Each participant's slot has a word of its own, on a line of its own, so that readers of different processes do not disturb
// each other, and so that the readers of a dead one are known by name:
//
//    63         32 31        30      16 15     0
//    +------------+---------+----------+--------+
//    | generation | awaited | leaving  | count  |    zero: no readers
//    +------------+---------+----------+--------+
//
// The generation is the slot's. A word of an older one is nobody's: who has the slot now knows that the one before is dead,
// and a writer asks the kernel.
//
// A reader counts itself, and then looks whether there is a writer; if there is one, it takes itself back and waits. A writer
// takes the lock's word, and then looks whether there are readers; it waits until those that it finds are gone or dead, and
// no new ones stay. So writers are preferred. That is Dekker's pattern, each side storing one word and then loading the
// other's, and it needs a total order: both exchanges and both loads are seq_cst (D). In that order, if the reader's load
// comes before the writer's exchange, then its own exchange comes before the writer's load, which sees it. One of the two
// sees the other, or both do.
//
// A writer that waits marks the words that it found as *awaited*. Who leaves such a word says first that it is leaving, wakes
// the writer, and then takes itself off, as in `memory/signals.hpp`; others leave by one exchange, which fails if the word is
// awaited meanwhile.
//
// | if a process dies                | what is in memory                                | who repairs it                        |
// |----------------------------------|--------------------------------------------------|---------------------------------------|
// | before it has counted itself     | nothing                                          | nobody needs to                       |
// | counted, reading, leaving        | a count of the dead                              | the writer that waits for it, or who has the slot next |
// | writer, waiting for readers      | the lock's word, and `awaited`, which costs a look | see `lock.hpp`                      |
//
// Ordering:
// (R) leave -> is_clear: what a reader read, it has read before the writer writes.
// (M) await_all -> leave: the writer's flag is up, for who finds its word awaited.
// (D): above.
#pragma once

#include "lock.hpp"

namespace shm::sync {

/// A participant's word, as it was read.
struct reader_word {
    u64 bits = 0;

    static constexpr u64 counted = 0xFFFF;
    static constexpr u64 leavers = u64{0x7FFF} << 16;
    static constexpr u64 one_leaving = u64{1} << 16;
    static constexpr u64 awaited = u64{1} << 31;

    [[nodiscard]] static constexpr reader_word empty(u32 generation) noexcept { return {u64{generation} << 32}; }
    [[nodiscard]] constexpr u32 generation() const noexcept { return static_cast<u32>(bits >> 32); }
    [[nodiscard]] constexpr u64 count() const noexcept { return bits & counted; }
    [[nodiscard]] constexpr bool is_leaving() const noexcept { return (bits & leavers) != 0; }
    [[nodiscard]] constexpr bool is_awaited() const noexcept { return (bits & awaited) != 0; }
    /// Whether there is room for the count of one more who leaves.
    [[nodiscard]] constexpr bool has_room_to_leave() const noexcept { return (bits & leavers) != leavers; }
    /// With one less; the last one takes the marks along.
    [[nodiscard]] constexpr reader_word left(bool announced) const noexcept {
        if (count() <= 1) {
            return empty(generation());
        }
        return {bits - 1 - (announced && is_leaving() ? one_leaving : 0)};
    }
};

/// A participant's readers, on a line of their own.
struct alignas(128) reader_line {
    u64 word;
    u64 reserved[15];
};

static_assert(sizeof(reader_line) == 128);

/// The words, and what leaving and waiting need.
struct readers {
    /// One for each slot.
    reader_line* lines;
    u64 slots;
    /// For the writer that waits until they are gone.
    memory::event* left;
    memory::attachment* in;

    /// Reads, if there is no writer: what the lock's word says of the value. None too where the count has no room.
    [[nodiscard]] std::optional<lock_word> read(memory::identity me, const lock& writer) const noexcept {
        const lock_word before = writer.look();
        if (!before.owner().is_nobody() || !enter(me)) {
            return std::nullopt;
        }
        const lock_word now = seeded(bug::look_before_counting) ? before : writer.look_ordered();  // (D)
        if (now.owner().is_nobody()) {
            return now;
        }
        leave(me);
        return std::nullopt;
    }

    /// Takes a reader off; false where the word does not know it, which only a hostile process brings about.
    bool leave(memory::identity me) const noexcept {
        if (me.slot() >= slots) {
            return false;
        }
        u64& word = lines[me.slot()].word;
        bool announced = false;
        reader_word now{memory::at(word).load(memory::acquire)};  // (M)
        for (u64 tries = 0; tries < memory::patience; ++tries) {
            if (now.generation() != me.generation() || now.count() == 0) {
                return false;
            }
            const bool announces = now.is_awaited() && !announced && now.has_room_to_leave();
            const u64 next = announces ? now.bits + reader_word::one_leaving : now.left(announced).bits;
            // (R); (M) of a mark that it finds
            if (memory::at(word).compare_exchange_strong(now.bits, next, memory::acq_rel, memory::acquire)) {
                if (!announces) {
                    return true;
                }
                announced = true;
                left->ring();
                now = {next};
            }
        }
        return false;
    }

    /// Whether there are no readers; the caller has the lock's word.
    [[nodiscard]] bool is_clear() const noexcept {
        return none([](reader_word now) { return now.count() > 0; });
    }

    /// Clears the words of the dead.
    void sweep() const {
        for (u64 slot = 0; slot < slots; ++slot) {
            const reader_word now = load(slot);
            if (now.count() > 0 && !in->alive(memory::identity::of(static_cast<u32>(slot), now.generation()))) {
                // Relaxed: the dead read nothing any more. Lost: somebody moved into the slot and reads
                memory::exchange_if(lines[slot].word, now.bits, reader_word::empty(now.generation()).bits, memory::relaxed);
            }
        }
    }

    /// One round of waiting until there are no readers.
    void wait_round(memory::duration limit) const {
        left->wait_round(
            std::min(limit, memory::watch),
            [&] {
                sweep();
                await_all();
            },
            [&] { return !none([](reader_word now) { return now.is_leaving(); }); },
            // somebody reads who will wake the writer: not one who came behind the mark, and leaves unmarked
            [&] { return !none([](reader_word now) { return now.count() > 0 && now.is_awaited(); }); });
    }

    /// How many there are, the dead one's included: for people.
    [[nodiscard]] u64 count() const noexcept {
        u64 all = 0;
        for (u64 slot = 0; slot < slots; ++slot) {
            all += load(slot).count();
        }
        return all;
    }

  private:
    [[nodiscard]] reader_word load(u64 slot) const noexcept {
        return {memory::at(lines[slot].word).load(memory::seq_cst)};  // (D), (R)
    }

    template <class Is>
    [[nodiscard]] bool none(Is is) const noexcept {
        for (u64 slot = 0; slot < slots; ++slot) {
            if (is(load(slot))) {
                return false;
            }
        }
        return true;
    }

    /// Counts a reader; false where there is no room for it.
    [[nodiscard]] bool enter(memory::identity me) const noexcept {
        if (me.slot() >= slots) {
            return false;
        }
        u64& word = lines[me.slot()].word;
        reader_word now{memory::at(word).load(memory::relaxed)};  // the exchange compares it
        for (u64 tries = 0; tries < memory::patience; ++tries) {
            const bool ours = now.generation() == me.generation() || seeded(bug::ignore_generation);
            const reader_word before = ours ? now : reader_word::empty(me.generation());  // the one before is dead
            if (before.count() == reader_word::counted) {
                return false;
            }
            // (D); lost: another thread of ours, or a writer that marks or clears it
            if (memory::at(word).compare_exchange_strong(now.bits, before.bits + 1, memory::seq_cst, memory::relaxed)) {
                return true;
            }
        }
        return false;
    }

    /// Asks those who read to wake the writer when they leave.
    void await_all() const noexcept {
        for (u64 slot = 0; slot < slots; ++slot) {
            reader_word now = load(slot);
            for (u64 tries = 0; tries < memory::patience && now.count() > 0 && !now.is_awaited(); ++tries) {
                // (M); lost: a reader came or left
                if (memory::at(lines[slot].word)
                        .compare_exchange_strong(now.bits, now.bits | reader_word::awaited, memory::acq_rel,
                                                 memory::relaxed)) {
                    break;
                }
            }
        }
    }
};

}  // namespace shm::sync
