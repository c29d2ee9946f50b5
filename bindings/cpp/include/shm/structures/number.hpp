// Numbers that change in one step.
//
// Ordering: (A) both ends of every change: see `array` and `atomic`.
#pragma once

#include "../layout/element.hpp"
#include "../memory/cell.hpp"

#include <cmath>

namespace shm::number {

/// Wraps around, where that is not a float.
template <scalar T>
[[nodiscard]] constexpr T add(T a, T b) noexcept {
    if constexpr (std::is_floating_point_v<T>) {
        return a + b;
    } else {
        return static_cast<T>(static_cast<u64>(a) + static_cast<u64>(b));
    }
}

template <scalar T>
[[nodiscard]] constexpr T sub(T a, T b) noexcept {
    if constexpr (std::is_floating_point_v<T>) {
        return a - b;
    } else {
        return static_cast<T>(static_cast<u64>(a) - static_cast<u64>(b));
    }
}

/// The larger of two; a number rather than a NaN.
template <scalar T>
[[nodiscard]] T max(T a, T b) noexcept {
    if constexpr (std::is_floating_point_v<T>) {
        return std::fmax(a, b);
    } else {
        return a > b ? a : b;
    }
}

/// The smaller of two; a number rather than a NaN.
template <scalar T>
[[nodiscard]] T min(T a, T b) noexcept {
    if constexpr (std::is_floating_point_v<T>) {
        return std::fmin(a, b);
    } else {
        return a < b ? a : b;
    }
}

/// Changes the number in `word` by a function of it, in one step; gives the number before. Who loses met another
/// writer's success: system-wide progress.
template <scalar T, class Change>
T change(typename memory::cells<T>::word& word, Change to) noexcept {
    auto bits = memory::at(word).load(memory::relaxed);  // a first guess; the exchange decides
    for (;;) {
        const T old = memory::cells<T>::value(bits);
        if (memory::at(word).compare_exchange_weak(bits, memory::cells<T>::bits(to(old)), memory::acq_rel,  // (A)
                                                   memory::relaxed)) {
            return old;
        }
    }
}

}  // namespace shm::number
