// How shared words are touched: through `std::atomic_ref`, and with orders that the code names by their edges.
//
// A word in a segment may change at any moment to anything. It is an input: it is masked, compared or checked before it
// becomes an index, a length or a branch that matters.
#pragma once

#include "../base.hpp"

#include <atomic>

namespace shm::memory {

inline constexpr auto relaxed = std::memory_order_relaxed;
inline constexpr auto acquire = std::memory_order_acquire;
inline constexpr auto release = std::memory_order_release;
inline constexpr auto acq_rel = std::memory_order_acq_rel;
inline constexpr auto seq_cst = std::memory_order_seq_cst;

static_assert(std::atomic_ref<u64>::is_always_lock_free && std::atomic_ref<u32>::is_always_lock_free &&
                  std::atomic_ref<u16>::is_always_lock_free && std::atomic_ref<u8>::is_always_lock_free,
              "words of 1, 2, 4 and 8 bytes change in one step");

/// The shared word `word`.
template <class W>
[[nodiscard]] inline std::atomic_ref<W> at(W& word) noexcept {
    return std::atomic_ref<W>(word);
}

inline void fence(std::memory_order order) noexcept {
    std::atomic_thread_fence(order);
}

inline void compiler_fence() noexcept {
    std::atomic_signal_fence(seq_cst);
}

/// `old` becomes `desired`, or nothing happens; no value comes back.
template <class W>
inline bool exchange_if(W& word, W old, W desired, std::memory_order success) noexcept {
    return at(word).compare_exchange_strong(old, desired, success, relaxed);
}

}  // namespace shm::memory
