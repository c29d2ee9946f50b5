// `stack<T, N>`: a bounded lock-free LIFO for any number of processes.
//
// Whoever is killed or stopped at any instruction, no element is lost, torn or duplicated, and nobody else waits. Each
// operation of the dead took effect once or not at all; what they had begun is settled at once, whoever is stopped. All-zero
// bytes are the empty stack.
//
//     0x000  signals  128 bytes
//     0x080  heads    u64, alone on 128 bytes       first filled, first free, count
//     0x100  lines    128 × L                       of which a stack uses the spare
//            rows     8 × L × L
//            links    16 × (L + N)
//            nodes    size of T × (L + N), at a multiple of 64
//
// A push fills its lane's spare, where nobody looks, and gives it. A pop gives its spare as it is; what it takes is private
// from then on, so it is copied afterwards, at leisure. The algorithm, and what a kill leaves, is in `memory/two_lists.hpp`.
#pragma once

#include "../memory/cell.hpp"
#include "../memory/handle.hpp"

#include <span>

namespace shm {

/// A bounded lock-free LIFO in shared memory, for any number of processes.
template <element T, u64 N>
class stack : public memory::handle {
    static_assert(N > 0, "a capacity of 0 can hold nothing");
    using listed = memory::listed;
    using way = memory::way;

  public:
    using element_type = T;
    using value_type = T;
    static constexpr std::string_view kind = "Stack";
    static constexpr std::array<u64, 1> capacities{N};
    static constexpr bool has_lanes = true;
    [[nodiscard]] static constexpr layout::extent extent(u64 lanes) noexcept {
        return layout::lists(layout::numbers_of<T>(), lanes, N);
    }

    /// Elements that there is room for.
    [[nodiscard]] static constexpr u64 capacity() noexcept { return N; }
    /// How many elements there are; others may push and pop meanwhile. Lock-free.
    [[nodiscard]] u64 size() const noexcept { return is_open() ? lists().len() : 0; }
    /// Whether there was no element to pop at some moment during the call. Wait-free.
    [[nodiscard]] bool empty() const noexcept { return !is_open() || lists().is_blocked(way::pop); }

    /// Pushes `value`: `full` where all `N` places were taken at some moment during the call. Lock-free.
    outcome<void> push(const T& value) const noexcept {
        if (!is_writable()) {
            return unwritable();
        }
        const auto lane = attached().enter();
        if (!lane) {
            return unexpected{refuse(reason::no_lane)};
        }
        const auto on = lists();
        memory::two_lists::own_parts own = {};
        u64 taken = 0;
        if (!on.begin(lane.index(), own) || !cells().store(own.spare, value)) {
            return corrupt();
        }
        const listed pushed = on.exchange(own, way::push, taken);
        return pushed == listed::done ? outcome<void>() : outcome<void>(why(pushed, reason::full));
    }

    /// Pops the element that was pushed last: `empty` where there was none at some moment during the call. Lock-free.
    [[nodiscard]] outcome<T> pop() const noexcept {
        if (!is_writable()) {
            return unwritable();
        }
        const auto lane = attached().enter();
        if (!lane) {
            return unexpected{refuse(reason::no_lane)};
        }
        const auto on = lists();
        const auto values = cells();
        memory::two_lists::own_parts own = {};
        u64 taken = 0;
        const listed popped = on.begin(lane.index(), own) ? on.exchange(own, way::pop, taken) : listed::corrupt;
        T value = {};
        return popped == listed::done && values.load(taken, value)
                   ? outcome<T>(value)
                   : outcome<T>(why(popped == listed::done ? listed::corrupt : popped, reason::empty));
    }

    /// A copy of the element that was pushed last, which stays; works on read-only attachments. Lock-free.
    [[nodiscard]] outcome<T> peek() const noexcept {
        if (!is_open()) {
            return unexpected{refuse(reason::closed)};
        }
        T value = {};
        const listed seen = lists().look_at([&](const memory::heads& now) {
            return cells().load(now.filled, value) ? listed::done : listed::none;
        });
        return seen == listed::done ? outcome<T>(value) : outcome<T>(why(seen, reason::empty));
    }

    /// Pushes a prefix of `values`, one after the other, and says how many: a kill leaves a prefix. Lock-free.
    outcome<u64> push_slice(std::span<const T> values) const noexcept {
        u64 count = 0;
        for (const T& value : values) {
            const auto pushed = push(value);
            if (!pushed) {
                return pushed.error() == reason::full ? outcome<u64>(count) : unexpected{pushed.error()};
            }
            ++count;
        }
        return count;
    }

    /// Pops into `out` from its start, and says how many. Lock-free.
    outcome<u64> pop_slice(std::span<T> out) const noexcept {
        u64 count = 0;
        for (T& next : out) {
            const auto popped = pop();
            if (!popped) {
                return popped.error() == reason::empty ? outcome<u64>(count) : unexpected{popped.error()};
            }
            next = *popped;
            ++count;
        }
        return count;
    }

    /// Pushes `value`, and waits up to `timeout` for room. Blocking; a process killed while it makes room loses no wake-up.
    outcome<void> push_wait(const T& value, memory::duration timeout) const {
        return wait(way::push, timeout, [&] { return push(value); });
    }
    /// Pops the element that was pushed last, and waits up to `timeout` for one. Blocking; a process killed while it pushes
    /// loses no wake-up.
    [[nodiscard]] outcome<T> pop_wait(memory::duration timeout) const {
        auto popped = wait(way::pop, timeout, [&] { return pop(); });
        return !popped && popped.error() == reason::empty ? unexpected{refuse(reason::timed_out)} : popped;
    }

  private:
    [[nodiscard]] memory::two_lists lists() const noexcept {
        const auto parts = extent(lane_count());
        return {.heads_word = part<u64>(layout::line_bytes),
                .signals = part<memory::signals>(0),
                .lines = part<memory::line>(parts.lines),
                .rows = part<u64>(parts.rows),
                .links = part<memory::link>(parts.links),
                .nodes = parts.count,
                .lanes = lane_count(),
                .records = attached().lanes(),
                .where = memory::place::of(offset_of(0), 1)};
    }
    [[nodiscard]] memory::cells<T> cells() const noexcept {
        const auto parts = extent(lane_count());
        return {start() + parts.cells, parts.count};
    }

    /// Why nothing was done.
    [[nodiscard, gnu::cold, gnu::noinline]] unexpected<fault> why(listed what, reason otherwise) const noexcept {
        return what == listed::none ? unexpected{refuse(otherwise, 0, 1, N)} : corrupt();
    }

    template <class Attempt>
    auto wait(way which, memory::duration timeout, Attempt attempt) const -> decltype(attempt()) {
        if (!is_writable()) {
            return unwritable();
        }
        const auto on = lists();
        const way other = which == way::push ? way::pop : way::push;
        memory::event& event = which == way::push ? on.signals->emptied : on.signals->filled;
        return memory::wait_until(timeout, attempt, [&](memory::duration left) {
            wait_round(event, left, [&] { return on.announced(other); }, [&] { return on.is_blocked(which); });
            return true;
        });
    }
};

}  // namespace shm
