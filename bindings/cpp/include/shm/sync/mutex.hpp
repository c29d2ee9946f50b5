// `mutex<T>`: a value that one owner changes at a time, and whose owner's death is told to the next.
//
//     0x000  freed  event, 8 bytes          sleepers
//     0x008  word   8 bytes, to 64          {generation, done, doubtful, leaving, owner}
//     0x040  value  size of T
//
// | if a process dies at                  | what survivors see                                          | who repairs it              |
// |---------------------------------------|-------------------------------------------------------------|-----------------------------|
// | locking, before it has the lock       | nothing                                                     | nobody needs to             |
// | with the lock                         | the next one is told `owner_died`; it may be half changed   | that one: `mark_consistent` |
// | unlocking, from its first store on    | the value is whole, and nobody is told anything             | the next who wants the lock |
// | stopped with the lock                 | it is locked                                                | SIGCONT or death            |
//
// The algorithm is in `lock.hpp`. Blocking: an owner who is stopped holds up all who wait. A death holds nobody up for longer
// than 50 ms. A thread that locks a mutex which it holds waits for itself.
#pragma once

#include "guard.hpp"

namespace shm {

/// A value in shared memory that one owner changes at a time, in any process.
template <element T>
class mutex : public sync::locking<T> {
    using base = sync::locking<T>;

  public:
    static constexpr std::string_view kind = "Mutex";
    static constexpr std::array<u64, 0> capacities{};
    static constexpr bool has_lanes = false;
    [[nodiscard]] static constexpr layout::extent extent(u64) noexcept {
        constexpr auto of = layout::numbers_of<T>();
        const u64 align = layout::larger(layout::cell_align, of.align);
        return layout::dense({}, layout::cell_align, align, 1, of.size, align);
    }
    using typename base::guard;

    /// Locks, and waits as long as that takes: `owner_died`, with the guard inside, where it is locked and the value may be
    /// half changed. Blocking, until the owner unlocks or dies.
    [[nodiscard]] locked<guard> lock() const {
        for (;;) {
            auto got = lock_wait(memory::duration::max());
            if (got || !(got.error() == reason::timed_out)) {
                return got;
            }
        }
    }
    /// Locks, if nobody who lives has the lock; else `would_block`. Lock-free.
    [[nodiscard]] locked<guard> try_lock() const {
        if (!this->is_writable()) {
            return this->template not_here<guard>();
        }
        return this->opened(sync::ownership::acquire(this->word()), extent(0).cells, reason::would_block);
    }
    /// Locks, and waits up to `timeout`. Blocking, until the owner unlocks or dies, or the time is up.
    [[nodiscard]] locked<guard> lock_wait(memory::duration timeout) const {
        if (!this->is_writable()) {
            return this->template not_here<guard>();
        }
        return this->opened(sync::ownership::acquire_wait(this->word(), timeout, [] { return false; }), extent(0).cells,
                            reason::timed_out);
    }
};

}  // namespace shm
