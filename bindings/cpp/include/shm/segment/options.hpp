// How a segment is opened or created: a plain struct, to be filled in by name.
//
//     auto sim = shm::segment<sim_schema>::open("sim", {.wait = std::chrono::seconds(5)});
#pragma once

#include "../base.hpp"

#include <chrono>

namespace shm {

/// How a segment is opened or created.
struct options {
    /// Whether the segment may only be read: no slot, no lane, no recovery, and every change is refused.
    bool read_only = false;
    /// Whether a schema will do that is a part of the segment's, by name and shape.
    bool subset = false;
    /// Whether the segment stays when nobody is attached; of who creates it.
    bool persist = false;
    /// Whether a segment may be created that is larger than what is free in /dev/shm.
    bool sparse = false;
    /// Whether all room of a new segment is allocated now, so that a full /dev/shm is an error here and not a signal later.
    bool reserve = false;
    /// Whether all pages are brought in now, so that there is no page fault later.
    bool prefault = false;
    /// How long to wait for the creator.
    std::chrono::nanoseconds wait = std::chrono::nanoseconds(0);
    /// Permission bits: of a new segment, and the most that an opened one may give to others to write.
    u32 mode = 0600;
    /// The user whose segment is opened; our own by default, any with `any_owner`.
    u32 owner = ~u32{0};
    bool any_owner = false;
    /// The largest segment that is opened or created.
    u64 max_size = u64{256} << 30;
};

}  // namespace shm
