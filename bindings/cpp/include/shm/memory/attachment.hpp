// The mapping of a segment, and this process's part in it.
//
// An attachment is alive as long as a lock byte is held (see `liveness`). The byte is locked through a description of its
// own that only an anchor mapping keeps open, so it is free exactly when this address space can no longer store under the
// attachment's identity: through kill, exec, zombies, and in every PID namespace.
//
// **Fork.** What is local to the process lives in pages that a forked child finds zeroed. Zero means "attach first": the
// child has the data mapping, but no identity and no anchor until it attaches.
#pragma once

#include "../posix/barrier.hpp"
#include "../posix/map.hpp"
#include "../posix/process.hpp"
#include "lane.hpp"
#include "liveness.hpp"
#include "local.hpp"
#include "participant.hpp"
#include "recovery.hpp"

#include <memory>

namespace shm::memory {

/// Where the parts of ours lie that an attachment itself uses, in bytes from the file's start; checked when made.
struct regions {
    u64 participants = 0;
    u64 lanes = 0;
    /// How many there are of each.
    u64 count = 0;
};

/// What a sweep did.
struct recovery {
    /// Lanes of the dead that were settled and are free again.
    u64 settled = 0;
    /// Lanes whose answer a stopped process has, or that somebody else is settling: try again later.
    u64 later = 0;
};

/// What an attachment is made of.
struct origin {
    posix::file file;
    std::string path;
    posix::status status;
    memory::regions regions;
    bool read_only = false;
    bool persist = false;
};

class attachment;

/// The right to run one operation on a lane. See `lanes.hpp`.
class lane_turn {
  public:
    enum class kind : u8 { none, own, borrowed, turn };

    lane_turn() = default;
    lane_turn(local_lane* of, u64 index, kind how) noexcept : local(of), number(index), held(how) {}
    lane_turn(lane_turn&& from) noexcept : local(from.local), number(from.number), held(std::exchange(from.held, kind::none)) {}
    lane_turn(const lane_turn&) = delete;
    lane_turn& operator=(const lane_turn&) = delete;
    lane_turn& operator=(lane_turn&&) = delete;
    [[gnu::always_inline]] ~lane_turn() {
        compiler_fence();  // the operation is over before a handler may use the lane
        if (held == kind::own) {
            at(local->busy).store(0, relaxed);  // for handlers of this thread, and `take_turn`
        } else if (held != kind::none) {
            leave();
        }
    }

    explicit operator bool() const noexcept { return held != kind::none; }
    [[nodiscard]] u64 index() const noexcept { return number; }

  private:
    [[gnu::noinline]] void leave() noexcept {
        if (held == kind::borrowed) {
            at(local->user).store(0, release);  // to the next user's `adopt`
        } else {
            at(local->turn).store(0, release);  // to the next turn
        }
    }

    local_lane* local = nullptr;
    u64 number = 0;
    kind held = kind::none;
};

/// A lane of a guard: it stays with the guard, whichever thread has it. Void in a forked child.
class guard_lane {
  public:
    guard_lane() = default;
    inline guard_lane(attachment* of, u64 index) noexcept;
    guard_lane(guard_lane&& from) noexcept
        : owner(std::exchange(from.owner, nullptr)), number(from.number), stamp(from.stamp) {}
    guard_lane& operator=(guard_lane&& from) noexcept {
        std::swap(owner, from.owner);
        std::swap(number, from.number);
        std::swap(stamp, from.stamp);
        return *this;
    }
    guard_lane(const guard_lane&) = delete;
    guard_lane& operator=(const guard_lane&) = delete;
    inline ~guard_lane();

    /// Whether the guard has its lane: not where it was moved from, and not in a forked child, whose parent has it.
    [[nodiscard]] inline bool is_held() const noexcept;
    [[nodiscard]] u64 index() const noexcept { return number; }

  private:
    attachment* owner = nullptr;
    u64 number = 0;
    u64 stamp = 0;
};

/// A segment that this process has mapped and attached to.
class attachment {
  public:
    /// Maps a segment without attaching to it. The regions lie inside the file: who opens it has checked that.
    static posix::called<std::shared_ptr<attachment>> map(origin from) {
        auto data = posix::map_file(from.file.get(), from.status.size, !from.read_only);
        if (!data) {
            return unexpected{data.error()};
        }
        auto local = posix::map_local(sizeof(local_header) + from.regions.count * sizeof(local_lane));
        if (!local) {
            return unexpected{local.error()};
        }
        return std::shared_ptr<attachment>(new attachment(std::move(from), std::move(*data), std::move(*local)));
    }

    attachment(const attachment&) = delete;
    attachment& operator=(const attachment&) = delete;

    ~attachment() {
        const u64 own = at(local().identity).load(acquire);
        if (own != 0 && own != reader) {
            leave_lanes(own);
        }
        // Zero in a forked child that never attached: the parent's anchor is none of its business.
        void* anchor = reinterpret_cast<void*>(at(local().anchor).load(relaxed));
        data = posix::pages();
        if (anchor != nullptr) {
            { const posix::pages last = posix::pages::adopt(anchor, posix::page); }  // from here on it is dead
            if (!is_read_only() && !is_persistent()) {
                close_door();
            }
        }
        if (!is_file_ours()) {
            from.file.release();  // a daemon closed all descriptors and got this number for another file
        }
    }

    [[nodiscard]] std::byte* base() const noexcept { return data.start(); }
    [[nodiscard]] u64 size() const noexcept { return data.size(); }
    /// Brings all pages of the segment in.
    [[nodiscard]] posix::called<void> populate() const noexcept { return data.populate(!is_read_only()); }
    [[nodiscard]] bool is_read_only() const noexcept { return from.read_only; }
    [[nodiscard]] bool is_persistent() const noexcept { return from.persist; }
    [[nodiscard]] int file() const noexcept { return from.file.get(); }
    [[nodiscard]] const std::string& path() const noexcept { return from.path; }
    [[nodiscard]] u64 lane_count() const noexcept { return from.regions.count; }
    [[nodiscard]] lane_record* lanes() const noexcept {
        return reinterpret_cast<lane_record*>(base() + from.regions.lanes);
    }
    [[nodiscard]] participant* slots() const noexcept {
        return reinterpret_cast<participant*>(base() + from.regions.participants);
    }
    [[nodiscard]] local_header& local() const noexcept { return *reinterpret_cast<local_header*>(pages.start()); }
    [[nodiscard]] local_lane* local_lanes() const noexcept {
        return reinterpret_cast<local_lane*>(pages.start() + sizeof(local_header));
    }

    // ---- coming and going -------------------------------------------------------------------------------------------

    /// Attaches this process, if it is not: at open, and again in a forked child. Takes no lock of the process, so it is
    /// safe in a child forked from many threads.
    liveness::attached<void> attach(std::chrono::nanoseconds limit = liveness::patience) {
        if (at(local().stamp).load(acquire) != 0) {
            return {};
        }
        const auto deadline = liveness::clock::now() + limit;
        auto own = reopen(!is_read_only());
        if (!own) {
            return liveness::detail::system(own.error());
        }
        if (is_read_only()) {
            auto taken = liveness::take_reader(own->get(), deadline);
            return taken ? settle_in(own->get(), reader, no_lane) : taken;
        }
        const u32 slots_there = static_cast<u32>(lane_count());
        auto slot = liveness::take_slot(own->get(), slots_there, deadline, [this](u32 candidate) { renew(candidate); });
        if (!slot) {
            return unexpected{slot.error()};
        }
        auto anchor = posix::map_anchor(own->get());  // keeps the description, and the lock, from here on
        if (!anchor) {
            return liveness::detail::system(anchor.error());
        }
        const u64 word = move_in(*slot).word;
        u64 home = claim(word);
        if (home == no_lane) {
            recover();
            home = claim(word);
        }
        if (home == no_lane) {
            return unexpected{liveness::attach_failure{liveness::refused::full, 0}};
        }
        return settle_in(std::move(*anchor), word, home);
    }

    /// The identity of this process in the segment, attached first in a forked child; nobody where it cannot be, and for
    /// a read-only attachment.
    identity registered() {
        if (!attach()) {
            return {};
        }
        const u64 word = at(local().identity).load(acquire);
        return word == reader ? identity{} : identity{word};
    }

    /// Whether the segment's file still has a name.
    [[nodiscard]] bool is_linked() const {
        auto found = posix::stat(file());
        return found && found->links > 0;
    }

    /// Whether the attachment of that name may still store: its slot's byte is held, and not by a successor. What is
    /// dead stays dead; where the kernel cannot be asked, it is called alive.
    [[nodiscard]] bool alive(identity who) const {
        if (who.slot() >= lane_count()) {
            return false;  // nobody ever had such a slot
        }
        bool held = true;
        if (is_file_ours()) {
            auto found = posix::query(file(), liveness::slot(who.slot()));
            held = !found || found->has_value();
        } else if (auto again = reopen(false)) {
            auto found = posix::query(again->get(), liveness::slot(who.slot()));
            held = !found || found->has_value();
        }
        // Behind the question: who holds the byte had its generation before it had the byte.
        const u32 generation = at(slots()[who.slot()].generation).load(relaxed);  // ordered by the system call
        const bool same = generation == who.generation() || seeded(bug::ignore_generation);
        fence(acquire);  // what the dead stored is visible to who goes on from here
        return held && same;
    }

    /// Settles the lanes of all who are dead: what they had begun took effect once or not at all, what they held comes
    /// back, and their lanes are free. Nobody's progress needs it: it runs by itself when somebody attaches, runs out of
    /// lanes, claims a role or is about to sleep. Bounded.
    recovery recover() {
        recovery all;
        for (u64 passes = 0; passes <= lane_count(); ++passes) {
            const recovery pass = sweep_all();
            all.settled += pass.settled;
            all.later = pass.later;
            if (pass.later == 0 || pass.settled == 0) {
                break;  // else a lane that is settled now may say what became of one that was looked at before
            }
        }
        return all;
    }

    /// Counts an operation that met bytes which no program of ours leaves.
    void note_corrupt() noexcept { at(local().corrupt).fetch_add(1, relaxed); }  // a count

    // ---- lanes: see `lanes.hpp` -------------------------------------------------------------------------------------

    /// A lane for one operation of the calling thread; attaches first in a forked child. None where there is none to be
    /// had: a signal handler met its own thread's operation on the only lane left, a forked child found no free slot, or
    /// the attachment is read-only.
    inline lane_turn enter() noexcept;
    /// The calling thread's own lane, if it was on this attachment last, and the lane is not in use and not shared.
    inline lane_turn enter_own() noexcept;
    /// A lane of its own for a guard; not held where the segment has none left.
    inline guard_lane lease() noexcept;

  private:
    friend class guard_lane;

    /// The identity word of a read-only attachment, which has no slot.
    static constexpr u64 reader = ~u64{0};
    static constexpr u64 no_lane = ~u64{0};

    attachment(origin made, posix::pages mapped, posix::pages own)
        : from(std::move(made)), data(std::move(mapped)), pages(std::move(own)) {}

    liveness::attached<void> settle_in(int description, u64 word, u64 home) {
        auto anchor = posix::map_anchor(description);
        return anchor ? settle_in(std::move(*anchor), word, home) : liveness::detail::system(anchor.error());
    }

    /// Makes an identity this process's own. Another thread of a forked child may be doing the same: one of them wins,
    /// and the others wait for it to finish.
    liveness::attached<void> settle_in(posix::pages anchor, u64 word, u64 home) {
        local_header& own = local();
        u64 nobody = 0;
        if (at(own.identity).compare_exchange_strong(nobody, word, acq_rel, acquire)) {
            at(own.anchor).store(reinterpret_cast<u64>(anchor.release()), relaxed);  // read by the destructor only
            if (home != no_lane) {
                move_home(home);
            }
            at(own.stamp).store(next_stamp(), release);  // the identity and the home lane are there
            return {};
        }
        if (home != no_lane) {
            at(lanes()[home].owner).store(0, release);  // never used
        }
        anchor = posix::pages();  // and with it the slot
        for (int yields = 0; yields < 10'000; ++yields) {
            if (at(own.stamp).load(acquire) != 0) {
                return {};
            }
            posix::yield();
        }
        return unexpected{liveness::attach_failure{liveness::refused::closing, 0}};  // a handler in the middle of it
    }

    /// Counts registrations of this process, and never repeats in a forked child what its parent counted before.
    static u64 next_stamp() noexcept {
        static std::atomic<u64> stamps{1};
        return stamps.fetch_add(1, relaxed) << stamp_shift;  // only has to be unique
    }

    /// Gives a slot that nobody has, and nobody else can have now, its next generation.
    void renew(u32 slot) noexcept {
        u32& generation = slots()[slot].generation;
        at(generation).store(at(generation).load(relaxed) + 1, relaxed);  // only the holder of the door writes
    }

    /// Makes a slot whose byte is held this attachment's own.
    identity move_in(u32 slot) noexcept {
        participant& record = slots()[slot];
        const u32 generation = at(record.generation).load(relaxed);  // ours: see `renew`
        at(record.pid).store(static_cast<u32>(::getpid()), relaxed);  // for people
        at(record.flags).store(posix::register_barrier() ? 0 : 1, relaxed);  // read behind a heavy barrier
        return identity::of(slot, generation);
    }

    /// Whether the kept descriptor still leads to the segment.
    [[nodiscard]] bool is_file_ours() const {
        auto found = posix::stat(file());
        return found && found->is_same(from.status);
    }

    /// Opens the file as a new description: through the kept descriptor, or by name where that fails.
    [[nodiscard]] posix::called<posix::file> reopen(bool writable) const {
        const auto verified = [this](posix::called<posix::file> opened) -> posix::called<posix::file> {
            if (!opened) {
                return opened;
            }
            auto found = posix::stat(opened->get());
            return found && found->is_same(from.status) ? std::move(opened)
                                                        : posix::called<posix::file>(unexpected{posix::failure{ENOENT}});
        };
        auto again = verified(posix::reopen(file(), writable));
        return again ? std::move(again) : verified(posix::open(path(), writable));
    }

    /// Removes the segment's name if nobody else is attached. Nothing to be done about a failure: the name is a leftover
    /// then, as after a kill.
    void close_door() {
        if (auto own = reopen(true)) {
            (void)liveness::remove_if_deserted(own->get(), path());
        }
    }

    [[nodiscard]] memory::arena arena() const noexcept {
        const u64 structures = from.regions.lanes + lane_count() * sizeof(lane_record);
        return {base(), size(), structures, lanes(), lane_count()};
    }

    /// One pass over the lanes.
    recovery sweep_all() {
        recovery done;
        if (is_read_only()) {
            return done;
        }
        const u64 own = at(local().identity).load(relaxed);
        u64 known_alive = 0;
        for (u64 lane = 0; lane < lane_count(); ++lane) {
            const u64 owner = at(lanes()[lane].owner).load(acquire);  // (I): what the owner published before it died
            if (owner == 0 || owner == own || owner == known_alive) {
                continue;
            }
            const identity who{owner};
            if (!who.is_nobody() && alive(who)) {
                known_alive = owner;  // an attachment's lanes lie side by side as a rule
                continue;
            }
            (sweep(lane, owner) == settled::clean ? done.settled : done.later) += 1;
        }
        return done;
    }

    /// Settles one lane, under the lock byte of those who do: it is free again when we die.
    settled sweep(u64 lane, u64 owner) {
        auto description = reopen(true);
        if (!description) {
            return settled::later;
        }
        const int file = description->get();
        auto right = posix::try_exclusive(file, liveness::lane(lane));
        if (!right || !*right) {
            return settled::later;
        }
        settled done = settled::clean;
        if (at(lanes()[lane].owner).load(acquire) == owner) {  // else somebody else was faster
            done = settle_lane(arena(), lane);
            if (done == settled::clean) {
                exchange_if(lanes()[lane].owner, owner, u64{0}, acq_rel);  // to `claim`: the lane is idle
            }
        }
        (void)posix::unlock(file, liveness::lane(lane));  // closing would do it too, but for forked children
        return done;
    }

    inline lane_turn enter_known() noexcept;
    [[gnu::cold]] lane_turn enter_anew() noexcept;
    inline lane_turn start(u64 index, u32 thread) noexcept;
    inline lane_turn take_turn(u64 index, u32 thread) noexcept;
    inline u64 lane_of(u32 thread) const noexcept;
    inline u64 find_lane(u32 user) noexcept;
    inline u64 adopt(u32 user) noexcept;
    inline u64 inherit(u32 user) noexcept;
    inline u64 lease_new(u32 user) noexcept;
    inline u64 claim(u64 identity) noexcept;
    inline void move_home(u64 index) noexcept;
    inline void leave_lanes(u64 identity) noexcept;
    [[nodiscard]] u64 home() const noexcept { return at(local().home).load(relaxed); }  // set before the stamp was

    origin from;
    posix::pages data;
    posix::pages pages;
};

inline guard_lane::guard_lane(attachment* of, u64 index) noexcept
    : owner(of), number(index), stamp(at(of->local().stamp).load(relaxed)) {}

inline bool guard_lane::is_held() const noexcept {
    return owner != nullptr && at(owner->local().stamp).load(relaxed) == stamp;
}

inline guard_lane::~guard_lane() {
    if (is_held()) {
        at(owner->local_lanes()[number].user).store(0, release);  // to the next user's `adopt`
    }
}

}  // namespace shm::memory
