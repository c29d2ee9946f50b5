// What is local to one process: which of its lanes are in use, and by which thread.
//
// It lies in pages that a forked child finds zeroed, so that there is nothing of the parent's to clean up: zero means
// "not attached, no lanes". All of it is accessed through `atomic_ref`s.
#pragma once

#include "atomic.hpp"

namespace shm::memory {

/// Lower bits of every stamp that are zero, so that a lane fits into them.
inline constexpr u32 stamp_shift = 16;

/// The attachment's own words.
struct alignas(64) local_header {
    /// Not zero if and only if this process is attached; another number after every fork.
    u64 stamp;
    /// `identity::word`.
    u64 identity;
    /// Address of the anchor.
    u64 anchor;
    /// The home lane.
    u32 home;
    u32 padding;
    /// Operations that met bytes which no program of ours leaves.
    u64 corrupt;
};

/// One lane's words.
struct alignas(64) local_lane {
    /// Whether the attachment has this lane on lease: 1, or 0.
    u32 leased;
    /// Who may use the lane: a thread id, `temporary`, or zero for nobody yet.
    u32 user;
    /// The thread id of the user while an operation runs. Only the user writes it, with plain stores.
    u32 busy;
    /// Not zero once the lane is shared by threads that have none of their own: then `turn` decides.
    u32 shared;
    /// The thread whose turn it is on a shared lane.
    u32 turn;

    /// Whether the calling thread, whose id is `thread`, is in the middle of an operation on this lane.
    [[nodiscard]] bool is_inside(u32 thread) noexcept {
        return at(busy).load(relaxed) == thread || at(turn).load(relaxed) == thread;  // its own stores
    }
};

/// `local_lane::shared` before the barrier, and behind it.
inline constexpr u32 being_shared = 1;
inline constexpr u32 is_shared = 2;
/// The user of a lane that a guard or a signal handler has.
inline constexpr u32 temporary = ~u32{0};

}  // namespace shm::memory
