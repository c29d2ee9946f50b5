// `atomic<T>`: one scalar that any process changes in one step.
//
// Ordering:
// (A) every operation that writes -> every operation that reads: who sees the value sees what its writer wrote before.
//
// A killed process has changed the value or not; there is nothing to repair.
#pragma once

#include "../memory/handle.hpp"
#include "number.hpp"

namespace shm {

/// One number that any process changes in one step.
template <scalar T>
class atomic : public memory::handle {
    using cells_of = memory::cells<T>;
    using word = typename cells_of::word;

  public:
    using element_type = T;
    using value_type = T;
    static constexpr std::string_view kind = "Atomic";
    static constexpr std::array<u64, 0> capacities{};
    static constexpr bool has_lanes = false;
    [[nodiscard]] static constexpr layout::extent extent(u64) noexcept {
        auto parts = layout::plain(layout::numbers_of<T>(), 1);
        parts.hot = sizeof(T);
        return parts;
    }

    /// The value. Wait-free.
    [[nodiscard]] outcome<T> load() const noexcept {
        if (!is_open()) {
            return unexpected{refuse(reason::closed)};
        }
        return cells_of::value(memory::at(bits()).load(memory::acquire));  // (A)
    }

    /// Overwrites the value. Wait-free.
    outcome<void> store(T value) const noexcept {
        if (!is_writable()) {
            return unwritable();
        }
        memory::at(bits()).store(cells_of::bits(value), memory::release);  // (A)
        return {};
    }

    /// Overwrites the value and returns the one before.
    outcome<T> swap(T value) const noexcept {
        if (!is_writable()) {
            return unwritable();
        }
        return cells_of::value(memory::at(bits()).exchange(cells_of::bits(value), memory::acq_rel));  // (A)
    }

    /// Overwrites the value if it is `current`, bit for bit: what was there.
    outcome<T> compare_exchange(T current, T desired) const noexcept {
        if (!is_writable()) {
            return unwritable();
        }
        word found = cells_of::bits(current);
        // Both ends of (A); a loser has loaded: the acquire end.
        memory::at(bits()).compare_exchange_strong(found, cells_of::bits(desired), memory::acq_rel, memory::acquire);
        return cells_of::value(found);
    }

    /// Changes the value by a function of it; returns the value before. Lock-free.
    template <class Change>
    outcome<T> update(Change to) const noexcept {
        if (!is_writable()) {
            return unwritable();
        }
        return number::change<T>(bits(), to);
    }

    /// Adds and returns the value before; integers wrap around.
    outcome<T> fetch_add(T value) const noexcept {
        return update([value](T old) { return number::add(old, value); });
    }
    outcome<T> fetch_sub(T value) const noexcept {
        return update([value](T old) { return number::sub(old, value); });
    }
    outcome<T> fetch_max(T value) const noexcept {
        return update([value](T old) { return number::max(old, value); });
    }
    outcome<T> fetch_min(T value) const noexcept {
        return update([value](T old) { return number::min(old, value); });
    }
    outcome<T> fetch_and(T value) const noexcept
        requires std::is_integral_v<T>
    {
        return update([value](T old) { return static_cast<T>(old & value); });
    }
    outcome<T> fetch_or(T value) const noexcept
        requires std::is_integral_v<T>
    {
        return update([value](T old) { return static_cast<T>(old | value); });
    }
    outcome<T> fetch_xor(T value) const noexcept
        requires std::is_integral_v<T>
    {
        return update([value](T old) { return static_cast<T>(old ^ value); });
    }

  private:
    [[nodiscard]] word& bits() const noexcept { return *part<word>(0); }
};

}  // namespace shm
