// Foundation / Table: name -> offset and size, at the start of every segment.
//
//     0x0000  16      header   magic u32 · version u32 · entry_count u32 · next_offset u32
//     0x0010  40 × M  entries  name [u8; 32], NUL-padded · offset u32 · size u32
//
// Offsets and sizes count in *units*: bytes, or 64 bytes in a segment of 4 GiB and more (the top 16 bits of `version` are
// the shift, 0 or 6). An entry whose name begins with eight zero bytes is free. Readers take a copy of the bytes and check
// it; nothing here looks at a segment twice.
#pragma once

#include "../base.hpp"
#include "../error/fault.hpp"
#include "../error/error.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace shm::table {

inline constexpr u32 magic = 0x5A49504D;
inline constexpr u32 version = 1;
inline constexpr u64 header_size = 16;
inline constexpr u64 entry_size = 40;
/// The body begins at a multiple of this.
inline constexpr u64 body_align = 4096;
/// Every structure starts at a multiple of this.
inline constexpr u64 structure_align = 64;
/// Most bytes of a segment.
inline constexpr u64 max_segment = (u64{1} << 32) * structure_align;
/// Most entries that a reader accepts.
inline constexpr u64 max_table = 1 << 16;

/// The header's bytes.
struct raw_header {
    u32 magic;
    u32 version;
    u32 entry_count;
    u32 next_offset;
};

/// An entry's bytes.
struct raw_entry {
    char name[32];
    u32 offset;
    u32 size;
};

static_assert(sizeof(raw_header) == header_size && sizeof(raw_entry) == entry_size);

/// An entry in use: bytes, not units.
struct entry {
    name32 name;
    u64 offset = 0;
    u64 size = 0;
};

/// A table that was checked.
struct contents {
    u32 unit_shift = 0;
    u64 next_offset = 0;
    /// The entries in use, in the table's order.
    std::vector<entry> entries;

    [[nodiscard]] const entry* find(std::string_view name) const noexcept {
        const auto found =
            std::find_if(entries.begin(), entries.end(), [&](const entry& e) { return e.name.view() == name; });
        return found == entries.end() ? nullptr : &*found;
    }
};

/// Bytes of a table with `entries` entries, header included.
[[nodiscard]] constexpr u64 end_of(u64 entries) noexcept {
    return header_size + entry_size * entries;
}
/// Where the body begins so that `entries` entries fit before it.
[[nodiscard]] constexpr u64 body_behind(u64 entries) noexcept {
    return aligned(end_of(entries), body_align);
}
/// Entries that fit before a body.
[[nodiscard]] constexpr u64 capacity_before(u64 body) noexcept {
    return (body - header_size) / entry_size;
}

/// A header that was checked, or why it is none.
[[nodiscard]] inline result<raw_header> check_header(const std::string& segment, const raw_header& raw, u64 size) {
    if (raw.magic != magic) {
        return unexpected{error{errc::not_a_segment, segment,
                                "begins with " + std::to_string(raw.magic) + ", not with a segment's magic number " +
                                    std::to_string(magic),
                                "the file is something else: choose another name"}};
    }
    const u32 shift = raw.version >> 16;
    if ((raw.version & 0xffff) != version || (shift != 0 && shift != 6)) {
        return unexpected{error{errc::version, segment,
                                "has format version " + std::to_string(raw.version) + ", and this library reads " +
                                    std::to_string(version),
                                "use the library that created it"}};
    }
    if (raw.entry_count > max_table || end_of(raw.entry_count) > size) {
        return unexpected{error{errc::damaged, segment,
                                "has a damaged table: " + std::to_string(raw.entry_count) +
                                    " entries, more than the file has room for",
                                "create it again"}};
    }
    return raw;
}

namespace detail {

/// Whether the name is a NUL-padded text of 1 to 31 bytes.
[[nodiscard]] inline bool is_name(const raw_entry& raw) noexcept {
    bool ended = false;
    for (const char c : raw.name) {
        if (ended && c != 0) {
            return false;
        }
        ended = ended || c == 0;
    }
    return ended && raw.name[0] != 0;
}

[[nodiscard]] inline bool is_free(const raw_entry& raw) noexcept {
    return std::all_of(raw.name, raw.name + 8, [](char c) { return c == 0; });
}

/// What is wrong with the entries; empty where nothing is.
[[nodiscard]] inline std::string check_distinct(std::vector<entry> entries) {
    std::sort(entries.begin(), entries.end(),
              [](const entry& a, const entry& b) { return a.name.view() < b.name.view(); });
    for (std::size_t i = 1; i < entries.size(); ++i) {
        if (entries[i - 1].name == entries[i].name) {
            return "two entries are called `" + std::string(entries[i].name.view()) + "`";
        }
    }
    std::sort(entries.begin(), entries.end(), [](const entry& a, const entry& b) {
        return a.offset != b.offset ? a.offset < b.offset : a.size < b.size;
    });
    for (std::size_t i = 1; i < entries.size(); ++i) {
        if (entries[i - 1].offset + entries[i - 1].size > entries[i].offset) {
            return "entries `" + std::string(entries[i - 1].name.view()) + "` and `" +
                   std::string(entries[i].name.view()) + "` overlap";
        }
    }
    return {};
}

}  // namespace detail

/// Checks a copy of a table: the header, which `check_header` has checked, and all entries in use.
[[nodiscard]] inline result<contents> parse(const std::string& segment, const raw_header& header,
                                            const std::vector<raw_entry>& raw, u64 size) {
    const auto damaged = [&](std::string why) {
        return unexpected{error{errc::damaged, segment, "has a damaged table: " + std::move(why), "create it again"}};
    };
    contents table;
    table.unit_shift = header.version >> 16;
    table.next_offset = u64{header.next_offset} << table.unit_shift;
    if (table.next_offset > size) {
        return damaged("spare room cannot begin at offset " + std::to_string(table.next_offset));
    }
    for (std::size_t i = 0; i < raw.size(); ++i) {
        if (detail::is_free(raw[i])) {
            continue;
        }
        if (!detail::is_name(raw[i])) {
            return damaged("entry " + std::to_string(i) + " has no valid name");
        }
        const std::string name(raw[i].name);
        const u64 offset = u64{raw[i].offset} << table.unit_shift;  // neither sum overflows: both are below 2^38
        const u64 bytes = u64{raw[i].size} << table.unit_shift;
        if (offset < end_of(raw.size()) || offset + bytes > size) {
            return damaged("entry `" + name + "` does not lie inside the segment");
        }
        if (offset % structure_align != 0) {
            return damaged("entry `" + name + "` does not begin at a multiple of 64");
        }
        table.entries.push_back({name32(name), offset, bytes});
    }
    std::string why = detail::check_distinct(table.entries);
    if (!why.empty()) {
        return damaged(std::move(why));
    }
    return table;
}

}  // namespace shm::table
