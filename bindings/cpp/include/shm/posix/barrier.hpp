// Heavy barriers: one side pays a system call, so that the other side pays nothing.
#pragma once

#include "../base.hpp"

#include <atomic>

#include <sys/syscall.h>
#include <unistd.h>

namespace shm::posix {

namespace detail {

// From the kernel's `enum membarrier_cmd`.
inline constexpr int barrier_global = 1 << 0;
inline constexpr int barrier_global_expedited = 1 << 1;
inline constexpr int barrier_register_global_expedited = 1 << 2;
inline constexpr int barrier_private_expedited = 1 << 3;
inline constexpr int barrier_register_private_expedited = 1 << 4;

/// Set where this process could not be registered.
inline std::atomic<bool> barrier_refused{false};

inline bool membarrier(int command) noexcept {
    return ::syscall(SYS_membarrier, command, 0, 0) >= 0;
}

}  // namespace detail

/// Asks to be reached by `heavy_barrier`s of other processes and by our own private ones. False where the kernel
/// refuses: the caller then has to fence for itself.
inline bool register_barrier() noexcept {
    const bool global = detail::membarrier(detail::barrier_register_global_expedited);
    const bool own = detail::membarrier(detail::barrier_register_private_expedited);
    detail::barrier_refused.store(!(global && own), std::memory_order_relaxed);  // the same answer for every thread
    return global && own;
}

/// Whether this process has to fence for itself.
[[nodiscard]] inline bool is_barrier_refused() noexcept {
    return detail::barrier_refused.load(std::memory_order_relaxed);  // written before the first operation
}

/// A full barrier on every thread of every registered process; false where the kernel refuses both forms.
inline bool heavy_barrier() noexcept {
    return detail::membarrier(detail::barrier_global_expedited) || detail::membarrier(detail::barrier_global);
}

/// A full barrier on every thread of this process; false where the kernel refuses.
inline bool private_barrier() noexcept {
    return detail::membarrier(detail::barrier_private_expedited);
}

}  // namespace shm::posix
