// Being alive is holding a lock byte: the protocol by which processes come, go and are missed.
//
// A slot's byte is locked only once its generation is a new one, so a byte that is held under an old generation is the
// old holder's: the dead do not come alive for the moment in which somebody takes their slot over. Nobody removes a name
// without the lock on all bytes, so a name that a successor took is never hit. FORMAT.md has the table of the bytes.
#pragma once

#include "../posix/lock.hpp"

#include <chrono>
#include <string>
#include <thread>

namespace shm::memory::liveness {

using clock = std::chrono::steady_clock;

inline constexpr i64 base = i64{1} << 40;
/// Most slots.
inline constexpr u32 max_slots = 1024;
/// The byte that read-only attachments share.
inline constexpr posix::range readers{base + max_slots, 1};
/// The bytes of all slots and of the readers.
inline constexpr posix::range all{base, i64{max_slots} + 1};
/// The byte of who changes the table.
inline constexpr posix::range registration{base + 8192, 1};
/// How long an opener waits by default for somebody who is removing the name.
inline constexpr auto patience = std::chrono::seconds(1);

/// The byte of a slot.
[[nodiscard]] constexpr posix::range slot(u32 slot) noexcept {
    return {base + slot, 1};
}
/// The byte of who moves into a slot.
[[nodiscard]] constexpr posix::range door(u32 slot) noexcept {
    return {base + 2048 + slot, 1};
}
/// The byte of who settles a lane.
[[nodiscard]] constexpr posix::range lane(u64 lane) noexcept {
    return {base + 4096 + static_cast<i64>(lane), 1};
}

/// Why an attachment could not be registered.
enum class refused : u8 { full, closing, read_only, system };

struct attach_failure {
    refused why = refused::system;
    int number = 0;
    [[nodiscard]] std::string message() const { return "attaching failed"; }
};

template <class T>
using attached = expected<T, attach_failure>;

namespace detail {

inline unexpected<attach_failure> system(const posix::failure& why) {
    return unexpected{attach_failure{refused::system, why.number}};
}

/// Takes the byte of a slot whose door is locked, if it is free.
template <class Prepare>
posix::called<bool> move_in(int file, u32 candidate, Prepare prepare) {
    auto held = posix::query(file, slot(candidate));
    if (!held || held->has_value()) {
        return held ? posix::called<bool>(false) : posix::called<bool>(unexpected{held.error()});
    }
    prepare(candidate);
    return posix::try_exclusive(file, slot(candidate));  // refused to nobody but who has all bytes
}

/// Whether every slot's byte is held by a participant or about to be, and none by somebody who holds them all.
inline posix::called<bool> all_taken(int file, u32 slots) {
    for (u32 candidate = 0; candidate < slots; ++candidate) {
        auto held = posix::query(file, slot(candidate));
        if (!held) {
            return unexpected{held.error()};
        }
        if (held->has_value() && (*held)->len == 1) {
            continue;
        }
        if (held->has_value()) {
            return false;
        }
        auto entering = posix::query(file, door(candidate));
        if (!entering) {
            return unexpected{entering.error()};
        }
        if (!entering->has_value()) {
            return false;
        }
    }
    return true;
}

/// Sleeps for a moment; false where the time is up.
inline bool pause_until(clock::time_point deadline) {
    if (clock::now() >= deadline) {
        return false;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    return true;
}

}  // namespace detail

/// Takes the first free slot's byte, through a description opened for this. `prepare` runs before the byte is held, while
/// nobody else can have it: it gives the slot a new generation. Waits until `deadline` for who is removing the name.
template <class Prepare>
attached<u32> take_slot(int file, u32 slots, clock::time_point deadline, Prepare prepare) {
    for (;;) {
        for (u32 candidate = 0; candidate < slots; ++candidate) {
            auto held = posix::query(file, slot(candidate));
            if (!held) {
                return detail::system(held.error());
            }
            if (held->has_value()) {
                continue;
            }
            auto entered = posix::try_exclusive(file, door(candidate));
            if (!entered) {
                return detail::system(entered.error());
            }
            if (!*entered) {
                continue;
            }
            auto taken = detail::move_in(file, candidate, prepare);
            auto left = posix::unlock(file, door(candidate));
            if (!left || !taken) {
                return detail::system(left ? taken.error() : left.error());
            }
            if (*taken) {
                return candidate;
            }
        }
        auto taken = detail::all_taken(file, slots);
        if (!taken) {
            return detail::system(taken.error());
        }
        if (*taken) {
            return unexpected{attach_failure{refused::full, 0}};
        }
        if (!detail::pause_until(deadline)) {  // somebody had all bytes for a moment, or left meanwhile
            return unexpected{attach_failure{refused::closing, 0}};
        }
    }
}

/// Takes a share of the readers' byte, through a description opened for this.
inline attached<void> take_reader(int file, clock::time_point deadline) {
    for (;;) {
        auto taken = posix::try_shared(file, readers);
        if (!taken) {
            return detail::system(taken.error());
        }
        if (*taken) {
            return {};
        }
        if (!detail::pause_until(deadline)) {
            return unexpected{attach_failure{refused::closing, 0}};
        }
    }
}

/// What came of an attempt to remove a name.
enum class removal : u8 {
    /// The name is gone, or leads to another file.
    gone,
    /// Somebody is attached.
    attached,
    /// Somebody else is about to remove it.
    closing,
};

/// Removes the name of a segment that nobody is attached to, through a description opened for this.
inline posix::called<removal> remove_if_deserted(int file, const std::string& path) {
    auto alone = posix::try_exclusive(file, all);
    if (!alone) {
        return unexpected{alone.error()};
    }
    if (!*alone) {
        auto held = posix::query(file, all);
        if (!held) {
            return unexpected{held.error()};
        }
        return held->has_value() && (*held)->len == 1 ? removal::attached : removal::closing;
    }
    // Nobody is attached, and nobody can be before the lock is gone: with `file`, or here.
    auto own = posix::stat(file);
    auto named = posix::stat_name(path);
    int number = own ? 0 : own.error().number;
    if (own && named && named->is_same(*own) && ::unlink(path.c_str()) != 0) {
        number = errno;
    }
    auto unlocked = posix::unlock(file, all);
    if (number != 0 || !unlocked) {
        return unexpected{posix::failure{number != 0 ? number : unlocked.error().number}};
    }
    return removal::gone;
}

}  // namespace shm::memory::liveness
