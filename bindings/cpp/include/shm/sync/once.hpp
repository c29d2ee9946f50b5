// `once`: what is done once, by whoever comes first.
//
//     0x000  freed  event, 8 bytes       those who wait for the runner
//     0x008  word   8 bytes, to 64       {generation, done, doubtful, leaving, owner}
//
// | if a process dies at                  | what survivors see                                       | who repairs it                |
// |---------------------------------------|----------------------------------------------------------|-------------------------------|
// | before it runs                        | nothing                                                  | nobody needs to               |
// | running                               | the next one runs, and `is_interrupted` says so          | the next who comes, or waits  |
// | behind the run, before its last store | it is completed                                          | as above                      |
// | stopped in the run                    | it is not completed                                      | SIGCONT or death              |
//
// The algorithm is in `lock.hpp`. Once it is completed, a call is one load.
#pragma once

#include "../layout/element.hpp"
#include "../layout/extent.hpp"
#include "ownership.hpp"

namespace shm {

/// What a run finds.
struct once_state {
    /// Whether another one began to run before, and died in it.
    bool is_interrupted;
};

/// Something that is done once in the life of a segment.
class once : public memory::handle {
  public:
    using element_type = void;
    static constexpr std::string_view kind = "Once";
    static constexpr std::array<u64, 0> capacities{};
    static constexpr bool has_lanes = false;
    [[nodiscard]] static constexpr layout::extent extent(u64) noexcept { return layout::words_behind_head(0); }

    /// Whether somebody has run to the end. What was done there is visible then. Wait-free; works on read-only attachments.
    [[nodiscard]] bool is_completed() const noexcept { return is_open() && word().look().is_done(); }

    /// Calls `run` with a `once_state`, if nobody has run to the end yet; returns when somebody has. What is run must be able
    /// to begin again on what a run before has left. Blocking, until the runner ends or dies. A thread that calls it inside of
    /// `run` waits for itself.
    template <class Run>
    outcome<void> call_once(Run run) const {
        for (;;) {
            auto done = call_once_wait(memory::duration::max(), run);
            if (done || !(done.error() == reason::timed_out)) {
                return done;
            }
        }
    }

    /// As `call_once`, and waits for another's run up to `timeout`.
    template <class Run>
    outcome<void> call_once_wait(memory::duration timeout, Run&& run) const {
        if (is_completed()) {
            return {};
        }
        if (!is_writable()) {
            return unwritable();
        }
        auto mine = sync::ownership::acquire_wait(word(), timeout, [this] { return is_completed(); });
        if (!mine) {
            return is_completed() ? outcome<void>() : outcome<void>(unexpected{refuse(reason::timed_out)});
        }
        run(once_state{mine->is_doubtful()});  // where it throws, the next one runs
        mine->finish(sync::after::done);
        return {};
    }

  private:
    [[nodiscard]] sync::lock word() const noexcept { return {part<sync::lock_line>(0), &attached()}; }
};

}  // namespace shm
