// The control block: what the segment says of itself, written once before it has a name. Readers take a copy, check it,
// and never look at the bytes again.
#pragma once

#include "../base.hpp"
#include "../posix/process.hpp"

#include <type_traits>

namespace shm::memory {

inline constexpr u32 layout_version = 1;
/// Flag: the segment stays when nobody is attached.
inline constexpr u32 flag_persist = 1;
/// Flag: all room was allocated when it was created.
inline constexpr u32 flag_reserve = 2;

/// The control block's contents: FORMAT.md has the table.
struct control {
    u32 layout_version;
    u32 unit_shift;
    u64 body;
    u64 total_size;
    u32 lanes;
    u32 flags;
    u64 fingerprint[2];
    posix::id128 segment_id;
    posix::id128 boot_id;
    u32 owner;
    u32 mode;
    u64 descriptor_offset;
    u64 descriptor_len;
    u64 spare_offset;
    u32 table_capacity;
    u32 schema_entries;
    u64 created;
    u64 reserved[48];
};

static_assert(sizeof(control) == 512 && offsetof(control, fingerprint) == 0x20 && offsetof(control, created) == 0x78);
static_assert(std::is_trivially_copyable_v<control>);

/// Bytes of the registry, behind the control block.
inline constexpr u64 registry_size = 4096 - sizeof(control);

}  // namespace shm::memory
