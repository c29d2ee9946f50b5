// Locks of open file descriptions: the kernel's own record of who is alive.
//
// Such a lock belongs to one open file description. It is gone when the last descriptor and the last mapping of that
// description are, whatever way the process ends, and before its parent can reap it.
#pragma once

#include "file.hpp"

#include <optional>

namespace shm::posix {

/// Bytes of a file, which may lie beyond its end.
struct range {
    i64 start = 0;
    i64 len = 1;
};

namespace detail {

inline called<struct flock> lock(int descriptor, int command, short kind, range bytes) {
    struct flock lock = {};
    lock.l_type = kind;
    lock.l_whence = SEEK_SET;
    lock.l_start = bytes.start;
    lock.l_len = bytes.len;
    return ::fcntl(descriptor, command, &lock) == 0 ? called<struct flock>(lock) : failed();
}

inline called<bool> try_lock(int descriptor, short kind, range bytes) {
    auto done = lock(descriptor, F_OFD_SETLK, kind, bytes);
    if (done) {
        return true;
    }
    const int why = done.error().number;
    return why == EAGAIN || why == EACCES ? called<bool>(false) : called<bool>(unexpected{failure{why}});
}

}  // namespace detail

/// Locks a range against everybody else; false where another description holds some of it.
inline called<bool> try_exclusive(int descriptor, range bytes) {
    return detail::try_lock(descriptor, F_WRLCK, bytes);
}

/// Locks a range against exclusive locks; false where another description holds one.
inline called<bool> try_shared(int descriptor, range bytes) {
    return detail::try_lock(descriptor, F_RDLCK, bytes);
}

/// Gives a range back.
inline called<void> unlock(int descriptor, range bytes) {
    auto done = detail::lock(descriptor, F_OFD_SETLK, F_UNLCK, bytes);
    return done ? called<void>() : called<void>(unexpected{done.error()});
}

/// A lock on some of the range that another description holds, of either kind: the bytes that it covers.
inline called<std::optional<range>> query(int descriptor, range bytes) {
    auto found = detail::lock(descriptor, F_OFD_GETLK, F_WRLCK, bytes);
    if (!found) {
        return unexpected{found.error()};
    }
    if (found->l_type == F_UNLCK) {
        return std::optional<range>();
    }
    return std::optional(range{found->l_start, found->l_len});
}

}  // namespace shm::posix
