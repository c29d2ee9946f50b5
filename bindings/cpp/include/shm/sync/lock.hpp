// The lock: one word that says whose it is, and comes back from the dead.
//
//    63         30 29     28         27        26       0
//    +------------+------+----------+---------+----------+
//    | generation | done | doubtful | leaving | owner    |    zero: free, never locked
//    +------------+------+----------+---------+----------+
//
// Locking is one exchange of a free word, which raises the generation. Unlocking is two stores without an exchange, because
// nobody else writes the word of an owner who lives: the first marks it as leaving and already says how it is left, the
// second frees it. The word of a dead owner is freed by whoever wants the lock, by exchanging that very word (see
// `memory/owner.hpp`): *doubtful* if the owner was not leaving yet, because it may have changed a part of what the lock
// protects. Doubt stays until a later owner settles it. *Done* is for `once`: such a word is never locked again.
//
// Waiting is as in `memory/signals.hpp`: who unlocks marks the word as leaving, wakes the sleepers, and only then frees it.
// A sleeper looks every 50 ms whether the owner lives, because the kernel wakes nobody for a death.
//
// | if a process dies            | what is in memory     | who repairs it                                             |
// |------------------------------|-----------------------|------------------------------------------------------------|
// | before the exchange          | nothing               | nobody needs to                                            |
// | with the lock                | a word of the dead    | freed, doubtful, by the next who wants it or sleeps for it |
// | leaving                      | a word of the dead    | freed by the same, as the owner meant to leave it          |
// | freeing the word of the dead | it is free or is not  | as above                                                   |
//
// Ordering:
// (L) release, sweep -> acquire_free: what the owner before did is over. A sweeper hands the edge on: the dead one's stores
//     are before the answer that it is dead.
// (O) acquire_free, release -> sweep: the owner's generation is visible to whoever reads its name.
// (D) acquire_free, look_ordered: see `readers.hpp`.
#pragma once

#include "../memory/owner.hpp"

#include <optional>

namespace shm::sync {

/// How an owner leaves what the lock protects.
enum class after : u8 {
    /// In order.
    sound,
    /// Perhaps half changed.
    doubtful,
    /// In order, and the lock is not needed any more.
    done,
};

/// A lock's word, as it was read.
struct lock_word {
    u64 bits = 0;

    static constexpr u64 leaving = u64{1} << memory::owner::width;
    static constexpr u64 doubtful = leaving << 1;
    static constexpr u64 done = leaving << 2;
    /// Where the generation begins.
    static constexpr int shift = memory::owner::width + 3;

    [[nodiscard]] constexpr memory::owner owner() const noexcept { return memory::owner::in(bits); }
    /// Whether an owner died in the middle of something, and nobody has settled that since.
    [[nodiscard]] constexpr bool is_doubtful() const noexcept { return (bits & doubtful) != 0; }
    /// Whether it is free and never locked again.
    [[nodiscard]] constexpr bool is_done() const noexcept { return (bits & done) != 0 && owner().is_nobody(); }
    /// Whether its owner is about to free it, and has said how it leaves it.
    [[nodiscard]] constexpr bool is_leaving() const noexcept { return (bits & leaving) != 0; }
    [[nodiscard]] constexpr bool is_lockable() const noexcept { return (bits & done) == 0 && owner().is_nobody(); }

    /// The next owner's; the doubt is handed on.
    [[nodiscard]] constexpr lock_word taken(memory::owner by) const noexcept {
        return {((bits >> shift) + 1) << shift | (bits & doubtful) | by.bits};
    }
    /// As its owner marks it before it frees it.
    [[nodiscard]] constexpr lock_word left(after how) const noexcept {
        const u64 marks = how == after::done ? done : how == after::doubtful ? doubtful : 0;
        return {(bits & ~(doubtful | done)) | marks | leaving};
    }
    [[nodiscard]] constexpr lock_word freed() const noexcept { return {bits & ~(leaving | memory::owner::mask)}; }
    /// As it is freed for an owner that is dead.
    [[nodiscard]] constexpr lock_word orphaned() const noexcept {
        return {freed().bits | (is_leaving() || seeded(bug::forget_death) ? 0 : doubtful)};
    }
    friend constexpr bool operator==(lock_word, lock_word) = default;
};

/// A lock's bytes.
struct alignas(64) lock_line {
    /// For those who wait for the lock.
    memory::event freed;
    /// See the picture above.
    u64 word;
    u64 reserved[6];
};

static_assert(sizeof(lock_line) == 64);

/// A lock, and what locking needs.
struct lock {
    lock_line* line;
    memory::attachment* in;

    /// The word, as it is now. What is done under the lock is ordered only if it shows nobody.
    [[nodiscard]] lock_word look() const noexcept { return {memory::at(line->word).load(memory::acquire)}; }  // (L)
    /// As `look`, in the one order of a reader-writer lock's Dekker pair.
    [[nodiscard]] lock_word look_ordered() const noexcept {
        return {memory::at(line->word).load(memory::seq_cst)};  // (D), (L)
    }

    /// Locks, if it is free: the word then. No question to the kernel.
    [[nodiscard]] std::optional<lock_word> acquire_free(memory::owner me) const noexcept {
        const lock_word now{memory::at(line->word).load(memory::relaxed)};  // the exchange compares it
        if (!now.is_lockable()) {
            return std::nullopt;
        }
        const lock_word mine = now.taken(me);
        // (L), and (D) where it is a writer's
        return memory::exchange_if(line->word, now.bits, mine.bits, memory::seq_cst) ? std::optional(mine) : std::nullopt;
    }

    /// Locks, if it is free or a dead one's. None: at some moment during the call it was somebody's who lived, or it is
    /// done, or others were faster 64 times over.
    [[nodiscard]] std::optional<lock_word> acquire(memory::owner me) const {
        for (int tries = 0; tries < 64; ++tries) {
            if (const auto held = acquire_free(me)) {
                return held;
            }
            if (!sweep(me)) {
                break;
            }
        }
        return std::nullopt;
    }

    /// Frees the lock of a dead one; whether it may be free now.
    bool sweep(memory::owner me) const {
        const lock_word now{memory::at(line->word).load(memory::acquire)};  // (L), (O)
        const memory::owner owner = now.owner();
        if (owner.is_nobody()) {
            return now.is_lockable();
        }
        if (!seeded(bug::sweep_blindly) && (owner == me || owner.lives(*in))) {
            return false;
        }
        line->freed.ring();
        memory::exchange_if(line->word, now.bits, now.orphaned().bits, memory::acq_rel);  // (L); lost: somebody else did
        return true;
    }

    /// Unlocks; false where the lock is not held any more, which only a hostile process brings about.
    bool release(lock_word held, after how) const noexcept {
        if (!holds(held)) {
            return false;
        }
        const lock_word leaving = held.left(how);
        memory::at(line->word).store(leaving.bits, memory::release);  // (O): it still names the owner
        line->freed.ring();
        memory::at(line->word).store(leaving.freed().bits, memory::release);  // (L)
        return true;
    }

    /// Whether the lock is still held.
    [[nodiscard]] bool holds(lock_word held) const noexcept {
        return memory::at(line->word).load(memory::relaxed) == held.bits;  // its own store
    }

    /// One round of waiting until it is free.
    void wait_round(memory::owner me, memory::duration left) const {
        line->freed.wait_round(
            std::min(left, memory::watch), [&] { sweep(me); }, [&] { return look().is_leaving(); },
            [&] { return !look().owner().is_nobody(); });
    }
};

}  // namespace shm::sync
