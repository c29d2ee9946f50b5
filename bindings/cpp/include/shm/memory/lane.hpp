// A lane's record: who has the lane on lease, and the intent of the operation that runs on it.
//
// One lane does one operation at a time. Before an operation changes anything that others see it writes its *intent*
// here, by plain stores to a line that is its own; a recoverer who finds the owner dead learns from it what went on.
//
// Ordering:
// (I) open.state -> intent: the intent's words are visible to whoever sees the phase.
// (S) close.state -> evidence: the spare is settled for whoever sees the phase closed. `enter`'s place and `open`'s old
//     too: whoever sees a word of the next operation sees the one before closed.
#pragma once

#include "atomic.hpp"

namespace shm::memory {

/// What an operation is doing: FORMAT.md has the list.
enum class phase : u64 {
    idle = 0,
    filling = 1,
    emptying = 2,
    push = 3,
    take = 4,
    held = 5,
    give_back = 6,
    reclaim = 7,
    publish = 8,
    insert = 9,
    inserted = 10,
    stack_push = 11,
    stack_pop = 12,
    reserve = 14,
};

/// Whether two nodes are about to change hands, so that the spare may be stale. `reserve` is none: both nodes are the
/// lane's own before and after.
[[nodiscard]] constexpr bool is_exchange(phase which) noexcept {
    switch (which) {
        case phase::push:
        case phase::take:
        case phase::give_back:
        case phase::reclaim:
        case phase::publish:
        case phase::insert:
        case phase::stack_push:
        case phase::stack_pop:
            return true;
        default:
            return false;
    }
}

/// The state word: `number << 4 | phase`.
struct lane_state {
    u64 word = 0;

    /// A value that no program of ours writes reads as `idle`.
    [[nodiscard]] constexpr memory::phase phase() const noexcept {
        const u64 low = word & 15;
        return low == 13 || low == 15 ? memory::phase::idle : static_cast<memory::phase>(low);
    }
    [[nodiscard]] constexpr u64 number() const noexcept { return word >> 4; }
    [[nodiscard]] constexpr lane_state with(memory::phase which) const noexcept {
        return {(word & ~u64{15}) | static_cast<u64>(which)};
    }
    static constexpr lane_state of(memory::phase which, u64 number) noexcept {
        return {number << 4 | static_cast<u64>(which)};
    }
    friend constexpr bool operator==(lane_state, lane_state) = default;
};

/// Where the exchange words of a structure lie, and how many they are: `offset | log2(capacity)`. At the offset there
/// are signals, behind them the words, and behind those, at a multiple of 128, one line per lane.
struct place {
    u64 word = 0;

    static constexpr place of(u64 offset, u64 capacity) noexcept {
        return {offset | static_cast<u64>(std::countr_zero(capacity))};
    }
    [[nodiscard]] constexpr u64 offset() const noexcept { return word & ~u64{63}; }
    [[nodiscard]] constexpr u64 log2() const noexcept { return word & 63; }
    friend constexpr bool operator==(place, place) = default;
};

/// What a lane was about to do, as found in its record: every number is an input.
struct intent {
    memory::phase phase = memory::phase::idle;
    u64 number = 0;
    u64 old = 0;
};

/// A lane's bytes.
struct alignas(128) lane_record {
    /// The identity of the attachment that has it on lease; zero: free.
    u64 owner;
    u64 state_word;
    u64 place_word;
    u64 old_word;
    u64 reserved[12];

    /// The state, for those who look at another's lane.
    [[nodiscard]] lane_state state() noexcept { return {at(state_word).load(acquire)}; }  // (I), (S)

    /// Says which structure the operations that follow are on. Only in phase `idle`.
    void enter(place where) noexcept {
        if (at(place_word).load(relaxed) != where.word) {
            at(place_word).store(where.word, release);  // only the caller writes it; published with the phase (I); (S)
        }
    }

    /// Announces that an operation is under way, before it looks whether anybody sleeps.
    void announce(phase which) noexcept { at(state_word).store(own().with(which).word, release); }  // (I)

    /// Opens the exchange `number` of a word that holds `old`.
    void open(phase which, u64 number, u64 old) noexcept {
        at(old_word).store(old, release);                                      // published with the phase (I); and (S)
        at(state_word).store(lane_state::of(which, number).word, release);     // (I)
    }

    /// Ends an exchange or an announcement; the spare is settled.
    [[gnu::always_inline]] void close(phase which) noexcept { at(state_word).store(own().with(which).word, release); }  // (S)

    /// The place that the record names.
    [[nodiscard]] place where() noexcept { return {at(place_word).load(relaxed)}; }  // ordered by the state (I)

    /// The intent that the record held in state `state`.
    [[nodiscard]] memory::intent read(lane_state state) noexcept {
        return {state.phase(), state.number(), at(old_word).load(relaxed)};  // ordered by the state (I)
    }

  private:
    [[nodiscard]] lane_state own() noexcept { return {at(state_word).load(relaxed)}; }  // only the caller writes it
};

static_assert(sizeof(lane_record) == 128);

/// Whether any lane announces an operation on the structure at `where`, or is about to do it: one that fills, or one
/// that empties.
[[nodiscard]] inline bool announced(lane_record* records, u64 lanes, place where, bool filling) noexcept {
    for (u64 lane = 0; lane < lanes; ++lane) {
        bool wanted = false;
        switch (records[lane].state().phase()) {
            case phase::filling:
            case phase::push:
            case phase::give_back:
            case phase::publish:
            case phase::insert:
            case phase::stack_push:
                wanted = filling;
                break;
            case phase::emptying:
            case phase::take:
            case phase::reclaim:
            case phase::stack_pop:
                wanted = !filling;
                break;
            default:
                break;
        }
        if (wanted && records[lane].where() == where) {
            return true;
        }
    }
    return false;
}

}  // namespace shm::memory
