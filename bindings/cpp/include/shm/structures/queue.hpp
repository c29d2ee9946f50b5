// `queue<T, N>`: a bounded lock-free FIFO for any number of producers and consumers.
//
// Whoever is killed or stopped at any instruction, no element is lost, torn, duplicated or reordered, and nobody else
// waits. Each operation of the dead took effect once or not at all. An element that a dead consumer had taken and not
// acknowledged comes back. All-zero bytes are the empty queue.
//
//     0x000  head      u64, alone on 128 bytes      hint: next ticket to pop
//     0x080  tail      u64, alone on 128 bytes      hint: next ticket to push
//     0x100  signals   128 bytes                    returned elements, sleepers
//     0x180  words     8 bytes × N                  {lap, full, node}
//            lines     128 bytes × lanes            spare node and shelf of each lane
//            nodes     size of T × (N + 2 × lanes)  at a multiple of 64
//
// | if a process dies at                 | what survivors see                       | who repairs it                  |
// |--------------------------------------|------------------------------------------|---------------------------------|
// | writing the value                    | nothing                                  | nobody needs to                 |
// | intent written, word not exchanged   | nothing                                  | recovery closes the intent      |
// | word exchanged                       | the element is pushed, popped or taken   | recovery settles the two nodes  |
// | element held                         | nothing: it is withheld                  | recovery returns it: redelivered |
// | returning                            | it comes back, once                      | recovery ends the return        |
// | woken the sleepers, not published    | they look again, find an announcement    | the first of them recovers it   |
//
// The algorithm is in `queue_ring.hpp`, the primitive in `memory/exchange.hpp`.
#pragma once

#include "../layout/element.hpp"
#include "../memory/handle.hpp"
#include "queue_ring.hpp"

#include <iterator>
#include <span>

namespace shm {

/// A bounded lock-free FIFO in shared memory, for any number of producers and consumers.
template <element T, u64 N>
class queue : public memory::handle {
    static_assert(N > 0 && (N & (N - 1)) == 0, "a queue's capacity is a power of two");
    using tried = structures::tried;

  public:
    using element_type = T;
    using value_type = T;
    static constexpr std::string_view kind = "Queue";
    static constexpr std::array<u64, 1> capacities{N};
    static constexpr bool has_lanes = true;
    [[nodiscard]] static constexpr layout::extent extent(u64 lanes) noexcept {
        return layout::exchanging(layout::numbers_of<T>(), lanes, 2 * layout::line_bytes, N, N, memory::nodes_per_lane,
                                  false);
    }

    class loaned;
    class taken;

    /// Elements that there is room for.
    [[nodiscard]] static constexpr u64 capacity() noexcept { return N; }

    /// How many elements there are, as far as that can be told while others push and pop; none in a closed handle.
    /// Elements that came back are not counted. Wait-free.
    [[nodiscard]] u64 size() const noexcept { return is_open() ? ring().len() : 0; }

    /// Whether there was no element to pop at some moment during the call. Wait-free.
    [[nodiscard]] bool empty() const noexcept { return !is_open() || ring().is_blocked(false); }

    /// Pushes `value`: `full` where all `N` places were taken at some moment during the call. Lock-free.
    outcome<void> push(const T& value) const noexcept {
        if (!is_writable()) {
            return unwritable();
        }
        {
            const auto lane = attached().enter_own();
            if (lane && ring().push_at_once(lane.index(), value)) {
                return {};
            }
        }
        return push_slowly(value);
    }

    /// Pops the oldest element, one that came back first: `empty` where there was none at some moment during the call.
    /// An element that is popped is gone, even if this process is killed before it has done anything with it: see `take`.
    /// Lock-free.
    [[nodiscard]] outcome<T> pop() const noexcept {
        if (!is_writable()) {
            return unwritable();
        }
        T value = {};
        {
            const auto lane = attached().enter_own();
            if (lane && ring().pop_at_once(lane.index(), value)) {
                return value;
            }
        }
        return pop_slowly();
    }

    /// A copy of the oldest element, which stays; works on read-only attachments. Lock-free.
    [[nodiscard]] outcome<T> peek() const noexcept {
        if (!is_open()) {
            return unexpected{refuse(reason::closed)};
        }
        T value = {};
        const tried done = ring().peek(value);
        return done == tried::done ? outcome<T>(value) : why(done, reason::empty);
    }

    /// Pushes a prefix of `values`, one after the other, and says how many: a kill leaves a prefix. They are not
    /// contiguous where others push at the same time. Lock-free.
    outcome<u64> push_slice(std::span<const T> values) const noexcept {
        if (!is_writable()) {
            return unwritable();
        }
        const auto lane = attached().enter();
        if (!lane) {
            return unexpected{refuse(reason::no_lane)};
        }
        const auto on = ring();
        u64 count = 0;
        while (count < values.size() &&
               (on.push_at_once(lane.index(), values[count]) ||
                on.push(lane.index(), values[count], count == 0) == tried::done)) {
            ++count;
        }
        return count;
    }

    /// Pops into `out` from its start, and says how many. Lock-free.
    outcome<u64> pop_slice(std::span<T> out) const noexcept {
        if (!is_writable()) {
            return unwritable();
        }
        const auto lane = attached().enter();
        if (!lane) {
            return unexpected{refuse(reason::no_lane)};
        }
        const auto on = ring();
        u64 count = 0;
        T value = {};
        while (count < out.size() && (on.pop_at_once(lane.index(), value) ||
                                      on.pop(lane.index(), value, count == 0) == tried::done)) {
            out[count++] = value;
        }
        return count;
    }

    /// Pushes `value`, and waits up to `timeout` for room. Blocking; a process killed while it makes room loses no
    /// wake-up.
    outcome<void> push_wait(const T& value, memory::duration timeout) const {
        return wait(true, timeout, [&] { return push(value); });
    }

    /// Pops the oldest element, and waits up to `timeout` for one: `timed_out` where there was none in time. Blocking; a
    /// process killed while it pushes loses no wake-up.
    [[nodiscard]] outcome<T> pop_wait(memory::duration timeout) const {
        auto popped = wait(false, timeout, [&] { return pop(); });
        return !popped && popped.error() == reason::empty ? unexpected{refuse(reason::timed_out)} : popped;
    }

    /// A place to write an element in, which `commit` then pushes without a copy. A loan that is dropped, or whose
    /// process dies, costs nothing. Several may live at a time; each needs a lane of its own. Lock-free.
    [[nodiscard]] outcome<loaned> loan() const noexcept {
        if (!is_writable()) {
            return unwritable();
        }
        auto lane = attached().lease();
        return lane.is_held() ? outcome<loaned>(loaned(*this, std::move(lane)))
                              : outcome<loaned>(unexpected{refuse(reason::no_lane)});
    }

    /// Takes the oldest element, which comes back unless `done` acknowledges it: so an element whose consumer dies is
    /// delivered again, out of order and perhaps twice, and never lost. Lock-free.
    [[nodiscard]] outcome<taken> take() const noexcept {
        if (!is_writable()) {
            return unwritable();
        }
        auto lane = attached().lease();
        if (!lane.is_held()) {
            return unexpected{refuse(reason::no_lane)};
        }
        const tried done = ring().take(lane.index());
        return done == tried::done ? outcome<taken>(taken(*this, std::move(lane))) : outcome<taken>(why(done, reason::empty));
    }

    /// What is in the queue, popped one by one until it is empty: `for (const auto& event : queue.drain())`.
    class drained;
    [[nodiscard]] drained drain() const noexcept { return drained(*this); }

  protected:
    /// The parts, for the algorithm and for those who test it.
    [[nodiscard]] structures::queue_ring<T> ring() const noexcept {
        const auto parts = extent(lane_count());
        return {.in = {.words = part<u64>(parts.signals + layout::line_bytes),
                       .capacity = N,
                       .signals = part<memory::signals>(parts.signals),
                       .lines = part<memory::line>(parts.lines),
                       .lanes = lane_count(),
                       .records = attached().lanes(),
                       .where = memory::place::of(offset_of(parts.signals), N)},
                .cells = {start() + parts.cells, parts.count},
                .head = part<u64>(0),
                .tail = part<u64>(layout::line_bytes)};
    }

  private:

    [[nodiscard]] unexpected<fault> why(tried stopped, reason otherwise) const noexcept {
        return stopped == tried::corrupt ? corrupt() : unexpected{refuse(otherwise, 0, 1, N)};
    }

    [[gnu::noinline]] outcome<void> push_slowly(const T& value) const noexcept {
        const auto lane = attached().enter();
        if (!lane) {
            return unexpected{refuse(reason::no_lane)};
        }
        const tried done = ring().push(lane.index(), value, true);
        return done == tried::done ? outcome<void>() : outcome<void>(why(done, reason::full));
    }

    [[gnu::noinline]] outcome<T> pop_slowly() const noexcept {
        const auto lane = attached().enter();
        if (!lane) {
            return unexpected{refuse(reason::no_lane)};
        }
        T value = {};
        const tried done = ring().pop(lane.index(), value, true);
        return done == tried::done ? outcome<T>(value) : outcome<T>(why(done, reason::empty));
    }

    /// Tries until it succeeds or the time is up, and sleeps in between. No lane is held meanwhile.
    template <class Attempt>
    auto wait(bool filling, memory::duration timeout, Attempt attempt) const -> decltype(attempt()) {
        if (!is_writable()) {
            return unwritable();
        }
        const auto on = ring();
        memory::event& event = filling ? on.in.signals->emptied : on.in.signals->filled;
        return memory::wait_until(timeout, attempt, [&](memory::duration left) {
            wait_round(
                event, left, [&] { return on.in.announced(!filling); }, [&] { return on.is_blocked(filling); });
            return true;
        });
    }
};

/// A place in the queue's memory to write an element in. In a forked child the loans of the parent are void.
template <element T, u64 N>
class queue<T, N>::loaned {
  public:
    /// Writes the element. What an earlier use left there is overwritten.
    outcome<void> write(const T& value) noexcept {
        u64 spare = 0;
        if (!lane.is_held()) {
            return unexpected{of.refuse(reason::not_held)};
        }
        const auto on = of.ring();
        return on.fill(on.in.own(lane.index()), value, spare) ? outcome<void>() : outcome<void>(of.corrupt());
    }

    /// Pushes the element; the loan stays where the queue was full. Lock-free.
    outcome<void> commit() noexcept {
        if (!lane.is_held()) {
            return unexpected{of.refuse(reason::not_held)};
        }
        const tried done = of.ring().push_filled(lane.index());
        if (done != tried::done) {
            return of.why(done, reason::full);
        }
        lane = memory::guard_lane();
        return {};
    }

  private:
    friend class queue;
    loaned(queue from, memory::guard_lane on) noexcept : of(std::move(from)), lane(std::move(on)) {}
    queue of;
    memory::guard_lane lane;
};

/// An element that was taken, and comes back unless it is acknowledged. In a forked child the taken elements of the
/// parent are void: the parent still has them.
template <element T, u64 N>
class queue<T, N>::taken {
  public:
    taken(taken&&) noexcept = default;
    taken& operator=(taken&& from) noexcept {
        std::swap(of, from.of);
        std::swap(lane, from.lane);
        return *this;
    }
    taken(const taken&) = delete;
    taken& operator=(const taken&) = delete;
    ~taken() {
        if (lane.is_held()) {
            memory::put_back(of.ring().in, lane.index());
        }
    }

    /// The element.
    [[nodiscard]] outcome<T> get() const noexcept {
        T value = {};
        if (!lane.is_held()) {
            return unexpected{of.refuse(reason::not_held)};
        }
        return of.ring().spare_value(lane.index(), value) ? outcome<T>(value) : outcome<T>(of.corrupt());
    }

    /// Acknowledges the element: it does not come back. Wait-free: one store, before or behind which a kill lands.
    outcome<void> done() noexcept {
        if (!lane.is_held()) {
            return unexpected{of.refuse(reason::not_held)};
        }
        of.ring().done(lane.index());
        lane = memory::guard_lane();
        return {};
    }

  private:
    friend class queue;
    taken(queue from, memory::guard_lane on) noexcept : of(std::move(from)), lane(std::move(on)) {}
    queue of;
    memory::guard_lane lane;
};

/// The elements of a queue, popped one by one.
template <element T, u64 N>
class queue<T, N>::drained {
  public:
    class iterator {
      public:
        using value_type = T;
        using difference_type = std::ptrdiff_t;
        using iterator_concept = std::input_iterator_tag;

        explicit iterator(const queue* from) : of(from) { ++*this; }
        [[nodiscard]] const T& operator*() const noexcept { return value; }
        iterator& operator++() noexcept {
            auto next = of->pop();
            more = next.has_value();
            if (more) {
                value = *next;
            }
            return *this;
        }
        void operator++(int) noexcept { ++*this; }
        friend bool operator==(const iterator& at, std::default_sentinel_t) noexcept { return !at.more; }

      private:
        const queue* of;
        T value = {};
        bool more = false;
    };

    [[nodiscard]] iterator begin() const { return iterator(&of); }
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

  private:
    friend class queue;
    explicit drained(const queue& from) : of(from) {}
    queue of;
};

}  // namespace shm
