// Sweeping what crashes left behind, and removing a name on purpose.
//
// `prune` removes what nobody is attached to, under the lock of those who do (see `memory/liveness.hpp`): who is killed in the
// middle of it leaves the name, or none. `unlink` asks nobody: who is attached goes on, without a name that others could open.
#pragma once

#include "birth.hpp"

#include <vector>

#include <dirent.h>

namespace shm {

namespace segments::detail {

/// Where a segment is born on systems without unnamed files: others sweep what a kill leaves there.
inline constexpr std::string_view hidden = ".shm-";

/// The file of that name, if it is a regular one of this user.
inline std::optional<posix::file> own_file(const std::string& path) {
    const auto found = posix::stat_name(path);  // looked at by name first: opening a device can have effects
    if (!found || !found->is_regular() || found->owner != static_cast<u32>(::geteuid())) {
        return std::nullopt;
    }
    auto opened = posix::open(path, true);
    return opened ? std::optional<posix::file>(std::move(*opened)) : std::nullopt;
}

/// Whether a file is a segment that may go once nobody is attached; one that was never finished has somebody at its door.
inline bool may_go(const std::string& name, int file) {
    const auto status = posix::stat(file);
    if (!status || !status->is_regular()) {
        return false;
    }
    if (name.starts_with(hidden)) {
        const auto right = posix::try_exclusive(file, memory::liveness::registration);
        return right && *right;
    }
    const auto found = inspect(name, file, status->size);
    return found && !found->is_persistent();
}

/// The names in /dev/shm for which `done` is true, of a file that may go once nobody is attached.
template <class Done>
result<std::vector<std::string>> each_leftover(Done done) {
    DIR* all = ::opendir(directory);
    if (all == nullptr) {
        return system("", "listing /dev/shm", errno);
    }
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(all)) {
        const std::string name = entry->d_name;
        if (!name.starts_with(hidden) && !check_name(name)) {
            continue;
        }
        const auto file = own_file(path_of(name));
        if (file && may_go(name, file->get()) && done(file->get(), path_of(name))) {
            names.push_back(name);
        }
    }
    ::closedir(all);
    return names;
}

}  // namespace segments::detail

/// Removes the segments of this user that nobody is attached to and that do not persist: what was left when the last process
/// that was attached got killed. Their names; files that are no segments, and those of others, are left alone.
[[nodiscard]] inline result<std::vector<std::string>> prune() {
    return segments::detail::each_leftover([](int file, const std::string& path) {
        const auto removed = memory::liveness::remove_if_deserted(file, path);
        return removed && *removed == memory::liveness::removal::gone;
    });
}

/// The names that `prune` would remove now.
[[nodiscard]] inline result<std::vector<std::string>> leftovers() {
    return segments::detail::each_leftover([](int file, const std::string&) {
        const auto held = posix::query(file, memory::liveness::all);
        return held && !held->has_value();
    });
}

/// Removes a segment's name, whoever is attached, also of one that persists: they go on, and nobody else can open it.
inline result<void> unlink(std::string_view name) {
    const auto checked = segments::check_name(name);
    if (!checked) {
        return unexpected{checked.error()};
    }
    const auto file = segments::detail::open_name(*checked, false);
    if (!file) {
        return unexpected{file.error()};
    }
    const auto status = posix::stat(file->get());
    const auto found = segments::inspect(*checked, file->get(), status ? status->size : 0);
    if (!found && (found.error().code == errc::not_a_segment || found.error().code == errc::system)) {
        return unexpected{found.error()};  // somebody else's file; one of ours may be damaged, and go
    }
    if (::unlink(segments::path_of(*checked).c_str()) != 0) {
        return errno == ENOENT ? segments::detail::not_found(*checked)
                               : segments::detail::system(*checked, "unlinking", errno);
    }
    return {};
}

}  // namespace shm
