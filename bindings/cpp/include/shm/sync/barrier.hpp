// `barrier<Parties>`: nobody goes on before all are there.
//
//     0x000  moved   event, 8 bytes             sleepers
//     0x008  state   8 bytes, to 64             {changes, who is here}
//     0x040  places  8 bytes × Parties          {generation, leaving, owner}
//
//    63                     P P-1         0
//    +-----------------------+-------------+
//    | changes               | who is here |    zero: nobody; P is the number of parties
//    +-----------------------+-------------+
//
// A party leases a *place* (see `memory/leases.hpp`), so that its death can be told, and then sets the bit of that place in
// one word, by exchange. The exchange that would set the last bit clears all of them instead: that one exchange opens the
// gate, for all or for nobody. A party is through when its bit is clear, because nobody else clears the bit of one who lives
// and waits. Who runs out of time takes its own bit back by exchange, or finds that it is through.
//
// An arrival of the dead is withdrawn by whoever sweeps: the bit first, then the place, so that a place which is free has no
// bit. A sweeper reads the word, looks whether the place is still the dead one's, and exchanges the word that it read: as
// every change raises the count, it takes nothing from a later party at the place. The one that would open the gate sweeps
// first, so nobody who was dead when the last party came is counted.
//
// Waiting is as in `memory/signals.hpp`: a place that is leased and has no bit is an announcement. The one that opens wakes
// the sleepers before it does.
//
// | if a process dies at               | what survivors see                                            | who repairs it            |
// |------------------------------------|---------------------------------------------------------------|---------------------------|
// | before it has arrived              | nothing, or a place of the dead                               | who needs one, or sleeps  |
// | arrived                            | its arrival is withdrawn: the others wait for somebody else   | who waits, or comes last  |
// | opening                            | all are through, or its arrival is withdrawn                  | as above                  |
// | through                            | the others are through; nobody may be the leader              | as above                  |
// | stopped before it has arrived      | the others wait                                               | SIGCONT, or another party |
//
// Ordering:
// (G) arrive -> is_through: what any party did before it arrived is before what any does behind the gate. Every change of the
//     word is an exchange, so each arrival's release goes on to the exchange that opens, and from there to all.
#pragma once

#include "../layout/element.hpp"
#include "../layout/extent.hpp"
#include "../memory/leases.hpp"
#include "ownership.hpp"

namespace shm {

namespace sync {

/// A gate, and what passing it needs; the number of places is the number of parties.
struct gate {
    u64* state;
    /// Where parties stand.
    memory::leases places;

    /// Arrives at a place; whether that opened the gate. None where the word changes all the time without making sense.
    [[nodiscard]] std::optional<bool> arrive(memory::owner me, const memory::lease& at) const {
        for (u64 tries = 0; tries < memory::patience; ++tries) {
            const u64 now = load();
            if (((now | bit(at)) & all()) != all()) {
                if (exchange(now, now | bit(at))) {
                    return false;
                }
                continue;
            }
            if (!seeded(bug::count_the_dead)) {
                sweep(me);
            }
            places.freed->ring();
            if (exchange(now, now & ~all())) {
                return true;
            }
        }
        return std::nullopt;
    }

    /// Whether the gate was opened for the party at that place, which had arrived.
    [[nodiscard]] bool is_through(const memory::lease& at) const noexcept { return (load() & bit(at)) == 0; }

    /// Takes an arrival back; false where the gate was opened for it before.
    [[nodiscard]] bool withdraw(const memory::lease& at) const noexcept {
        for (u64 tries = 0; tries < memory::patience; ++tries) {
            const u64 now = load();
            if ((now & bit(at)) == 0) {
                return false;
            }
            if (exchange(now, now & ~bit(at))) {
                return true;
            }
        }
        return true;
    }

    /// Withdraws the dead.
    void sweep(memory::owner me) const {
        places.sweep_with(me, [this](const memory::lease& dead) {
            for (u64 tries = 0; tries < memory::patience; ++tries) {
                const u64 now = load();
                // behind the look at the word: if the place is the dead one's now, the bit in it was
                if ((now & bit(dead)) == 0 || seeded(bug::keep_arrival) || !places.holds(dead) ||
                    exchange(now, now & ~bit(dead))) {
                    return;
                }
            }
        });
    }

    /// One round of waiting for the others.
    void wait_round(memory::owner me, const memory::lease& at, memory::duration left) const {
        places.freed->wait_round(
            std::min(left, memory::watch), [&] { sweep(me); }, [&] { return is_somebody_coming(); },
            [&] { return !is_through(at); });
    }

  private:
    [[nodiscard]] u64 all() const noexcept { return (u64{1} << places.count) - 1; }
    [[nodiscard]] static u64 bit(const memory::lease& at) noexcept { return u64{1} << at.index; }
    [[nodiscard]] u64 load() const noexcept { return memory::at(*state).load(memory::acquire); }  // (G)

    /// Says who is here, in the low bits of `next`, and counts the change.
    bool exchange(u64 now, u64 next) const noexcept {
        const u64 changes = (now >> places.count) + 1;
        next = changes << places.count | (next & all());
        return memory::exchange_if(*state, now, next, memory::acq_rel);  // (G); lost: somebody arrived, withdrew or opened
    }

    /// Whether somebody has a place and is not here: it comes, or it goes.
    [[nodiscard]] bool is_somebody_coming() const noexcept {
        const u64 here = load();
        for (u64 place = 0; place < places.count; ++place) {
            if ((here >> place & 1) == 0 && !places.holder(place).is_nobody()) {
                return true;
            }
        }
        return false;
    }
};

}  // namespace sync

/// How a party went through a barrier.
struct barrier_result {
    /// Whether this is the one party that the others waited for: one of each round, or none if it died.
    bool is_leader;
};

/// A barrier for `Parties` parties in any processes; it can be used again and again. A party is a call of `wait`, from whatever
/// thread or process. If more than `Parties` wait at once, those who came too late wait for the next round.
template <u64 Parties>
class barrier : public memory::handle {
    static_assert(Parties >= 1 && Parties <= 32, "a barrier has 1 to 32 parties");

  public:
    using element_type = void;
    static constexpr std::string_view kind = "Barrier";
    static constexpr std::array<u64, 1> capacities{Parties};
    static constexpr bool has_lanes = false;
    [[nodiscard]] static constexpr layout::extent extent(u64) noexcept { return layout::words_behind_head(Parties); }

    /// Arrives, and waits up to `timeout` until all are there; `timed_out` where they were not: then this party has not
    /// arrived. Blocking, until `Parties` who live are there, or the time is up. A death holds nobody up for longer than 50 ms.
    [[nodiscard]] outcome<barrier_result> wait(memory::duration timeout) const {
        if (!is_writable()) {
            return unwritable();
        }
        const auto start = std::chrono::steady_clock::now();
        const auto at = take_place(timeout);
        if (!at) {
            return unexpected{refuse(reason::timed_out)};
        }
        const memory::duration gone = std::chrono::steady_clock::now() - start;
        const auto passed = pass(*at, timeout > gone ? timeout - gone : memory::duration::zero());
        gate().places.give_back(*at);
        return passed;
    }

  private:
    [[nodiscard]] sync::gate gate() const noexcept {
        return {part<u64>(8), {part<u64>(layout::cell_align), Parties, part<memory::event>(0), &attached()}};
    }

    [[nodiscard]] std::optional<memory::lease> take_place(memory::duration timeout) const {
        const auto take = [this]() -> std::optional<memory::lease> {
            const memory::identity own = attached().registered();
            if (own.is_nobody()) {
                return std::nullopt;
            }
            // so that parties do not all try the same place first
            return gate().places.acquire_free(memory::owner::of(own), own.slot() % Parties);
        };
        const auto got = memory::wait_until(timeout, take, [this](memory::duration left) {
            sync::round(attached(), [&](memory::owner me) {
                gate().places.wait_round_with(left, [&] { gate().sweep(me); });
            });
            return true;
        });
        if (got) {
            return got;
        }
        gate().sweep(sync::me(attached()));  // whatever the time was
        return take();
    }

    /// Goes through from a place, and says whether it leads.
    [[nodiscard]] outcome<barrier_result> pass(const memory::lease& at, memory::duration timeout) const {
        const auto in = gate();
        const auto opened = in.arrive(sync::me(attached()), at);
        if (!opened) {
            return corrupt();
        }
        if (*opened) {
            return barrier_result{true};
        }
        const bool through = memory::wait_until(timeout, [&] { return in.is_through(at); }, [&](memory::duration left) {
            sync::round(attached(), [&](memory::owner me) { in.wait_round(me, at, left); });
            return true;
        });
        if (through || !in.withdraw(at)) {
            return barrier_result{false};
        }
        return unexpected{refuse(reason::timed_out)};
    }
};

}  // namespace shm
