// Why an operation on a structure did nothing: small, trivially copyable, and put into words only when asked.
#pragma once

#include "../base.hpp"
#include "expected.hpp"

#include <cstring>
#include <string>
#include <string_view>

namespace shm {

/// A name in the table: at most 31 bytes, padded with zeros.
struct name32 {
    char text[32] = {};

    constexpr name32() = default;
    constexpr name32(std::string_view from) {
        for (std::size_t i = 0; i < from.size() && i < 31; ++i) {
            text[i] = from[i];
        }
    }
    [[nodiscard]] constexpr std::string_view view() const noexcept {
        std::size_t len = 0;
        while (len < 32 && text[len] != 0) {
            ++len;
        }
        return {text, len};
    }
    friend constexpr bool operator==(const name32& a, const name32& b) { return a.view() == b.view(); }
};

/// What stood in an operation's way.
enum class reason : u8 {
    /// The handle belongs to no open segment.
    closed,
    /// The segment was opened for reading only.
    read_only,
    /// There was no room at some moment during the call.
    full,
    /// There was nothing to be had at some moment during the call.
    empty,
    /// The time was up.
    timed_out,
    /// Every lane is in use.
    no_lane,
    /// The structure does not have such an element.
    out_of_range,
    /// The segment holds bytes that no program of ours leaves there.
    corrupt,
    /// A living process has the role.
    role_taken,
    /// Writers were faster than the copy.
    outrun,
    /// The guard or role is void: it was given back, moved from, or is the parent's of a forked child.
    not_held,
    /// Somebody who lives has the lock.
    would_block,
    /// An owner died with the lock, and nobody has said since that all is well. It is locked all the same.
    owner_died,
};

/// Why an operation did nothing.
struct fault {
    /// What stood in its way.
    reason why = reason::closed;
    /// The structure's name in the table.
    name32 field = {};
    /// Of what was asked for: the first index, or the process that has a role.
    u64 first = 0;
    /// How many elements were asked for.
    u64 count = 0;
    /// How many there are.
    u64 capacity = 0;

    /// What is wrong, with the field's name and the numbers, and what to do about it.
    [[nodiscard]] std::string message() const {
        std::string text = "`";
        text += field.view();
        text += "`: ";
        switch (why) {
            case reason::closed:
                return text + "the handle belongs to no open segment; keep the `segment` open, or bind the field again";
            case reason::read_only:
                return text + "the segment was opened for reading only; open it without `read_only`";
            case reason::full:
                return text + "no room: all " + std::to_string(capacity) + " places were taken";
            case reason::empty:
                return text + "there is nothing to be had";
            case reason::timed_out:
                return text + "timed out";
            case reason::no_lane:
                return text + "every lane is in use; give the schema more lanes";
            case reason::out_of_range:
                if (count == 1) {
                    return text + "index " + std::to_string(first) + " is out of range: it has " +
                           std::to_string(capacity) + " elements";
                }
                return text + std::to_string(count) + " elements from " + std::to_string(first) +
                       " are out of range: it has " + std::to_string(capacity) + " elements";
            case reason::corrupt:
                return text + "its bytes make no sense; create the segment again";
            case reason::role_taken:
                return text + "process " + std::to_string(first) +
                       " has the role; there is one at a time, and it is taken over only from the dead";
            case reason::outrun:
                return text + "replaced by writers while it was copied; try again";
            case reason::not_held:
                return text + "the guard or role is void: it was given back, moved from, or is a forked parent's";
            case reason::would_block:
                return text + "somebody who lives has the lock; wait for it, or try again";
            case reason::owner_died:
                return text + "an owner died with the lock, and what it protects may be half changed; look at it with the "
                              "guard inside, and say `mark_consistent`";
        }
        return text + "unknown reason";
    }

    friend bool operator==(const fault& a, reason b) noexcept { return a.why == b; }
};

/// What an operation gives, or why it did nothing.
template <class T>
using outcome = expected<T, fault>;

}  // namespace shm
