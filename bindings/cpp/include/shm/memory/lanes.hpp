// Which lane an operation runs on.
//
// Every attachment leases a home lane when it attaches. A thread that operates for the first time takes it, or leases
// another from the segment, and remembers it; from then on `attachment::enter` costs a few loads and stores on lines that
// are private to the thread.
//
// A lane does one operation at a time. Whoever finds its lane in use (a signal handler inside an operation) gets another
// one for the time being; a guard (a loan, a taken element) has one of its own, so that several may live per thread and
// move to others. Where the segment has no lane left, threads take turns on the home lane, and a handler that meets its
// own operation there gets none. Leasing takes no lock and allocates nothing.
//
// Ordering: all of this is local to the process. `user` hands a lane from one thread to the next (release/acquire); `busy`
// orders an operation against handlers of the same thread, for which a compiler fence is enough.
#pragma once

#include "attachment.hpp"

namespace shm::memory {

namespace detail {

/// Attachments that a thread remembers its lanes of.
inline constexpr u64 remembered = 4;
/// Operations of a thread that takes turns, before it looks for a lane of its own again.
inline constexpr u32 turns_before_lookup = 1024;
/// The part of a remembered word that is the lane.
inline constexpr u64 lane_bits = (u64{1} << stamp_shift) - 1;

/// What a thread remembers: words of `stamp | lane`, so that a signal handler never sees half of one.
struct thread_memory {
    /// The lane that the thread was on last: found without knowing of which attachment.
    u64 last = lane_bits;
    u64 lanes[remembered] = {lane_bits, lane_bits, lane_bits, lane_bits};
    /// The thread's id; known wherever `last` is.
    u32 thread = 0;
    /// The attachment that had no lane left for this thread, and how many operations ago.
    u64 denied = 0;
    u32 since = 0;
};

inline thread_local constinit thread_memory here;

}  // namespace detail

[[gnu::always_inline]] inline lane_turn attachment::enter() noexcept {
    auto own = enter_own();
    return own ? std::move(own) : enter_known();
}

inline lane_turn attachment::enter_known() noexcept {
    const u64 stamp = at(local().stamp).load(relaxed);
    const u64 known = detail::here.lanes[(stamp >> stamp_shift) % detail::remembered];
    if (stamp != 0 && (known & ~detail::lane_bits) == stamp) {
        detail::here.last = known;
        if (auto own = enter_own()) {
            return own;
        }
    }
    return enter_anew();
}

[[gnu::always_inline]] inline lane_turn attachment::enter_own() noexcept {
    const u64 last = detail::here.last;
    const u64 lane = last & detail::lane_bits;
    if ((last & ~detail::lane_bits) != at(local().stamp).load(relaxed) || lane >= lane_count()) {
        return {};
    }
    local_lane& own = local_lanes()[lane];
    if (at(own.busy).load(relaxed) == 0) {
        at(own.busy).store(detail::here.thread, relaxed);
        compiler_fence();  // in use before anything of the operation; `take_turn`'s barrier
        if (at(own.shared).load(relaxed) == 0) {
            return {&own, lane, lane_turn::kind::own};
        }
        at(own.busy).store(0, relaxed);
    }
    return {};
}

inline lane_turn attachment::enter_anew() noexcept {
    if (is_read_only() || (at(local().stamp).load(acquire) == 0 && !attach())) {
        return {};
    }
    const u32 thread = posix::thread_id();
    const u64 known = lane_of(thread);
    if (known != no_lane) {
        if (!local_lanes()[known].is_inside(thread)) {
            return start(known, thread);
        }
        const u64 other = find_lane(temporary);
        return other == no_lane ? take_turn(home(), thread)
                                : lane_turn(&local_lanes()[other], other, lane_turn::kind::borrowed);
    }
    const u64 stamp = at(local().stamp).load(relaxed);
    if (detail::here.denied == stamp && detail::here.since < detail::turns_before_lookup) {
        ++detail::here.since;
        return take_turn(home(), thread);
    }
    const u64 found = find_lane(thread);
    if (found != no_lane) {
        return start(found, thread);
    }
    detail::here.denied = stamp;  // looking costs system calls: not for every operation
    detail::here.since = 0;
    return take_turn(home(), thread);
}

/// Remembers the thread's lane and begins an operation on it; a turn, where the lane is shared.
inline lane_turn attachment::start(u64 index, u32 thread) noexcept {
    const u64 stamp = at(local().stamp).load(relaxed);
    detail::here.thread = thread;  // before `last`, for handlers and in a forked child
    compiler_fence();
    detail::here.lanes[(stamp >> stamp_shift) % detail::remembered] = stamp | index;
    detail::here.last = stamp | index;
    local_lane& own = local_lanes()[index];
    at(own.busy).store(thread, relaxed);
    compiler_fence();  // as in `enter_own`
    if (at(own.shared).load(relaxed) != 0) {
        at(own.busy).store(0, relaxed);
        return take_turn(index, thread);
    }
    return {&own, index, lane_turn::kind::own};
}

inline guard_lane attachment::lease() noexcept {
    if (is_read_only() || (at(local().stamp).load(acquire) == 0 && !attach())) {
        return {};
    }
    const u64 index = find_lane(temporary);
    return index == no_lane ? guard_lane() : guard_lane(this, index);
}

inline u64 attachment::lane_of(u32 thread) const noexcept {
    for (u64 lane = 0; lane < lane_count(); ++lane) {
        if (at(local_lanes()[lane].user).load(relaxed) == thread) {
            return lane;
        }
    }
    return no_lane;
}

/// Finds a lane for `user`: one on lease that nobody uses, one of a thread that ended, or a new one.
inline u64 attachment::find_lane(u32 user) noexcept {
    u64 found = adopt(user);
    if (found == no_lane) {
        found = inherit(user);
    }
    if (found == no_lane) {
        found = lease_new(user);
    }
    if (found == no_lane) {
        recover();
        found = lease_new(user);
    }
    return found;
}

/// Takes a lane that is on lease and that nobody uses. The home lane is kept for threads.
inline u64 attachment::adopt(u32 user) noexcept {
    for (u64 lane = 0; lane < lane_count(); ++lane) {
        local_lane& own = local_lanes()[lane];
        if (at(own.leased).load(acquire) != 1 || (user == temporary && lane == home())) {
            continue;
        }
        if (at(own.user).load(relaxed) == 0 && exchange_if(own.user, u32{0}, user, acq_rel)) {
            return lane;
        }
    }
    return no_lane;
}

/// Takes over the lane of a thread that ended outside of an operation.
inline u64 attachment::inherit(u32 user) noexcept {
    for (u64 lane = 0; lane < lane_count(); ++lane) {
        local_lane& own = local_lanes()[lane];
        const u32 former = at(own.user).load(relaxed);
        if ((user == temporary && lane == home()) || former == 0 || former == temporary) {
            continue;
        }
        if (at(own.busy).load(relaxed) == 0 && !posix::is_thread_alive(former) &&
            exchange_if(own.user, former, user, acq_rel)) {
            return lane;
        }
    }
    return no_lane;
}

/// Leases a free lane from the segment.
inline u64 attachment::lease_new(u32 user) noexcept {
    const u64 index = claim(at(local().identity).load(relaxed));
    if (index != no_lane) {
        local_lane& own = local_lanes()[index];
        at(own.user).store(user, relaxed);  // published with `leased`
        at(own.leased).store(1, release);   // to `adopt`
    }
    return index;
}

/// Claims a free lane for an identity. A free lane is idle: whoever frees one has settled it.
inline u64 attachment::claim(u64 identity) noexcept {
    const u64 start = static_cast<u32>(identity);  // the slot: so that processes do not all try the same first
    for (u64 step = 0; step < lane_count(); ++step) {
        const u64 index = (start + step) % lane_count();
        u64& owner = lanes()[index].owner;
        if (at(owner).load(relaxed) == 0 && exchange_if(owner, u64{0}, identity, acq_rel)) {
            return index;
        }
    }
    return no_lane;
}

/// Makes a claimed lane the home lane; before the stamp is set.
inline void attachment::move_home(u64 index) noexcept {
    local_lane& own = local_lanes()[index];
    if (posix::is_barrier_refused()) {
        at(own.shared).store(is_shared, relaxed);  // no barrier to begin with later; published with `leased`
    }
    at(local().home).store(static_cast<u32>(index), relaxed);
    at(own.leased).store(1, release);  // to `adopt`
}

/// A turn on a lane that threads share because there are too few.
///
/// The first to come says so, and a barrier on all threads of the process makes sure that the lane's own thread either
/// sees it or is seen busy. From then on every operation there takes a turn.
inline lane_turn attachment::take_turn(u64 index, u32 thread) noexcept {
    local_lane& own = local_lanes()[index];
    if (own.is_inside(thread)) {
        return {};  // a handler inside this thread's own operation: it would wait for itself
    }
    if (at(own.shared).load(acquire) != is_shared) {
        at(own.shared).store(being_shared, seq_cst);
        posix::private_barrier();  // Dekker with `enter_own`: `shared` before our look at `busy`
        at(own.shared).store(is_shared, release);  // to those who then need no barrier
    }
    int waits = 0;
    const auto pause = [&waits] {
        if (++waits % spins == 0) {
            posix::yield();
        } else {
            posix::spin();
        }
    };
    while (!exchange_if(own.turn, u32{0}, thread, acq_rel)) {
        pause();  // another thread of this process has its turn
    }
    while (at(own.busy).load(acquire) != 0) {
        pause();  // the lane's own thread ends the operation that it began before
    }
    return {&own, index, lane_turn::kind::turn};
}

/// Gives all lanes back. One whose guard was forgotten keeps its phase, and is settled as if its owner had died.
inline void attachment::leave_lanes(u64 identity) noexcept {
    for (u64 lane = 0; lane < lane_count(); ++lane) {
        lane_record& record = lanes()[lane];
        if (at(record.owner).load(relaxed) == identity && record.state().phase() == phase::idle) {
            at(record.owner).store(0, release);  // to `claim`
        }
    }
}

}  // namespace shm::memory
