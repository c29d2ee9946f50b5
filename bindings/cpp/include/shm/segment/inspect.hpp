// What a file says of itself, read once, copied and checked before any of it is mapped.
#pragma once

#include "../memory/attachment.hpp"
#include "../memory/control.hpp"
#include "../table/table.hpp"

namespace shm::segments {

/// A segment's table and control block, checked against each other and against the file.
struct inspected {
    table::contents table;
    memory::control control = {};
    memory::regions regions;

    [[nodiscard]] bool is_persistent() const noexcept { return (control.flags & memory::flag_persist) != 0; }
};

namespace detail {

inline unexpected<error> damaged(const std::string& segment, const std::string& why) {
    return unexpected{error{errc::damaged, segment, "has a damaged control block: " + why, "create it again"}};
}

inline unexpected<error> truncated(const std::string& segment, u64 size, u64 expected) {
    return unexpected{error{errc::truncated, segment,
                            "has " + std::to_string(size) + " bytes, and " + std::to_string(expected) +
                                " belong to it",
                            "it was truncated or overwritten: create it again"}};
}

inline result<void> read(const std::string& segment, int file, void* to, u64 bytes, u64 offset) {
    auto done = posix::read_at(file, to, bytes, offset);
    if (done) {
        return {};
    }
    if (done.error().number == 0) {
        auto found = posix::stat(file);
        return truncated(segment, found ? found->size : 0, offset + bytes);
    }
    return unexpected{error{errc::system, segment, "could not be read", "", done.error().number}};
}

/// Reads the table until two copies agree: somebody may be registering a structure.
inline result<table::contents> read_table(const std::string& segment, int file, u64 size) {
    table::raw_header last_header = {};
    std::vector<table::raw_entry> last;
    for (int copies = 0; copies < 100; ++copies) {
        table::raw_header header = {};
        auto done = read(segment, file, &header, sizeof header, 0);
        if (!done) {
            return unexpected{done.error()};
        }
        auto checked = table::check_header(segment, header, table::max_segment);
        if (!checked) {
            return unexpected{checked.error()};
        }
        const u64 end = table::end_of(header.entry_count);
        const u64 expected = std::max(end, u64{header.next_offset} << (header.version >> 16));
        if (size < expected) {
            return truncated(segment, size, expected);
        }
        std::vector<table::raw_entry> raw(header.entry_count);
        done = read(segment, file, raw.data(), end - sizeof header, sizeof header);
        if (!done) {
            return unexpected{done.error()};
        }
        const bool same = copies > 0 && std::memcmp(&header, &last_header, sizeof header) == 0 &&
                          raw.size() == last.size() &&
                          std::memcmp(raw.data(), last.data(), raw.size() * sizeof raw[0]) == 0;
        last_header = header;
        last = std::move(raw);
        if (same) {
            break;
        }
    }
    return table::parse(segment, last_header, last, size);
}

inline result<memory::control> read_control(const std::string& segment, int file, const table::contents& table) {
    const table::entry* entry = table.find("@control");
    if (entry == nullptr || entry->size < sizeof(memory::control)) {
        return damaged(segment, "the table has no whole entry `@control`");
    }
    memory::control control = {};
    auto done = read(segment, file, &control, sizeof control, entry->offset);
    if (!done) {
        return unexpected{done.error()};
    }
    if (control.layout_version != memory::layout_version) {
        return unexpected{error{errc::version, segment,
                                "has layout version " + std::to_string(control.layout_version) +
                                    ", and this library reads " + std::to_string(memory::layout_version),
                                "use the library that created it"}};
    }
    if (control.body != entry->offset || control.body % table::body_align != 0) {
        return damaged(segment, "the body does not begin where the table says");
    }
    if (control.unit_shift != table.unit_shift) {
        return damaged(segment, "its unit is not the table's");
    }
    return control;
}

/// Checks the rest of the control block against the table.
inline result<memory::regions> regions(const std::string& segment, const table::contents& table,
                                       const memory::control& control) {
    if (control.lanes == 0 || control.lanes > memory::liveness::max_slots) {
        return damaged(segment, "a segment has 1 to 1024 lanes");
    }
    const u64 capacity = table::capacity_before(control.body);
    if (control.table_capacity != capacity || table.entries.size() > capacity) {
        return damaged(segment, "the table's capacity does not fit before the body");
    }
    if (control.schema_entries > table.entries.size()) {
        return damaged(segment, "the table has fewer entries than the schema");
    }
    if (control.descriptor_len > u64{64} << 20 || control.descriptor_offset < control.body ||
        control.descriptor_offset > control.total_size ||
        control.descriptor_offset + control.descriptor_len > control.spare_offset ||
        control.spare_offset > control.total_size) {
        return damaged(segment, "the descriptor does not lie inside the segment");
    }
    const table::entry* participants = table.find("@participants");
    const table::entry* lanes = table.find("@lanes");
    if (participants == nullptr || participants->size != sizeof(memory::participant) * control.lanes ||
        lanes == nullptr || lanes->size != sizeof(memory::lane_record) * control.lanes || lanes->offset % 128 != 0) {
        return damaged(segment, "the entries of participants and lanes do not fit their number");
    }
    return memory::regions{participants->offset, lanes->offset, control.lanes};
}

}  // namespace detail

/// Reads and checks the first bytes of a file of `size` bytes.
[[nodiscard]] inline result<inspected> inspect(const std::string& segment, int file, u64 size) {
    if (size < table::header_size) {
        return unexpected{error{errc::not_a_segment, segment,
                                "has " + std::to_string(size) + " bytes, fewer than the 16 of a table header",
                                "it is no segment: remove it"}};
    }
    inspected found;
    auto table = detail::read_table(segment, file, size);
    if (!table) {
        return unexpected{table.error()};
    }
    found.table = std::move(*table);
    auto control = detail::read_control(segment, file, found.table);
    if (!control) {
        return unexpected{control.error()};
    }
    found.control = *control;
    if (found.control.total_size != size) {
        return detail::truncated(segment, size, found.control.total_size);
    }
    auto parts = detail::regions(segment, found.table, found.control);
    if (!parts) {
        return unexpected{parts.error()};
    }
    found.regions = *parts;
    return found;
}

/// The descriptor's bytes, at a place that was checked against the file or is checked here.
[[nodiscard]] inline result<std::string> read_descriptor(const std::string& segment, int file, u64 offset, u64 len) {
    if (len > u64{64} << 20) {
        return detail::damaged(segment, "the descriptor has more than 64 MiB");
    }
    std::string bytes(len, '\0');
    auto done = detail::read(segment, file, bytes.data(), len, offset);
    return done ? result<std::string>(std::move(bytes)) : result<std::string>(unexpected{done.error()});
}

}  // namespace shm::segments
