// Why a segment could not be opened, created or bound: what was found, what was expected, what to do.
#pragma once

#include "../base.hpp"
#include "expected.hpp"

#include <cstring>
#include <string>
#include <utility>

namespace shm {

/// What kind of thing went wrong.
enum class errc : u8 {
    /// The name is not one that a segment can have.
    bad_name,
    /// There is no such segment, or nothing but a leftover that nobody is attached to.
    not_found,
    /// Somebody is removing the segment and does not come to an end.
    closing,
    /// What is under the name is no regular file.
    not_regular,
    /// The file belongs to a user from whom no segment was expected.
    owner,
    /// Users from whom no writes were expected may write to the file.
    writable_by_others,
    /// This process may not open the file.
    denied,
    /// The file is no segment: empty, short, or with another magic number.
    not_a_segment,
    /// The format is another version.
    version,
    /// The file is shorter or longer than the segment that it holds.
    truncated,
    /// The segment is larger than it may be.
    too_large,
    /// Table, control block or descriptor are damaged.
    damaged,
    /// The segment has another schema.
    schema,
    /// The segment has no field of that name.
    no_field,
    /// Every participant slot is taken.
    too_many_participants,
    /// The name is taken.
    already_exists,
    /// There is not enough memory for the segment.
    no_room,
    /// The segment is closed.
    closed,
    /// A system call failed.
    system,
};

/// Why something about a segment could not be done.
struct error {
    /// What kind of thing went wrong.
    errc code = errc::system;
    /// The segment's name.
    std::string segment;
    /// What was found, and what was expected instead.
    std::string what;
    /// What to do about it.
    std::string advice;
    /// The system's number, where a call failed.
    int number = 0;

    /// All of it, as one text.
    [[nodiscard]] std::string message() const {
        std::string text = "segment `" + segment + "` " + what;
        if (number != 0) {
            text += std::string(": ") + std::strerror(number);
        }
        return advice.empty() ? text : text + "; " + advice;
    }
};

/// A `T`, or why there is none.
template <class T>
using result = expected<T, error>;

}  // namespace shm
