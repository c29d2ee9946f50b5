// Leases: words that attachments own for a while, and that come back from the dead.
//
//     63               28 27      26          11 10       0
//    +------------------+---------+-------------+----------+
//    | generation       | leaving | slot's gen. | slot + 1 |    zero: free, never leased
//    +------------------+---------+-------------+----------+
//
// A lease is one exchange of a free word, which raises its generation; giving back is one store. There is nothing in
// between, so a kill anywhere leaves a word that is free, or that has a dead owner; who finds no free one sweeps those. A
// word is taken from its owner in three steps: read the word, ask whether the owner lives, exchange *that very word*. So
// nothing is taken from the living. See `memory/owner.hpp`.
//
// Who gives back marks its word as leaving, wakes the sleepers, and only then frees it. A sweeper wakes them before it
// frees a word of the dead; it needs no mark, because each sleeper sweeps by itself behind its flag.
//
// Ordering:
// (L) release, sweep -> acquire: what the former holder did is over.
// (N) acquire -> read_leased: whoever reads what a holder writes sees that its lease has begun.
// (O) leased, give_back -> sweep: see `memory/owner.hpp`.
#pragma once

#include "owner.hpp"

#include <optional>

namespace shm::memory {

/// A word that may be leased, as it was read.
struct lease_word {
    u64 word = 0;

    static constexpr u64 leaving = u64{1} << memory::owner::width;

    [[nodiscard]] constexpr memory::owner owner() const noexcept { return memory::owner::in(word); }
    /// How often it was leased, this time included.
    [[nodiscard]] constexpr u64 generation() const noexcept { return word >> 28; }
    [[nodiscard]] constexpr bool is_leaving() const noexcept { return (word & leaving) != 0; }
    [[nodiscard]] constexpr lease_word leased(memory::owner by) const noexcept {
        return {(generation() + 1) << 28 | by.bits};
    }
    [[nodiscard]] constexpr lease_word freed() const noexcept { return {generation() << 28}; }
};

/// A lease, as its holder remembers it.
struct lease {
    u64 index = 0;
    lease_word word;
};

/// Words, and what leasing them needs.
struct leases {
    u64* words;
    u64 count;
    /// For those who wait for a free one.
    event* freed;
    attachment* in;

    /// Leases a free word, looking from `start` on; one of the dead if there is no other. None: at some moment during the
    /// call none was free, or the others were faster 64 times over.
    [[nodiscard]] std::optional<lease> acquire(owner me, u64 start) const {
        u64 last = unknown;
        bool swept = false;
        for (int passes = 0; passes < 64; ++passes) {
            u64 seen = unknown;
            if (const auto got = pass(me, start, seen)) {
                return got;
            }
            // Generations only grow: the same words twice, so between the two looks none was free.
            if (seen != unknown && seen == last) {
                return std::nullopt;
            }
            last = seen;
            if (!swept && sweep(me) > 0) {
                last = unknown;
            }
            swept = true;
        }
        return std::nullopt;
    }

    /// As `acquire`, without a question to the kernel.
    [[nodiscard]] std::optional<lease> acquire_free(owner me, u64 start) const noexcept {
        u64 seen = unknown;
        return pass(me, start, seen);
    }

    /// Frees the words of the dead; how many there were.
    u64 sweep(owner me) const {
        return sweep_with(me, [](const lease&) {});
    }

    /// As `sweep`; `undo` takes back what the dead did with a lease, before that is free. Several may do so at once, and one
    /// of them may come late: it looks whether the lease still `holds`.
    template <class Undo>
    u64 sweep_with(owner me, Undo undo) const {
        u64 done = 0;
        owner alive = me;
        for (u64 i = 0; i < count; ++i) {
            const lease_word now{at(words[i]).load(acquire_order)};  // (L), (O)
            const owner holder = now.owner();
            if (holder.is_nobody() || holder == me || holder == alive) {
                continue;
            }
            if (holder.lives(*in) && !seeded(bug::sweep_blindly)) {
                alive = holder;  // an owner's words lie side by side as a rule
                continue;
            }
            undo(lease{i, now});
            freed->ring();
            done += exchange_if(words[i], now.word, now.freed().word, acq_rel) ? 1U : 0U;  // (L); else somebody else did
        }
        return done;
    }

    /// Gives a lease back; false where it is over, as in a forked child.
    bool give_back(const lease& of) const noexcept {
        // The one who marks it gives it back, and nobody else writes the word from then on. Relaxed: a mark is read behind
        // a sleeper's barrier.
        if (!exchange_if(words[of.index], of.word.word, of.word.word | lease_word::leaving, relaxed)) {
            return false;
        }
        freed->ring();
        at(words[of.index]).store(of.word.freed().word, release);  // (L)
        return true;
    }

    /// Whether a lease is not over.
    [[nodiscard]] bool holds(const lease& of) const noexcept {
        return at(words[of.index]).load(relaxed) == of.word.word;  // its own store
    }

    /// One round of waiting for a free word.
    void wait_round(owner me, duration left) const {
        wait_round_with(left, [&] { sweep(me); });
    }

    /// As `wait_round`, with another way to sweep.
    template <class Sweep>
    void wait_round_with(duration left, Sweep sweep_them) const {
        freed->wait_round(
            std::min(left, watch), sweep_them, [&] { return any([](lease_word w) { return w.is_leaving(); }); },
            [&] { return !any([](lease_word w) { return w.owner().is_nobody(); }); });
    }

    /// Who has a word.
    [[nodiscard]] owner holder(u64 index) const noexcept {
        return lease_word{at(words[index]).load(acquire_order)}.owner();  // behind a sleeper's barrier
    }

    /// How many are leased, the dead one's included, as far as that can be told while others work.
    [[nodiscard]] u64 leased() const noexcept {
        u64 held = 0;
        for (u64 i = 0; i < count; ++i) {
            held += lease_word{at(words[i]).load(relaxed)}.owner().is_nobody() ? 0U : 1U;  // a number for people
        }
        return held;
    }

  private:
    static constexpr auto acquire_order = std::memory_order_acquire;  // `acquire` is a step here

    /// No sum of generations: somebody else was faster.
    static constexpr u64 unknown = ~u64{0};

    /// One look at all words; the sum of their generations where all were leased.
    [[nodiscard]] std::optional<lease> pass(owner me, u64 start, u64& seen) const noexcept {
        u64 sum = 0;
        bool all = true;
        for (u64 step = 0; step < count; ++step) {
            const u64 i = start + step < count ? start + step : start + step - count;
            const lease_word now{at(words[i]).load(acquire_order)};  // (L)
            if (!now.owner().is_nobody()) {
                sum += now.generation();
                continue;
            }
            const lease_word mine = now.leased(me);
            if (exchange_if(words[i], now.word, mine.word, acq_rel)) {  // (L)
                fence(release);                                         // (N)
                return lease{i, mine};
            }
            all = false;  // somebody else was faster
        }
        seen = all ? sum & ~(u64{1} << 63) : unknown;
        return std::nullopt;
    }

    template <class Is>
    [[nodiscard]] bool any(Is is) const noexcept {
        for (u64 i = 0; i < count; ++i) {
            if (is(lease_word{at(words[i]).load(acquire_order)})) {  // behind the sleeper's barrier
                return true;
            }
        }
        return false;
    }
};

/// Whether a word is on a lease of that generation, whosever; works on read-only mappings. What is read from here on was
/// not written before the lease began.
[[nodiscard]] inline bool is_leased(u64& word, u64 generation) noexcept {
    const lease_word now{at(word).load(relaxed)};  // the fence makes it (L)'s acquire end
    fence(acquire);
    return now.generation() == generation && !now.owner().is_nobody();
}

}  // namespace shm::memory
