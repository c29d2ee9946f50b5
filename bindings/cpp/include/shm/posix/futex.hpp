// Sleeping until a word in shared memory changes.
//
// The standard library's own waiting marks its futex as private to the process, so it cannot be used here.
#pragma once

#include "../base.hpp"

#include <chrono>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <ctime>
#include <unistd.h>

namespace shm::posix {

/// Sleeps while `word` holds `expected`, at most for `limit`. Whatever the reason for waking up, the caller looks again.
inline void futex_wait(u32* word, u32 expected, std::chrono::nanoseconds limit) noexcept {
    struct timespec time = {};
    time.tv_sec = static_cast<time_t>(limit.count() / 1'000'000'000);
    time.tv_nsec = static_cast<long>(limit.count() % 1'000'000'000);
    ::syscall(SYS_futex, word, FUTEX_WAIT, expected, &time, nullptr, 0);
}

/// Wakes every thread of every process that sleeps on `word`.
inline void futex_wake_all(u32* word) noexcept {
    ::syscall(SYS_futex, word, FUTEX_WAKE, 0x7fffffff, nullptr, nullptr, 0);
}

}  // namespace shm::posix
