// Opening: every check on a copy, then the attach protocol, then the handles.
#pragma once

#include "compare.hpp"
#include "name.hpp"
#include "options.hpp"

namespace shm::segments {

/// A segment that this process is attached to, not yet bound to a schema.
struct opened {
    std::shared_ptr<memory::attachment> attachment;
    inspected found;
};

namespace detail {

inline unexpected<error> system(const std::string& segment, const char* doing, int number) {
    return unexpected{error{errc::system, segment, std::string("could not be used: ") + doing + " failed", "", number}};
}

inline unexpected<error> closing(const std::string& segment) {
    return unexpected{error{errc::closing, segment, "is being removed by a process that does not come to an end",
                            "resume or kill that process, or wait longer"}};
}

inline unexpected<error> not_found(const std::string& segment) {
    return unexpected{
        error{errc::not_found, segment, "does not exist", "create it first, or `.wait` for its creator"}};
}

/// Why this process could not attach, as an error about the segment.
inline unexpected<error> attach_error(const std::string& segment, const memory::liveness::attach_failure& why,
                                      u64 limit) {
    switch (why.why) {
        case memory::liveness::refused::full:
            return unexpected{error{errc::too_many_participants, segment,
                                    "has " + std::to_string(limit) + " participants, which is its limit",
                                    "give the schema more lanes"}};
        case memory::liveness::refused::closing:
            return closing(segment);
        default:
            return system(segment, "attaching", why.number);
    }
}

/// What a file is that is no regular one.
inline const char* kind_name(const posix::status& found) {
    if (S_ISDIR(found.kind)) {
        return "a directory";
    }
    if (S_ISLNK(found.kind)) {
        return "a symbolic link";
    }
    return S_ISFIFO(found.kind) ? "a FIFO" : S_ISSOCK(found.kind) ? "a socket" : "a device";
}

inline unexpected<error> not_regular(const std::string& segment, const posix::status& found) {
    return unexpected{error{errc::not_regular, segment,
                            std::string("is ") + kind_name(found) + ", not a regular file",
                            "remove it or choose another name"}};
}

/// Opens what has the name; errors say what it is.
inline result<posix::file> open_name(const std::string& segment, bool writable) {
    const std::string path = path_of(segment);
    auto opened = posix::open(path, writable);
    if (opened) {
        return std::move(*opened);
    }
    const int number = opened.error().number;
    if (number == ENOENT) {
        return not_found(segment);
    }
    auto found = posix::stat_name(path);
    if (found && !found->is_regular()) {
        return not_regular(segment, *found);
    }
    if (number == EACCES || number == EPERM) {
        return unexpected{error{errc::denied, segment,
                                writable ? "may not be written by this user" : "may not be read by this user",
                                "ask its creator for another mode and group, or open it with `.read_only = true`"}};
    }
    return system(segment, "opening", number);
}

/// Checks kind, owner, permissions and size limit.
inline result<void> check_file(const std::string& segment, const posix::status& found, const options& how) {
    if (!found.is_regular()) {
        return not_regular(segment, found);
    }
    const u32 owner = how.owner == ~u32{0} ? static_cast<u32>(::geteuid()) : how.owner;
    if (!how.any_owner && found.owner != owner) {
        return unexpected{error{errc::owner, segment,
                                "belongs to user " + std::to_string(found.owner) + ", expected " +
                                    std::to_string(owner),
                                "if that user is trusted, open it with `.owner`"}};
    }
    if ((found.mode & 0022 & ~how.mode) != 0) {
        char modes[48];
        std::snprintf(modes, sizeof modes, "has mode %04o, and %04o was expected", found.mode & 0777, how.mode);
        return unexpected{error{errc::writable_by_others, segment, modes,
                                "if those users are trusted, open it with `.mode`"}};
    }
    if (found.size > how.max_size) {
        return unexpected{error{errc::too_large, segment,
                                "has " + std::to_string(found.size) + " bytes, and " + std::to_string(how.max_size) +
                                    " is the limit",
                                "raise it with `.max_size`"}};
    }
    return {};
}

/// One attempt; no attachment where the name was removed meanwhile.
template <class Check>
result<opened> attempt(const std::string& segment, const options& how, Check check,
                       memory::liveness::clock::time_point deadline) {
    auto file = open_name(segment, !how.read_only);
    if (!file) {
        return unexpected{file.error()};
    }
    auto status = posix::stat(file->get());
    if (!status) {
        return system(segment, "fstat", status.error().number);
    }
    auto checked = check_file(segment, *status, how);
    if (!checked) {
        return unexpected{checked.error()};
    }
    if (status->links == 0) {
        return opened{};
    }
    auto found = inspect(segment, file->get(), status->size);
    if (!found) {
        return unexpected{found.error()};
    }
    // What nobody holds does not exist; asked before this process holds a byte itself.
    if (!found->is_persistent()) {
        auto held = posix::query(file->get(), memory::liveness::all);
        if (!held) {
            return system(segment, "querying locks", held.error().number);
        }
        if (!held->has_value()) {
            return not_found(segment);
        }
    }
    checked = check(file->get(), *found);
    if (!checked) {
        return unexpected{checked.error()};
    }
    const bool persist = found->is_persistent();
    auto mapped = memory::attachment::map(
        {std::move(*file), path_of(segment), *status, found->regions, how.read_only, persist});
    if (!mapped) {
        return system(segment, "mapping", mapped.error().number);
    }
    const auto patience = std::max(deadline - memory::liveness::clock::now(), memory::liveness::clock::duration::zero());
    auto attached = (*mapped)->attach(patience);
    if (!attached) {
        return attach_error(segment, attached.error(), found->regions.count);
    }
    const auto populated = how.prefault ? (*mapped)->populate() : posix::called<void>();
    if (!populated) {
        return system(segment, "prefaulting", populated.error().number);
    }
    // Only now is it certain that nobody removes the name; it may have been removed before.
    return (*mapped)->is_linked() ? opened{std::move(*mapped), std::move(*found)} : opened{};
}

}  // namespace detail

/// Opens a segment, waiting for its creator as long as the options say. `check` looks at the schema before the segment is
/// mapped.
template <class Check>
[[nodiscard]] result<opened> open(const std::string& segment, const options& how, Check check) {
    using clock = memory::liveness::clock;
    const auto start = clock::now();
    const auto deadline = start + std::max<clock::duration>(how.wait, memory::liveness::patience);
    for (;;) {
        auto now = detail::attempt(segment, how, check, deadline);
        const bool removed = now && now->attachment == nullptr;  // somebody else got on
        const bool absent = !now && now.error().code == errc::not_found && clock::now() - start < how.wait;
        if (!removed && !absent) {
            return now;
        }
        if (removed && clock::now() >= deadline) {
            return detail::closing(segment);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(absent ? 1 : 0));
    }
}

}  // namespace shm::segments
