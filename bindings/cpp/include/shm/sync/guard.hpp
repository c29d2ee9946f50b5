// The guard of whoever may change a value: of a `mutex`, and of an `rwlock`'s writer.
#pragma once

#include "../layout/element.hpp"
#include "../memory/cell.hpp"
#include "ownership.hpp"

namespace shm::sync {

/// A handle to a value behind a lock: what `mutex` and `rwlock` have in common. The lock's word comes first.
template <element T>
class locking : public memory::handle {
  public:
    using element_type = T;
    using value_type = T;

    class guard;

  protected:
    [[nodiscard]] lock word() const noexcept { return {part<lock_line>(0), &attached()}; }

    /// The guard of a lock that is held, or inside of why it is no plain one.
    [[nodiscard]] locked<guard> opened(std::optional<ownership> mine, u64 cells, reason otherwise) const {
        if (!mine) {
            return refused<guard>(otherwise);
        }
        const bool is_doubtful = mine->is_doubtful();
        guard made(*this, std::move(*mine), cells);
        return is_doubtful ? died(std::move(made)) : locked<guard>(std::move(made));
    }
    template <class Guard>
    [[nodiscard]] locked<Guard> died(Guard with) const {
        return unexpected{lock_fault<Guard>{refuse(reason::owner_died), std::move(with)}};
    }
    template <class Guard>
    [[nodiscard]] locked<Guard> refused(reason why) const {
        return unexpected{lock_fault<Guard>{refuse(why), std::nullopt}};
    }
    /// Why nothing may be locked here; only where `is_writable` says no.
    template <class Guard>
    [[nodiscard]] locked<Guard> not_here() const {
        return refused<Guard>(is_open() ? reason::read_only : reason::closed);
    }
    [[nodiscard]] memory::cells<T> value(u64 cells) const noexcept { return {start() + cells, 1}; }
};

/// A value that this process alone may change, until this goes. The value is copied in and out: another process may write
/// its bytes at any time. Void in a forked child, whose parent has the lock.
template <element T>
class locking<T>::guard {
  public:
    /// A copy of the value.
    [[nodiscard]] outcome<T> get() const noexcept {
        T copy = {};
        return mine.is_held() && of.value(cells).load(0, copy) ? outcome<T>(copy) : not_held<T>();
    }
    /// Overwrites the value.
    outcome<void> set(const T& next) noexcept {
        return mine.is_held() && of.value(cells).store(0, next) ? outcome<void>() : not_held<void>();
    }
    /// Has `change` make another value of a copy, and writes that.
    template <class Change>
    outcome<void> update(Change change) {
        const auto now = get();
        return now ? set(change(*now)) : not_held<void>();
    }
    /// Says that the value is in order: from the unlocking on, nobody is told any more that an owner died.
    void mark_consistent() noexcept { mine.settle(); }

  private:
    friend class locking;
    guard(locking from, ownership held, u64 at) noexcept : of(std::move(from)), mine(std::move(held)), cells(at) {}
    template <class R>
    [[nodiscard]] outcome<R> not_held() const noexcept {
        return unexpected{of.refuse(reason::not_held)};
    }

    locking of;
    ownership mine;
    u64 cells;
};

}  // namespace shm::sync
