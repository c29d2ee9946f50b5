// Payload: plain values that another process may write at the same time.
//
// A value is copied through relaxed atomic words, so that a race gives a wrong value and never undefined behaviour. The
// word is the largest of 8, 4, 2, 1 bytes that divides the size: the same for ever and in every language, because mixed
// widths on one location do not go together. A value of 1, 2, 4 or 8 bytes is therefore never torn; a larger one can be.
//
// Ordering:
// (A) `store_release`, `swap`, `compare_exchange` -> `load_acquire` and the same: who sees the value sees what its
//     writer wrote before. Plain loads and stores have no such edge; algorithms bring their own.
#pragma once

#include "atomic.hpp"

#include <cstring>
#include <type_traits>

namespace shm::memory {

/// The width of the words in which something is copied whose numbers (sizes and places) are combined in `numbers`.
[[nodiscard]] constexpr u64 word_width(u64 numbers) noexcept {
    return numbers % 8 == 0 ? 8 : numbers % 4 == 0 ? 4 : numbers % 2 == 0 ? 2 : 1;
}

/// The unsigned number of so many bytes.
template <u64 Width>
using word_of = std::conditional_t<Width == 8, u64,
                                   std::conditional_t<Width == 4, u32, std::conditional_t<Width == 2, u16, u8>>>;

namespace detail {

/// Bytes from which a copy goes through one string instruction instead of words.
inline constexpr u64 bulk_bytes = 256;

/// Copies bytes by one string instruction, which is outside the language's rules on races as the other process is.
/// False where there is none, or where the target lies so little behind the source, counted within pages, that some
/// processors take the instruction byte by byte.
[[nodiscard]] inline bool bulk([[maybe_unused]] const void* from, [[maybe_unused]] void* to,
                               [[maybe_unused]] u64 bytes) noexcept {
#if defined(__x86_64__)
    const u64 gap = (reinterpret_cast<u64>(to) - reinterpret_cast<u64>(from)) % 4096;
    if (gap >= 1 && gap < 64) {
        return false;
    }
    __asm__ volatile("rep movsb" : "+c"(bytes), "+S"(from), "+D"(to) : : "memory");
    return true;
#else
    return false;
#endif
}

}  // namespace detail

/// Copies `bytes`, in words of `Width`, out of shared memory; `to` is private.
template <u64 Width>
inline void from_shared(std::byte* from, void* to, u64 bytes) noexcept {
    using word = word_of<Width>;
    if (bytes > detail::bulk_bytes && detail::bulk(from, to, bytes)) {
        return;
    }
    for (u64 i = 0; i < bytes / Width; ++i) {
        const word value = at(reinterpret_cast<word*>(from)[i]).load(relaxed);  // the algorithm brings the edge
        std::memcpy(static_cast<std::byte*>(to) + i * Width, &value, Width);
    }
}

/// Copies `bytes` into shared memory: the mirror of `from_shared`.
template <u64 Width>
inline void to_shared(const void* from, std::byte* to, u64 bytes) noexcept {
    using word = word_of<Width>;
    if (bytes > detail::bulk_bytes && detail::bulk(from, to, bytes)) {
        return;
    }
    for (u64 i = 0; i < bytes / Width; ++i) {
        word value = 0;
        std::memcpy(&value, static_cast<const std::byte*>(from) + i * Width, Width);
        at(reinterpret_cast<word*>(to)[i]).store(value, relaxed);  // the algorithm brings the edge
    }
}

/// A run of values that other processes may write: what algorithms see. The first lies at a multiple of 64.
template <class T>
struct cells {
    static constexpr u64 width = word_width(sizeof(T));

    std::byte* first = nullptr;
    u64 count = 0;

    [[nodiscard]] std::byte* place(u64 i) const noexcept { return first + i * sizeof(T); }

    /// Copies value `i` into `out`; false out of range.
    [[nodiscard]] bool load(u64 i, T& out) const noexcept {
        if (i >= count) {
            return false;
        }
        from_shared<width>(place(i), &out, sizeof(T));
        return true;
    }

    /// Overwrites value `i`; false out of range.
    [[nodiscard]] bool store(u64 i, const T& value) const noexcept {
        if (i >= count) {
            return false;
        }
        to_shared<width>(&value, place(i), sizeof(T));
        return true;
    }

    /// Copies `len` values from `start` on; the caller has checked the range.
    void load_run(u64 start, T* out, u64 len) const noexcept { from_shared<width>(place(start), out, len * sizeof(T)); }
    /// Overwrites `len` values from `start` on; the caller has checked the range.
    void store_run(u64 start, const T* values, u64 len) const noexcept {
        to_shared<width>(values, place(start), len * sizeof(T));
    }

    /// Asks for value `i` to be brought here for writing, if it is the first one of its line: a hint, which cannot
    /// fault and is not checked.
    void prefetch_write(u64 i) const noexcept {
        if (i * sizeof(T) % 64 < sizeof(T)) {
            __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<u64>(first) + i * sizeof(T)), 1);
        }
    }

    // ---- values that are one word: changed in one step -------------------------------------------------------------

    static constexpr bool is_word = sizeof(T) == width;
    using word = word_of<width>;

    [[nodiscard]] word& atomic_word(u64 i) const noexcept { return *reinterpret_cast<word*>(place(i)); }
    [[nodiscard]] static word bits(const T& value) noexcept {
        word w = 0;
        std::memcpy(&w, &value, sizeof w);
        return w;
    }
    [[nodiscard]] static T value(word w) noexcept {
        T result;
        std::memcpy(&result, &w, sizeof w);
        return result;
    }
};

}  // namespace shm::memory
