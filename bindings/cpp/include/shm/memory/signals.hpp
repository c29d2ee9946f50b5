// What the operations on one structure signal to each other: elements that came back, and sleepers.
//
// Sleeping never loses a wake-up, whoever is killed and wherever:
// - an operation *announces* itself in its lane's state, then looks at the flag; if it is set it bumps the event count,
//   wakes all, clears the flag that it saw, and only then publishes;
// - a sleeper sets the flag, runs a barrier on all processors, looks again for what it waits for *and* for announced
//   operations, and sleeps only if there is neither.
// So a process killed between waking and publishing has published nothing, and one killed before it woke anybody is
// still announced: the sleeper waits in short slices until it is recovered.
#pragma once

#include "../posix/barrier.hpp"
#include "../posix/futex.hpp"
#include "../posix/process.hpp"
#include "../seeded.hpp"
#include "atomic.hpp"
#include "word.hpp"

#include <algorithm>
#include <chrono>
#include <optional>

namespace shm::memory {

using duration = std::chrono::nanoseconds;

/// How long a sleeper sleeps while an operation is under way, or where there is no barrier.
inline constexpr duration slice = std::chrono::milliseconds(1);
/// How long it sleeps otherwise before it looks again: nothing is lost without it, unless a hostile process clears the
/// flag.
inline constexpr duration round = std::chrono::milliseconds(500);
/// Attempts before a waiting operation sleeps.
inline constexpr int spins = 64;

/// An event count and the flag of those who sleep on it.
struct event {
    /// The futex word: bumped by two by every waker, so it is even.
    u32 count;
    /// Zero: nobody sleeps. Else a stamp: the count that the last sleeper saw, made odd. A waker who clears the stamp
    /// that it saw never clears a later sleeper's.
    u32 flag;

    /// Wakes the sleepers, if there are any: between announcing an operation and publishing it.
    [[gnu::always_inline]] void ring() noexcept {
        if (posix::is_barrier_refused()) {
            fence(seq_cst);  // Dekker with `wait_round`: announced before the flag is read
        } else {
            compiler_fence();  // the same; the sleeper's barrier stands in for the fence
        }
        const u32 stamp = at(flag).load(relaxed);  // a hint; ordered by the barrier
        if (stamp != 0) {
            wake(stamp);
        }
    }

    /// As `ring`, where that would take more than a look: false, and nothing was done, where somebody sleeps or this
    /// process has to fence.
    [[nodiscard]] bool is_quiet() noexcept {
        if (posix::is_barrier_refused()) {
            return false;
        }
        compiler_fence();  // Dekker with `wait_round`: the sleeper's barrier stands in for a fence
        return at(flag).load(relaxed) == 0;  // a hint; ordered by the barrier
    }

    /// One round of waiting, at most for `limit`: sleeps if there is nothing to do and nothing announced.
    ///
    /// The caller tries its operation again after each round. `announced` tells whether an operation that would end
    /// the wait is under way, `blocked` whether there is nothing to do; `recover` settles the dead, so that only the
    /// living are seen announced.
    template <class Recover, class Announced, class Blocked>
    void wait_round(duration limit, Recover recover, Announced announced, Blocked blocked) {
        const u32 seen = at(count).load(acquire);
        set_flag(seen | 1);
        const bool barrier = posix::heavy_barrier();  // Dekker with `ring`: the flag before the looks below
        fence(seq_cst);                               // the same, for those who fence themselves
        recover();
        limit = std::min(limit, announced() || !barrier ? slice : round);
        // the last look: whoever read the flag before it was set was announced then, and is done by now
        if (blocked()) {
            posix::futex_wait(&count, seen, limit);
        }
    }

  private:
    [[gnu::cold, gnu::noinline]] void wake(u32 stamp) noexcept {
        at(count).fetch_add(2, acq_rel);  // a sleeper that has not slept yet will not
        posix::futex_wake_all(&count);
        exchange_if(flag, stamp, u32{0}, acq_rel);  // only the stamp that was seen: a later sleeper's stays
    }

    /// Sets the flag to `stamp`, unless a newer stamp is there: a waker who saw an older one would then clear it.
    void set_flag(u32 stamp) noexcept {
        u32 now = at(flag).load(relaxed);
        for (u64 tries = 0; tries < patience; ++tries) {
            if (now != 0 && static_cast<i32>(now - stamp) > 0) {
                return;
            }
            if (at(flag).compare_exchange_strong(now, stamp, seq_cst, relaxed)) {
                return;
            }
            // another sleeper or waker: progress
        }
    }
};

/// A structure's signals: one line, mostly read.
struct alignas(128) signals {
    /// `count << 1 | pending`: whether a lane's shelf may hold a returned element.
    u64 returned_word;
    /// For those who wait for elements.
    event filled;
    /// For those who wait for room.
    event emptied;
    /// Not zero once somebody has waited for elements: an `spsc` announces nothing before.
    u32 filled_awaited;
    /// The same for room.
    u32 emptied_awaited;
    u64 reserved[12];

    /// Whether a returned element may be on a shelf: the value to `clear_returned` with.
    [[nodiscard]] std::optional<u64> returned() noexcept {
        const u64 word = at(returned_word).load(acquire);  // (A) of the shelf: the element is visible
        return (word & 1) == 1 ? std::optional(word) : std::nullopt;
    }

    /// Says that an element is about to be on a shelf.
    void set_returned() noexcept {
        u64 word = at(returned_word).load(relaxed);
        for (u64 tries = 0; tries < patience; ++tries) {
            // the count tells this return from the one before
            if (at(returned_word).compare_exchange_strong(word, (word | 1) + 2, acq_rel, relaxed)) {
                return;
            }
            // somebody else's return or clearing: progress
        }
    }

    /// Takes the hint back, if nothing was returned since `seen`: after a look at every shelf.
    void clear_returned(u64 seen) noexcept { exchange_if(returned_word, seen, seen & ~u64{1}, acq_rel); }
};

static_assert(sizeof(event) == 8 && sizeof(signals) == 128);

/// Tries until `attempt` gives something or the time is up, with a round of waiting in between, which gets what is
/// left of the time and ends the wait by returning false.
template <class Attempt, class Round>
auto wait_until(duration timeout, Attempt attempt, Round one_round) -> decltype(attempt()) {
    for (int i = 0; i < spins; ++i) {
        if (auto done = attempt()) {
            return done;
        }
        posix::spin();
    }
    using clock = std::chrono::steady_clock;
    const auto start = clock::now();
    for (;;) {
        const duration gone = clock::now() - start;
        const duration left = timeout > gone ? timeout - gone : duration::zero();
        auto done = attempt();
        if (done || left == duration::zero() || !one_round(left)) {
            return done;
        }
    }
}

}  // namespace shm::memory
