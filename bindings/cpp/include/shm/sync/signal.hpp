// `signal`: a count of events that anybody raises and anybody waits for.
//
//     0x000  raised  event, 8 bytes           sleepers
//     0x008  word    8 bytes, to 64           {count, raising}
//
//    63                                 1 0
//    +-----------------------------------+---------+
//    | count                             | raising |    zero: never raised
//    +-----------------------------------+---------+
//
// Waking must come before counting, or a kill between the two loses a wake-up; and a sleeper must be able to see that somebody
// is about to count. So raising is three steps: announce it by the `raising` bit, wake the sleepers, then count and clear the
// bit by one exchange. Who meets the bit of another one wakes the sleepers and counts for it: no owner is named, nobody is
// waited for, and nothing is left to recover. The count only grows, so the exchange that counts succeeds once, whoever does it.
//
// | if a process dies at     | what survivors see                                                             | who repairs it  |
// |--------------------------|--------------------------------------------------------------------------------|-----------------|
// | before it announces      | it was not raised                                                              | nobody needs to |
// | announced, not counted   | it was not raised yet; it counts with the next raise or wait, once             | who comes next  |
// | counted                  | it was raised, and the sleepers were woken before                              | nobody needs to |
// | stopped anywhere         | as above: nobody is held up                                                    | -               |
//
// Ordering:
// (C) announce, complete -> count: who sees the count sees what was done before the raise. Every change of the word is an
//     exchange, so the release of an announcement goes on through the exchange of a helper.
#pragma once

#include "../layout/element.hpp"
#include "../layout/extent.hpp"
#include "../memory/handle.hpp"

#include <thread>

namespace shm {

/// A count of events in shared memory. Raising is lock-free; waiting blocks.
class signal : public memory::handle {
  public:
    using element_type = void;
    static constexpr std::string_view kind = "Signal";
    static constexpr std::array<u64, 0> capacities{};
    static constexpr bool has_lanes = false;
    [[nodiscard]] static constexpr layout::extent extent(u64) noexcept { return layout::words_behind_head(0); }

    /// Counts one more, and wakes all who wait. Lock-free, and safe in a signal handler.
    outcome<void> raise() const {
        if (!is_writable()) {
            return unwritable();
        }
        (void)attached().registered();  // in a forked child: a sleeper's barrier has to reach all who raise
        for (u64 tries = 0; tries < memory::patience; ++tries) {
            const u64 now = load();
            if ((now & raising) != 0) {
                raised().ring();  // for the one whose raise is counted here
            }
            const u64 mine = counted(now) | raising;
            if (exchange(now, mine)) {  // lost: somebody else announced or counted
                raised().ring();
                if (seeded(bug::count_again)) {
                    memory::at(word()).fetch_add(raising, memory::acq_rel);
                } else {
                    (void)exchange(mine, counted(mine));  // lost: somebody else counted it
                }
                return {};
            }
        }
        return corrupt();
    }

    /// How often it was raised; wraps around at 2^63. Wait-free; works on read-only attachments.
    [[nodiscard]] u64 count() const noexcept { return is_open() ? load() >> 1 : 0; }

    /// Waits up to `timeout` until the count is another one than `since`, and says which. Blocking; works on read-only
    /// attachments, which look every millisecond.
    [[nodiscard]] outcome<u64> wait(u64 since, memory::duration timeout) const {
        if (!is_open()) {
            return unexpected{refuse(reason::closed)};
        }
        const bool writable = is_writable();
        if (writable) {
            (void)attached().registered();
        }
        const auto attempt = [&] {
            const u64 now = count();
            return now != since ? outcome<u64>(now) : outcome<u64>(unexpected{refuse(reason::timed_out)});
        };
        return memory::wait_until(timeout, attempt, [&](memory::duration left) {
            if (writable) {
                raised().wait_round(
                    left, [this] { complete(); }, [this] { return (load() & raising) != 0; },
                    [&] { return count() == since; });
            } else {
                std::this_thread::sleep_for(std::min(left, memory::slice));  // it can set no flag
            }
            return true;
        });
    }

  private:
    static constexpr u64 raising = 1;

    /// The word once what is announced is counted.
    [[nodiscard]] static constexpr u64 counted(u64 word) noexcept { return (word & ~raising) + ((word & raising) << 1); }

    [[nodiscard]] memory::event& raised() const noexcept { return *part<memory::event>(0); }
    [[nodiscard]] u64& word() const noexcept { return *part<u64>(8); }
    [[nodiscard]] u64 load() const noexcept { return memory::at(word()).load(memory::acquire); }  // (C)
    bool exchange(u64 now, u64 next) const noexcept {
        return memory::exchange_if(word(), now, next, memory::acq_rel);  // (C)
    }

    /// Counts what somebody else has announced, who may be dead or stopped.
    void complete() const noexcept {
        const u64 now = load();
        if ((now & raising) != 0) {
            raised().ring();
            (void)exchange(now, counted(now));  // lost: somebody else did
        }
    }
};

}  // namespace shm
