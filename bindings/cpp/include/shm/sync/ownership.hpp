// A lock that this process holds, and how it waits for one: what the guards of `mutex` and `rwlock` and a run of `once` have
// in common.
#pragma once

#include "../error/fault.hpp"
#include "../memory/handle.hpp"
#include "lock.hpp"

#include <exception>
#include <thread>

namespace shm {

/// Why there is no plain guard. Where an owner died with the lock, the guard is inside: the lock is held all the same, and
/// what it protects may be half changed.
template <class Guard>
struct lock_fault : fault {
    /// The guard, where an owner died; it stays here, and unlocks when this goes, unless it is moved out.
    std::optional<Guard> guard;
};

/// A guard, or why there is no plain one.
template <class Guard>
using locked = expected<Guard, lock_fault<Guard>>;

namespace sync {

/// Who this process is; nobody in a forked child for which the segment has no place.
[[nodiscard]] inline memory::owner me(memory::attachment& in) {
    return memory::owner::of(in.registered());
}

/// One round of waiting as whoever this process is; in a forked child for which there is no place it waits for one.
template <class Wait>
void round(memory::attachment& in, Wait wait) {
    const memory::owner self = me(in);
    if (self.is_nobody()) {
        std::this_thread::sleep_for(memory::slice);
    } else {
        wait(self);
    }
}

/// A lock that is held, until this goes. Void in a forked child: the parent has the lock. Whoever has this keeps a handle,
/// so the segment outlives it.
class ownership {
  public:
    ownership(lock of, lock_word word) noexcept
        : held(of), mine(word), stamp(memory::at(of.in->local().stamp).load(memory::relaxed)),
          exceptions(std::uncaught_exceptions()), doubtful(word.is_doubtful()) {}
    ownership(ownership&& from) noexcept
        : held(from.held), mine(from.mine), stamp(std::exchange(from.stamp, 0)), exceptions(from.exceptions),
          doubtful(from.doubtful) {}
    ownership& operator=(ownership&& from) noexcept {
        std::swap(held, from.held);
        std::swap(mine, from.mine);
        std::swap(stamp, from.stamp);
        std::swap(exceptions, from.exceptions);
        std::swap(doubtful, from.doubtful);
        return *this;
    }
    ownership(const ownership&) = delete;
    ownership& operator=(const ownership&) = delete;
    ~ownership() {
        finish(doubtful || std::uncaught_exceptions() > exceptions ? after::doubtful : after::sound);
    }

    /// Locks, if it is free or a dead one's.
    [[nodiscard]] static std::optional<ownership> acquire(lock of) {
        const memory::owner self = me(*of.in);
        const auto word = self.is_nobody() ? std::nullopt : of.acquire(self);
        return word ? std::optional<ownership>(std::in_place, of, *word) : std::nullopt;
    }

    /// Locks, and waits up to `timeout`, or until `is_over`.
    template <class IsOver>
    [[nodiscard]] static std::optional<ownership> acquire_wait(lock of, memory::duration timeout, IsOver is_over) {
        const auto attempt = [&]() -> std::optional<lock_word> {
            const memory::owner self = me(*of.in);
            return self.is_nobody() ? std::nullopt : of.acquire_free(self);
        };
        const auto word = memory::wait_until(timeout, attempt, [&](memory::duration left) {
            round(*of.in, [&](memory::owner self) { of.wait_round(self, left); });
            return !is_over();
        });
        // whatever the time was: nobody is told that a dead one has it
        return word ? std::optional<ownership>(std::in_place, of, *word) : acquire(of);
    }

    /// Whether this process still has the lock.
    [[nodiscard]] bool is_held() const noexcept { return is_own() && held.holds(mine); }
    /// Whether an owner died in the middle of something that nobody has settled.
    [[nodiscard]] bool is_doubtful() const noexcept { return doubtful; }
    /// Says that what the lock protects is in order.
    void settle() noexcept { doubtful = false; }

    /// Unlocks, if this process has the lock.
    void finish(after how) noexcept {
        if (is_own() && !held.release(mine, how)) {
            held.in->note_corrupt();  // somebody took it from the living
        }
        stamp = 0;
    }

  private:
    [[nodiscard]] bool is_own() const noexcept {
        return stamp != 0 && memory::at(held.in->local().stamp).load(memory::relaxed) == stamp;
    }

    lock held;
    lock_word mine;
    /// This process's when it locked; zero once it is over.
    u64 stamp;
    /// That were under way when it locked: with one more, what the lock protects is left half changed.
    int exceptions;
    bool doubtful;
};

}  // namespace sync
}  // namespace shm
