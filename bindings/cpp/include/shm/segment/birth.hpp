// Birth: a segment gets its name when it is complete, never before.
//
// | step                                                           | killed here                                         |
// |----------------------------------------------------------------|-----------------------------------------------------|
// | file without a name, sized                                     | the kernel frees it                                 |
// | table, control block, descriptor written; mode set             | the same                                            |
// | own slot locked, mapped; the program's `init`                  | the same                                            |
// | linked under its name                                          | a whole segment, a leftover if nobody else attached |
#pragma once

#include "open.hpp"

#include <cstring>
#include <span>

namespace shm::segments {

/// What a new segment is to be.
struct draft {
    std::span<const layout::placed_entry> entries;
    u64 lanes = 0;
    u64 body_size = 0;
    shm::fingerprint fingerprint;
    std::string descriptor;
};

namespace detail {

/// Most bytes of heads, words and lanes that are given room at create.
inline constexpr u64 max_hot = u64{1} << 20;

/// Where everything lies in a new file.
struct places {
    u64 body;
    u64 descriptor;
    u64 spare;
    u64 total;
    u32 unit_shift;

    explicit places(const draft& of)
        : body(table::body_behind(of.entries.size() + 1)),
          descriptor(body + of.body_size),
          spare(aligned(descriptor + of.descriptor.size(), table::structure_align)),
          total(aligned(spare, table::body_align)),
          unit_shift(total > 0xffffffff ? 6 : 0) {}

    [[nodiscard]] u32 units(u64 bytes) const noexcept {
        return static_cast<u32>(aligned(bytes, u64{1} << unit_shift) >> unit_shift);
    }
};

/// The table's bytes.
inline std::string table_bytes(const draft& of, const places& at) {
    const u64 count = of.entries.size() + 1;
    std::string bytes(table::end_of(count), '\0');
    const table::raw_header header{table::magic, table::version | at.unit_shift << 16, static_cast<u32>(count),
                                   at.units(at.spare)};
    std::memcpy(bytes.data(), &header, sizeof header);
    std::size_t next = sizeof header;
    const auto put = [&](const name32& name, u64 offset, u64 size) {
        table::raw_entry raw = {};
        std::memcpy(raw.name, name.text, sizeof raw.name);
        raw.offset = at.units(offset);
        raw.size = at.units(size);
        std::memcpy(bytes.data() + next, &raw, sizeof raw);
        next += sizeof raw;
    };
    for (const layout::placed_entry& entry : of.entries) {
        put(entry.name, at.body + entry.offset, entry.size);
    }
    put(name32("@descriptor"), at.descriptor, of.descriptor.size());
    return bytes;
}

inline memory::control control_of(const draft& of, const places& at, const options& how) {
    memory::control control = {};
    control.layout_version = memory::layout_version;
    control.unit_shift = at.unit_shift;
    control.body = at.body;
    control.total_size = at.total;
    control.lanes = static_cast<u32>(of.lanes);
    control.flags = (how.persist ? memory::flag_persist : 0) | (how.reserve ? memory::flag_reserve : 0);
    control.fingerprint[0] = of.fingerprint.low;
    control.fingerprint[1] = of.fingerprint.high;
    control.segment_id = posix::random_id();
    control.boot_id = posix::boot_id();
    control.owner = static_cast<u32>(::geteuid());
    control.mode = how.mode;
    control.descriptor_offset = at.descriptor;
    control.descriptor_len = of.descriptor.size();
    control.spare_offset = at.spare;
    control.table_capacity = static_cast<u32>(table::capacity_before(at.body));
    control.schema_entries = static_cast<u32>(of.entries.size() + 1);
    control.created = static_cast<u64>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count());
    return control;
}

inline unexpected<error> no_room(const std::string& segment, u64 needed, u64 free) {
    return unexpected{error{errc::no_room, segment,
                            "needs " + std::to_string(needed) + " bytes, and " + std::to_string(free) +
                                " are free in /dev/shm",
                            "remove other segments, or give the container more with `--shm-size`"}};
}

/// Turns a failed step into an error that says what to do, where room is what was missing.
inline result<void> done(const std::string& segment, const char* doing, const posix::called<void>& step, int file,
                         u64 needed) {
    if (step) {
        return {};
    }
    if (step.error().number == ENOSPC) {
        return no_room(segment, needed, posix::free_space(file));
    }
    return system(segment, doing, step.error().number);
}

/// Everything that is in the file before anybody maps it. Written, not stored through a mapping: a full file system is an
/// error then, not a signal.
inline result<void> fill(const std::string& segment, int file, const draft& of, const places& at, const options& how) {
    const auto step = [&](const char* doing, const posix::called<void>& what) {
        return done(segment, doing, what, file, at.total);
    };
    auto ok = step("sizing", posix::set_size(file, at.total));
    if (ok && !how.sparse && posix::free_space(file) < at.total) {
        return no_room(segment, at.total, posix::free_space(file));
    }
    if (ok && how.reserve) {
        ok = step("allocating", posix::allocate(file, 0, at.total));
    }
    u64 left = how.reserve ? 0 : max_hot;
    for (const layout::placed_entry& entry : of.entries) {
        const u64 bytes = std::min(entry.hot, left);
        if (ok && bytes > 0) {
            ok = step("allocating", posix::allocate(file, at.body + entry.offset, bytes));
            left -= bytes;
        }
    }
    const std::string table = table_bytes(of, at);
    const memory::control control = control_of(of, at, how);
    if (ok) {
        ok = step("writing", posix::write_at(file, table.data(), table.size(), 0));
    }
    if (ok) {
        ok = step("writing", posix::write_at(file, &control, sizeof control, at.body));
    }
    if (ok) {
        ok = step("writing", posix::write_at(file, of.descriptor.data(), of.descriptor.size(), at.descriptor));
    }
    if (ok && ::fchmod(file, how.mode) != 0) {  // whatever the umask
        return system(segment, "setting the mode", errno);
    }
    return ok;
}

inline unexpected<error> taken(const std::string& segment, const char* by) {
    return unexpected{error{errc::already_exists, segment, std::string("exists already: ") + by,
                            "open it, or choose another name"}};
}

/// Removes what has the name if it is a segment of ours that nobody is attached to: then it may be tried again.
inline result<memory::liveness::removal> clear(const std::string& segment) {
    using memory::liveness::removal;
    auto file = posix::open(path_of(segment), true);
    if (!file) {
        return file.error().number == ENOENT ? result<removal>(removal::gone)
                                             : taken(segment, "what has the name may not be opened by this user");
    }
    auto status = posix::stat(file->get());
    if (!status || !status->is_regular()) {
        return taken(segment, "what has the name is no segment");
    }
    auto found = inspect(segment, file->get(), status->size);
    if (!found) {
        return taken(segment, "what has the name is no whole segment");
    }
    if (found->is_persistent()) {
        return taken(segment, "it is persistent");
    }
    auto removed = memory::liveness::remove_if_deserted(file->get(), path_of(segment));
    if (!removed) {
        return taken(segment, "this user may not remove what a dead process left");
    }
    return *removed;
}

}  // namespace detail

/// Makes a segment without a name, attached to by this process.
[[nodiscard]] inline result<opened> conceive(const std::string& segment, const draft& of, const options& how) {
    const detail::places at(of);
    if (at.total > how.max_size) {
        return unexpected{error{errc::too_large, segment,
                                "would have " + std::to_string(at.total) + " bytes, and " +
                                    std::to_string(how.max_size) + " is the limit",
                                "lower the capacities, or raise `.max_size`"}};
    }
    auto file = posix::create_unnamed(directory);
    if (!file) {
        return detail::system(segment, "creating a file in /dev/shm", file.error().number);
    }
    auto filled = detail::fill(segment, file->get(), of, at, how);
    if (!filled) {
        return unexpected{filled.error()};
    }
    // Read back and checked like any other's: a fault in the plan is an error here, not for openers.
    auto found = inspect(segment, file->get(), at.total);
    auto status = posix::stat(file->get());
    if (!found || !status) {
        return found ? detail::system(segment, "fstat", status.error().number) : unexpected{found.error()};
    }
    auto mapped = memory::attachment::map(
        {std::move(*file), path_of(segment), *status, found->regions, false, how.persist});
    if (!mapped) {
        return detail::system(segment, "mapping", mapped.error().number);
    }
    auto attached = (*mapped)->attach();
    if (!attached) {
        return detail::attach_error(segment, attached.error(), of.lanes);
    }
    if (how.prefault && !(*mapped)->populate()) {
        return detail::no_room(segment, at.total, posix::free_space((*mapped)->file()));
    }
    return opened{std::move(*mapped), std::move(*found)};
}

/// Gives a complete segment its name; a leftover of that name makes way.
[[nodiscard]] inline result<void> publish(const std::string& segment, const memory::attachment& attachment) {
    using memory::liveness::removal;
    const auto deadline = memory::liveness::clock::now() + memory::liveness::patience;
    for (;;) {
        auto linked = posix::link(attachment.file(), path_of(segment));
        if (linked) {
            return {};
        }
        if (linked.error().number != EEXIST) {
            return detail::system(segment, "linking", linked.error().number);
        }
        auto cleared = detail::clear(segment);
        if (!cleared) {
            return unexpected{cleared.error()};
        }
        if (*cleared == removal::attached) {
            return detail::taken(segment, "somebody is attached to it");
        }
        if (*cleared == removal::closing) {
            if (memory::liveness::clock::now() >= deadline) {
                return detail::closing(segment);
            }
            std::this_thread::sleep_for(std::chrono::microseconds(200));
        }
    }
}

}  // namespace shm::segments
