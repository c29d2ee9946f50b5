// This process, its threads, and what tells boots and segments apart.
#pragma once

#include "../base.hpp"

#include <array>
#include <cstdio>

#include <sched.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace shm::posix {

/// The calling thread's id, in its PID namespace.
[[nodiscard]] inline u32 thread_id() noexcept {
    return static_cast<u32>(::syscall(SYS_gettid));
}

/// Whether this process has a thread of that id. Signal 0 asks and sends nothing.
[[nodiscard]] inline bool is_thread_alive(u32 id) noexcept {
    return ::syscall(SYS_tgkill, ::getpid(), id, 0) == 0;
}

/// Lets another thread run.
inline void yield() noexcept {
    ::sched_yield();
}

/// Tells the processor that this is a waiting loop.
inline void spin() noexcept {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

using id128 = std::array<u8, 16>;

/// Sixteen bytes that nobody can guess.
[[nodiscard]] inline id128 random_id() noexcept {
    id128 id = {};
    while (::getrandom(id.data(), id.size(), 0) != static_cast<ssize_t>(id.size())) {
    }
    return id;
}

/// The id that the kernel gave this boot; zero where /proc does not say.
[[nodiscard]] inline id128 boot_id() noexcept {
    id128 id = {};
    std::FILE* file = std::fopen("/proc/sys/kernel/random/boot_id", "re");
    if (file == nullptr) {
        return id;
    }
    int c = 0;
    for (std::size_t digit = 0; digit < 32 && (c = std::fgetc(file)) != EOF;) {
        const int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (value >= 0) {
            id[digit / 2] = static_cast<u8>(id[digit / 2] << 4 | value);
            ++digit;
        }
    }
    std::fclose(file);
    return id;
}

}  // namespace shm::posix
