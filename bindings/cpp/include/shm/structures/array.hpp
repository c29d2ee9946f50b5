// `array<T, N>`: `N` elements and nothing else, so any program that knows the table can read it.
//
// An array is memory. An element of 1, 2, 4 or 8 bytes is never seen half written, and can be changed in one step. A
// larger one can be seen, and left by a killed process, half written; each of its words is whole.
//
// Ordering:
// (A) `store`, `swap`, `compare_exchange` and `fetch_…` -> `load` and the same: who sees the value sees what its writer
//     wrote before. All other operations are unordered.
//
// | killed in                                       | what others see              | who repairs it    |
// |-------------------------------------------------|------------------------------|-------------------|
// | `set`, 1, 2, 4, 8 bytes; `store`, `swap`, …     | the old or the new value     | nothing to repair |
// | `set`, larger                                   | some words old, some new     | the next writer   |
// | `fill`, `write_from`                            | a part is written, as above  | the next writer   |
#pragma once

#include "../layout/element.hpp"
#include "../memory/cell.hpp"
#include "../memory/handle.hpp"
#include "number.hpp"

#include <iterator>
#include <span>

namespace shm {

/// `N` elements that any process reads and writes by their index.
template <element T, u64 N>
class array : public memory::handle {
    static_assert(N > 0, "a capacity of 0 can hold nothing");
    using cells_of = memory::cells<T>;
    using word = typename cells_of::word;

  public:
    using element_type = T;
    using value_type = T;
    static constexpr std::string_view kind = "Array";
    static constexpr std::array<u64, 1> capacities{N};
    static constexpr bool has_lanes = false;
    [[nodiscard]] static constexpr layout::extent extent(u64) noexcept { return layout::plain(layout::numbers_of<T>(), N); }

    /// How many elements there are.
    [[nodiscard]] static constexpr u64 size() noexcept { return N; }

    /// A copy of element `i`. Wait-free.
    [[nodiscard]] outcome<T> get(u64 i) const noexcept {
        if (!is_open() || i >= N) {
            return wrong(i, 1);
        }
        T value = {};
        (void)cells().load(i, value);  // in range, as looked at above
        return value;
    }

    /// Overwrites element `i`. Wait-free.
    outcome<void> set(u64 i, const T& value) const noexcept {
        if (!is_writable() || i >= N) {
            return wrong_to_write(i, 1);
        }
        (void)cells().store(i, value);  // in range, as looked at above
        return {};
    }

    /// Overwrites every element.
    outcome<void> fill(const T& value) const noexcept {
        if (!is_writable()) {
            return unwritable();
        }
        for (u64 i = 0; i < N; ++i) {
            (void)cells().store(i, value);  // in range
        }
        return {};
    }

    /// Copies the elements from `start` on into `out`, all of it.
    outcome<void> read_into(u64 start, std::span<T> out) const noexcept {
        if (!is_open() || start > N || out.size() > N - start) {
            return wrong(start, out.size());
        }
        cells().load_run(start, out.data(), out.size());
        return {};
    }

    /// Overwrites the elements from `start` on with `values`.
    outcome<void> write_from(u64 start, std::span<const T> values) const noexcept {
        if (!is_writable() || start > N || values.size() > N - start) {
            return wrong_to_write(start, values.size());
        }
        cells().store_run(start, values.data(), values.size());
        return {};
    }

    /// The elements as memory. The caller promises that nobody, in any process, writes any of them as long as the span is
    /// used, and that this handle or its segment stays open; empty for a closed handle.
    [[nodiscard]] std::span<const T> exclusive_view() const noexcept {
        return is_open() ? std::span<const T>(reinterpret_cast<const T*>(start()), N) : std::span<const T>();
    }
    /// The same to write: the caller promises that nobody else, in any process, reads or writes any of them.
    [[nodiscard]] std::span<T> exclusive_span() const noexcept {
        return is_writable() ? std::span<T>(reinterpret_cast<T*>(start()), N) : std::span<T>();
    }

    // ---- elements that are one word: changed in one step ------------------------------------------------------------

    /// Element `i`, and what its writer wrote before.
    [[nodiscard]] outcome<T> load(u64 i) const noexcept
        requires(cells_of::is_word)
    {
        if (!is_open() || i >= N) {
            return wrong(i, 1);
        }
        return cells_of::value(memory::at(cells().atomic_word(i)).load(memory::acquire));  // (A)
    }

    /// Overwrites element `i`, for those who `load` it.
    outcome<void> store(u64 i, const T& value) const noexcept
        requires(cells_of::is_word)
    {
        if (!is_writable() || i >= N) {
            return wrong_to_write(i, 1);
        }
        memory::at(cells().atomic_word(i)).store(cells_of::bits(value), memory::release);  // (A)
        return {};
    }

    /// Overwrites element `i` and returns the one before, in one step.
    outcome<T> swap(u64 i, const T& value) const noexcept
        requires(cells_of::is_word)
    {
        if (!is_writable() || i >= N) {
            return wrong_to_write(i, 1);
        }
        return cells_of::value(memory::at(cells().atomic_word(i)).exchange(cells_of::bits(value), memory::acq_rel));  // (A)
    }

    /// Overwrites element `i` if it is `current`, bit for bit, in one step: what was there.
    outcome<T> compare_exchange(u64 i, const T& current, const T& desired) const noexcept
        requires(cells_of::is_word)
    {
        if (!is_writable() || i >= N) {
            return wrong_to_write(i, 1);
        }
        word found = cells_of::bits(current);
        // Both ends of (A); a loser has loaded: the acquire end.
        memory::at(cells().atomic_word(i))
            .compare_exchange_strong(found, cells_of::bits(desired), memory::acq_rel, memory::acquire);
        return cells_of::value(found);
    }

    /// Adds to element `i` and returns the value before; integers wrap around.
    outcome<T> fetch_add(u64 i, T value) const noexcept
        requires scalar<T>
    {
        return change(i, [value](T old) { return number::add(old, value); });
    }
    outcome<T> fetch_sub(u64 i, T value) const noexcept
        requires scalar<T>
    {
        return change(i, [value](T old) { return number::sub(old, value); });
    }
    outcome<T> fetch_max(u64 i, T value) const noexcept
        requires scalar<T>
    {
        return change(i, [value](T old) { return number::max(old, value); });
    }
    outcome<T> fetch_min(u64 i, T value) const noexcept
        requires scalar<T>
    {
        return change(i, [value](T old) { return number::min(old, value); });
    }

    // ---- as a range -------------------------------------------------------------------------------------------------

    /// Goes through copies of the elements.
    class iterator {
      public:
        using value_type = T;
        using difference_type = std::ptrdiff_t;
        using iterator_category = std::input_iterator_tag;
        using iterator_concept = std::forward_iterator_tag;

        iterator() = default;
        [[nodiscard]] T operator*() const noexcept {
            T value = {};
            (void)from.load(at, value);  // in range: no other iterator is made
            return value;
        }
        iterator& operator++() noexcept {
            ++at;
            return *this;
        }
        iterator operator++(int) noexcept {
            iterator before = *this;
            ++at;
            return before;
        }
        friend bool operator==(const iterator& a, const iterator& b) noexcept { return a.at == b.at; }

      private:
        friend class array;
        iterator(cells_of of, u64 i) noexcept : from(of), at(i) {}
        cells_of from;
        u64 at = 0;
    };

    [[nodiscard]] iterator begin() const noexcept { return is_open() ? iterator(cells(), 0) : iterator(); }
    /// A closed handle's range is empty.
    [[nodiscard]] iterator end() const noexcept { return is_open() ? iterator(cells(), N) : iterator(); }

  private:
    [[nodiscard]] cells_of cells() const noexcept { return {start(), N}; }

    [[nodiscard]] unexpected<fault> wrong(u64 first, u64 count) const noexcept {
        return unexpected{is_open() ? refuse(reason::out_of_range, first, count, N) : refuse(reason::closed)};
    }
    [[nodiscard]] unexpected<fault> wrong_to_write(u64 first, u64 count) const noexcept {
        return is_writable() ? wrong(first, count) : unwritable();
    }

    template <class Change>
    outcome<T> change(u64 i, Change to) const noexcept {
        if (!is_writable() || i >= N) {
            return wrong_to_write(i, 1);
        }
        return number::change<T>(cells().atomic_word(i), to);
    }
};

}  // namespace shm
