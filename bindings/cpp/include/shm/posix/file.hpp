// Files of a tmpfs: born without a name, opened with care, found again through a descriptor.
//
// A failed call is its `errno`. Every descriptor is closed by its owner, and by `exec`.
#pragma once

#include "../base.hpp"
#include "../error/expected.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace shm::posix {

/// The number of a failed system call.
struct failure {
    int number = 0;
    [[nodiscard]] std::string message() const { return std::strerror(number); }
};

template <class T>
using called = expected<T, failure>;

/// The failure of the call before.
[[nodiscard]] inline unexpected<failure> failed() {
    return unexpected{failure{errno}};
}

/// An open file, closed when it goes.
class file {
  public:
    file() = default;
    explicit file(int descriptor) noexcept : number(descriptor) {}
    file(file&& from) noexcept : number(std::exchange(from.number, -1)) {}
    file& operator=(file&& from) noexcept {
        std::swap(number, from.number);
        return *this;
    }
    file(const file&) = delete;
    file& operator=(const file&) = delete;
    ~file() {
        if (number >= 0) {
            ::close(number);
        }
    }

    [[nodiscard]] int get() const noexcept { return number; }
    /// Gives the descriptor up without closing it.
    int release() noexcept { return std::exchange(number, -1); }

  private:
    int number = -1;
};

/// What the kernel says of a file.
struct status {
    u64 device = 0;
    u64 inode = 0;
    u64 size = 0;
    u32 mode = 0;
    u32 owner = 0;
    u64 links = 0;
    u32 kind = 0;

    [[nodiscard]] bool is_regular() const noexcept { return S_ISREG(kind); }
    /// Whether both are of one file.
    [[nodiscard]] bool is_same(const status& other) const noexcept {
        return device == other.device && inode == other.inode;
    }
};

namespace detail {

inline status from(const struct stat& found) {
    return {.device = found.st_dev,
            .inode = found.st_ino,
            .size = static_cast<u64>(found.st_size),
            .mode = found.st_mode & 07777,
            .owner = found.st_uid,
            .links = found.st_nlink,
            .kind = found.st_mode};
}

inline called<file> open(const char* path, int flags, mode_t mode = 0) {
    for (;;) {
        int opened = ::open(path, flags | O_CLOEXEC, mode);
        if (opened >= 0) {
            return file(opened);
        }
        if (errno != EINTR) {
            return failed();
        }
    }
}

/// Where /proc shows an open file: made without allocating.
struct proc_path {
    char text[32];
    explicit proc_path(int descriptor) { std::snprintf(text, sizeof text, "/proc/self/fd/%d", descriptor); }
};

}  // namespace detail

/// What the kernel says of an open file.
inline called<status> stat(int descriptor) {
    struct ::stat found = {};
    return ::fstat(descriptor, &found) == 0 ? called<status>(detail::from(found)) : failed();
}

/// What the kernel says of the file under a name; a symbolic link is not followed.
inline called<status> stat_name(const std::string& path) {
    struct ::stat found = {};
    return ::lstat(path.c_str(), &found) == 0 ? called<status>(detail::from(found)) : failed();
}

/// Makes a file without a name in a directory, for its owner only.
inline called<file> create_unnamed(const char* directory) {
    return detail::open(directory, O_TMPFILE | O_RDWR, 0600);
}

/// Opens what is under a name: never creates, never follows a symbolic link, never waits for a peer of a named pipe.
inline called<file> open(const std::string& path, bool writable) {
    return detail::open(path.c_str(), (writable ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK);
}

/// Opens the same file again, as a new open file description with locks of its own.
inline called<file> reopen(int known, bool writable) {
    return detail::open(detail::proc_path(known).text, (writable ? O_RDWR : O_RDONLY) | O_NONBLOCK);
}

/// Gives a file that has no name one, if it is free.
inline called<void> link(int unnamed, const std::string& path) {
    const detail::proc_path from(unnamed);
    if (::linkat(AT_FDCWD, from.text, AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) != 0) {
        return failed();
    }
    return {};
}

/// Reads exactly so many bytes; number 0 where the file ends before.
inline called<void> read_at(int descriptor, void* to, std::size_t bytes, u64 offset) {
    std::size_t done = 0;
    while (done < bytes) {
        const ssize_t got =
            ::pread(descriptor, static_cast<char*>(to) + done, bytes - done, static_cast<off_t>(offset + done));
        if (got == 0) {
            return unexpected{failure{0}};
        }
        if (got > 0) {
            done += static_cast<std::size_t>(got);
        } else if (errno != EINTR) {
            return failed();
        }
    }
    return {};
}

/// Writes all bytes: a full file system is a failure here, not a signal.
inline called<void> write_at(int descriptor, const void* from, std::size_t bytes, u64 offset) {
    std::size_t done = 0;
    while (done < bytes) {
        const ssize_t put =
            ::pwrite(descriptor, static_cast<const char*>(from) + done, bytes - done, static_cast<off_t>(offset + done));
        if (put >= 0) {
            done += static_cast<std::size_t>(put);
        } else if (errno != EINTR) {
            return failed();
        }
    }
    return {};
}

/// Sets the length; new bytes are zero and take no room yet.
inline called<void> set_size(int descriptor, u64 size) {
    return ::ftruncate(descriptor, static_cast<off_t>(size)) == 0 ? called<void>() : failed();
}

/// Gives a range its room now.
inline called<void> allocate(int descriptor, u64 offset, u64 bytes) {
    for (;;) {
        if (::fallocate(descriptor, 0, static_cast<off_t>(offset), static_cast<off_t>(bytes)) == 0) {
            return {};
        }
        if (errno != EINTR) {
            return failed();
        }
    }
}

/// Bytes that may still be allocated in the file's file system; all ones where it has no limit.
inline u64 free_space(int descriptor) {
    struct ::statvfs room = {};
    if (::fstatvfs(descriptor, &room) != 0 || room.f_blocks == 0) {
        return ~u64{0};
    }
    return room.f_bavail * room.f_frsize;
}

}  // namespace shm::posix
