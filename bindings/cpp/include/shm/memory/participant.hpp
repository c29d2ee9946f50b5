// Who is attached: one slot per attachment, named (slot, generation), never by process id.
#pragma once

#include "atomic.hpp"

namespace shm::memory {

/// Names one attachment: the slot, and which of its successive holders. As a word: `generation << 32 | slot + 1`, so
/// that zero is nobody.
struct identity {
    u64 word = 0;

    static constexpr identity of(u32 slot, u32 generation) noexcept {
        return {u64{generation} << 32 | (u64{slot} + 1)};
    }
    [[nodiscard]] constexpr bool is_nobody() const noexcept { return static_cast<u32>(word) == 0; }
    [[nodiscard]] constexpr u32 slot() const noexcept { return static_cast<u32>(word) - 1; }
    [[nodiscard]] constexpr u32 generation() const noexcept { return static_cast<u32>(word >> 32); }
    friend constexpr bool operator==(identity, identity) = default;
};

/// A slot's bytes. All but `generation` is for people to read.
struct alignas(64) participant {
    /// Bumped by whoever takes the slot over, before it holds the slot's lock byte.
    u32 generation;
    /// Bit 0: this participant could not register for expedited barriers and fences for itself.
    u32 flags;
    /// The process id, in its own namespace.
    u32 pid;
    u32 reserved[13];
};

static_assert(sizeof(participant) == 64);

}  // namespace shm::memory
