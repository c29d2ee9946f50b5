// What every handle to a structure is: a checked place in a mapping that lives as long as the handle.
//
// A handle that was default-constructed, or whose segment was closed, has no place; every operation then says `closed`.
// Copies are handles of their own: each keeps the mapping, and this process attached, until it goes. A handle may be used
// by many threads at once; replacing it (assignment, `segment::close`) is the owner's business, as with any object.
#pragma once

#include "../error/fault.hpp"
#include "../layout/extent.hpp"
#include "lanes.hpp"

#include <memory>

namespace shm {

namespace segments {
struct binder;
}

namespace memory {

/// Names the structure that a handle is of, and keeps its mapping.
class handle {
  public:
    /// The structure's name in the table; empty for a handle that was never bound.
    [[nodiscard]] std::string_view name() const noexcept { return called.view(); }
    /// Whether the handle belongs to an open segment.
    [[nodiscard]] bool is_open() const noexcept { return place != nullptr; }

    handle() = default;
    handle(const handle&) = default;
    handle& operator=(const handle&) = default;
    handle(handle&& from) noexcept
        : keeper(std::move(from.keeper)), place(std::exchange(from.place, nullptr)), called(from.called) {}
    handle& operator=(handle&& from) noexcept {
        std::swap(keeper, from.keeper);
        std::swap(place, from.place);
        std::swap(called, from.called);
        return *this;
    }

  protected:

    [[nodiscard]] attachment& attached() const noexcept { return *keeper; }
    [[nodiscard]] std::byte* start() const noexcept { return place; }
    /// A part of the structure, at a place that `extent` gave.
    template <class R>
    [[nodiscard]] R* part(u64 offset) const noexcept {
        return reinterpret_cast<R*>(place + offset);
    }
    /// Bytes from the segment's start to a part.
    [[nodiscard]] u64 offset_of(u64 offset) const noexcept { return static_cast<u64>(place - keeper->base()) + offset; }
    [[nodiscard]] u64 lane_count() const noexcept { return keeper->lane_count(); }

    [[nodiscard]] fault refuse(reason why, u64 first = 0, u64 count = 0, u64 capacity = 0) const noexcept {
        return {why, called, first, count, capacity};
    }
    /// Why nothing may be changed here; only where `is_writable` says no.
    [[nodiscard]] unexpected<fault> unwritable() const noexcept {
        return unexpected{refuse(is_open() ? reason::read_only : reason::closed)};
    }
    [[nodiscard]] bool is_writable() const noexcept { return is_open() && !keeper->is_read_only(); }
    /// Counts bytes that make no sense, and says so.
    [[nodiscard]] unexpected<fault> corrupt() const noexcept {
        keeper->note_corrupt();
        return unexpected{refuse(reason::corrupt)};
    }

    /// One round of waiting on `on`, at most for `limit`; where this attachment may not write, and so cannot say that it
    /// sleeps, a short sleep.
    template <class Announced, class Blocked>
    void wait_round(event& on, duration limit, Announced announced, Blocked blocked) const {
        if (keeper->is_read_only()) {
            std::this_thread::sleep_for(std::min(limit, slice));
        } else {
            on.wait_round(limit, [this] { keeper->recover(); }, announced, blocked);
        }
    }

  private:
    friend struct segments::binder;

    std::shared_ptr<attachment> keeper;
    std::byte* place = nullptr;
    name32 called;
};

}  // namespace memory
}  // namespace shm
