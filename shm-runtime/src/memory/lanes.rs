//! Which lane an operation runs on.
//!
//! Every attachment leases a home lane when it attaches. A thread that operates for the first time takes it,
//! or leases another from the segment, and remembers it; from then on [`Attachment::enter`] costs a
//! few loads and stores on lines that are private to the thread.
//!
//! A lane does one operation at a time. Whoever finds its lane in use (a signal handler inside an
//! operation) gets another one for the time being; a guard (a loan, a taken element) has one of its own,
//! so that several may live per thread and move to others. Where the segment has no lane left, threads
//! take turns on the home lane, and a handler that meets its own operation there gets none.
//!
//! Leasing takes no lock and allocates nothing, so that it may happen in a signal handler. The lanes of
//! threads that ended are found by asking the kernel whether the thread is there.
//!
//! # Ordering
//!
//! All of this is local to the process. `user` hands a lane from one thread to the next (Release/Acquire);
//! `busy` orders an operation against handlers of the same thread, for which a compiler fence is enough.

use super::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use super::atomic::compiler_fence;
use super::attachment::Attachment;
use super::lane::Phase;
use super::local::{BEING_SHARED, LocalLane, SHARED, STAMP_SHIFT, TEMPORARY};
use crate::posix::barrier;
use crate::posix::process::{thread_id, thread_is_alive, yield_now};
use crate::seeded::{Bug, seeded};
use core::cell::Cell;

/// Attachments that a thread remembers its lanes of.
const REMEMBERED: usize = 4;
/// Turns that a thread waits for before it lets others run.
const SPINS: usize = 64;

/// Operations of a thread that takes turns, before it looks for a lane of its own again.
const PATIENCE: u32 = 1024;

/// A thread's lane in an attachment: `stamp | lane`. One word, so that a signal handler never sees half of it.
#[derive(Clone, Copy)]
struct Remembered(u64);

impl Remembered {
    /// Of no attachment: its lane does not exist.
    const NONE: Self = Self(NO_LANE);

    const fn new(stamp: u64, lane: usize) -> Self {
        Self(stamp | lane as u64)
    }

    /// The lane, if that is the attachment's stamp.
    #[inline(always)]
    const fn lane(self, stamp: u64) -> Option<usize> {
        // from this word alone, so that a processor need not wait for the stamp to know the lane
        let (known, lane) = (self.0 & !NO_LANE, self.0 & NO_LANE);
        if known == stamp {
            Some(lane as usize)
        } else {
            None
        }
    }
}

/// The lower bits of a stamp are zero, so that a lane fits into them.
const NO_LANE: u64 = (1 << STAMP_SHIFT) - 1;
static_assertions::const_assert!(NO_LANE >= super::word::MAX_LANES as u64);

thread_local! {
    /// The lane that the thread was on last: found without knowing of which attachment.
    static LAST: Cell<Remembered> = const { Cell::new(Remembered::NONE) };
    /// Its lanes in the attachments that it was on before, by their stamps.
    static LANES: [Cell<Remembered>; REMEMBERED] =
        const { [const { Cell::new(Remembered::NONE) }; REMEMBERED] };
    /// The thread's id; known wherever `LAST` is.
    static THREAD: Cell<u32> = const { Cell::new(0) };
    /// The attachment that had no lane left for this thread, and how many operations ago.
    static DENIED: Cell<(u64, u32)> = const { Cell::new((0, 0)) };
}

/// The right to run one operation on a lane.
#[derive(Debug)]
pub struct Lane<'a> {
    local: &'a LocalLane,
    index: u32,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The thread's own lane.
    Own,
    /// A lane for one operation of a handler.
    Temporary,
    /// A turn on the shared home lane.
    Turn,
}

impl Lane<'_> {
    /// The lane's number.
    #[inline(always)]
    pub fn index(&self) -> usize {
        self.index as usize
    }
}

impl Drop for Lane<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        compiler_fence(SeqCst); // the operation is over before a handler may use the lane
        match self.kind {
            Kind::Own => self.local.busy.store(0, Relaxed), // for handlers of this thread, and `take_turn`
            Kind::Temporary => self.local.user.store(0, Release), // to the next user's `adopt`
            Kind::Turn => self.local.turn.store(0, Release), // to the next turn
        }
    }
}

/// A lane of a guard: it stays with the guard, whichever thread has it.
#[derive(Debug)]
pub struct GuardLane<'a> {
    attachment: &'a Attachment,
    index: u32,
    stamp: u64,
}

impl GuardLane<'_> {
    /// The lane's number; `None` in a forked child, where the guards of the parent are void.
    #[inline(always)]
    pub fn index(&self) -> Option<usize> {
        let valid = self.attachment.local().stamp.load(Relaxed) == self.stamp;
        (valid || seeded(Bug::GuardOutlivesFork)).then_some(self.index as usize)
    }
}

impl Drop for GuardLane<'_> {
    fn drop(&mut self) {
        if let Some(local) = self
            .index()
            .and_then(|lane| self.attachment.local_lanes().get(lane))
        {
            local.user.store(0, Release); // to the next user's `adopt`
        }
    }
}

impl Attachment {
    /// A lane for one operation of the calling thread; attaches first in a forked child.
    ///
    /// `None` where there is none to be had: a signal handler met its own thread's operation on the only
    /// lane left, a forked child found no free slot, or the attachment is read-only.
    #[inline(always)]
    pub fn enter(&self) -> Option<Lane<'_>> {
        self.enter_own().or_else(|| self.enter_slowly())
    }

    /// The calling thread's own lane, if it was on this attachment last, and the lane is not in use and not shared:
    /// then all that is left of a [`Lane`] in the caller's code is one store. `None` says to try
    /// [`Attachment::enter_slowly`].
    #[inline(always)]
    pub fn enter_own(&self) -> Option<Lane<'_>> {
        let lane = LAST.get().lane(self.local().stamp.load(Relaxed))?;
        let local = self.local_lanes().get(lane)?; // not attached: no such lane
        if local.busy.load(Relaxed) == 0 {
            local.busy.store(THREAD.get(), Relaxed);
            compiler_fence(SeqCst); // in use before anything of the operation; `take_turn`'s barrier
            if local.shared.load(Relaxed) == 0 {
                return Some(Lane {
                    local,
                    index: lane as u32,
                    kind: Kind::Own,
                });
            }
            local.busy.store(0, Relaxed);
        }
        None
    }

    /// As [`Attachment::enter_own`], where the thread was on another attachment last.
    #[inline]
    fn enter_known(&self) -> Option<Lane<'_>> {
        let stamp = self.local().stamp.load(Relaxed);
        let known = LANES.with(|lanes| lanes[Self::remembered(stamp)].get());
        known.lane(stamp)?;
        LAST.set(known);
        self.enter_own()
    }

    const fn remembered(stamp: u64) -> usize {
        (stamp >> STAMP_SHIFT) as usize % REMEMBERED
    }

    /// As [`Attachment::enter`], where the calling thread has no lane yet, or not at the moment.
    #[inline(never)]
    pub fn enter_slowly(&self) -> Option<Lane<'_>> {
        self.enter_known().or_else(|| self.enter_anew())
    }

    #[cold]
    #[inline(never)]
    fn enter_anew(&self) -> Option<Lane<'_>> {
        if self.is_read_only() {
            return None;
        }
        if self.local().stamp.load(Acquire) == 0 && self.register().is_err() {
            return None;
        }
        let thread = thread_id();
        if let Some(index) = self.lane_of(thread) {
            if !self.local_lanes()[index].is_inside(thread) {
                return self.start(index, thread);
            }
            return match self.find_lane(TEMPORARY) {
                Some(index) => Some(Lane {
                    local: &self.local_lanes()[index],
                    index: index as u32,
                    kind: Kind::Temporary,
                }),
                None => self.take_turn(self.home(), thread),
            };
        }
        let stamp = self.local().stamp.load(Relaxed);
        let (denied, since) = DENIED.get();
        if denied == stamp && since < PATIENCE {
            DENIED.set((stamp, since + 1));
            return self.take_turn(self.home(), thread);
        }
        if let Some(index) = self.find_lane(thread) {
            return self.start(index, thread);
        }
        DENIED.set((stamp, 0)); // looking costs system calls: not for every operation
        self.take_turn(self.home(), thread)
    }

    /// Remembers the thread's lane and begins an operation on it; a turn, where the lane is shared.
    fn start(&self, index: usize, thread: u32) -> Option<Lane<'_>> {
        let stamp = self.local().stamp.load(Relaxed);
        let known = Remembered::new(stamp, index);
        THREAD.set(thread); // before `LAST`, for handlers and in a forked child
        compiler_fence(SeqCst);
        LANES.with(|lanes| lanes[Self::remembered(stamp)].set(known));
        LAST.set(known);
        let local = &self.local_lanes()[index];
        local.busy.store(thread, Relaxed);
        compiler_fence(SeqCst); // as in `enter`
        if local.shared.load(Relaxed) != 0 {
            local.busy.store(0, Relaxed);
            return self.take_turn(index, thread);
        }
        Some(Lane {
            local,
            index: index as u32,
            kind: Kind::Own,
        })
    }

    /// A lane of its own for a guard; `None` where the segment has none left.
    pub fn lease(&self) -> Option<GuardLane<'_>> {
        if self.is_read_only() {
            return None;
        }
        if self.local().stamp.load(Acquire) == 0 && self.register().is_err() {
            return None;
        }
        let index = self.find_lane(TEMPORARY)? as u32;
        Some(GuardLane {
            attachment: self,
            index,
            stamp: self.local().stamp.load(Relaxed),
        })
    }

    fn home(&self) -> usize {
        self.local().home.load(Relaxed) as usize // set before the stamp was
    }

    fn lane_of(&self, thread: u32) -> Option<usize> {
        self.local_lanes()
            .iter()
            .position(|local| local.user.load(Relaxed) == thread)
    }

    /// Finds a lane for `user`: one on lease that nobody uses, one of a thread that ended, or a new one.
    fn find_lane(&self, user: u32) -> Option<usize> {
        self.adopt(user)
            .or_else(|| self.inherit(user))
            .or_else(|| self.lease_new(user))
            .or_else(|| {
                self.recover();
                self.lease_new(user)
            })
    }

    /// Takes a lane that is on lease and that nobody uses. The home lane is kept for threads.
    fn adopt(&self, user: u32) -> Option<usize> {
        let lanes = self.local_lanes().iter().enumerate();
        let mut idle = lanes.filter(|(index, local)| {
            local.leased.load(Acquire) == 1 && (user != TEMPORARY || *index != self.home())
        });
        idle.find(|(_, local)| {
            let free = local.user.load(Relaxed) == 0;
            free && local
                .user
                .compare_exchange(0, user, AcqRel, Relaxed)
                .is_ok()
        })
        .map(|(index, _)| index)
    }

    /// Takes over the lane of a thread that ended outside of an operation.
    fn inherit(&self, user: u32) -> Option<usize> {
        let lanes = self.local_lanes().iter().enumerate();
        let mut left = lanes.filter(|(index, _)| user != TEMPORARY || *index != self.home());
        left.find(|(_, local)| {
            let former = local.user.load(Relaxed);
            former != 0
                && former != TEMPORARY
                && local.busy.load(Relaxed) == 0
                && !thread_is_alive(former)
                && local
                    .user
                    .compare_exchange(former, user, AcqRel, Relaxed)
                    .is_ok()
        })
        .map(|(index, _)| index)
    }

    /// Leases a free lane from the segment.
    fn lease_new(&self, user: u32) -> Option<usize> {
        let index = self.claim(self.local().identity.load(Relaxed))?;
        let local = &self.local_lanes()[index];
        local.user.store(user, Relaxed); // published with `leased`
        local.leased.store(1, Release); // to `adopt`
        Some(index)
    }

    /// Claims a free lane for an identity. A free lane is idle: whoever frees one has settled it.
    pub(super) fn claim(&self, identity: u64) -> Option<usize> {
        let lanes = self.lanes();
        let start = identity as u32 as usize; // the slot: so that processes do not all try the same first
        let mut order = (0..lanes.len()).map(|step| (start + step) % lanes.len());
        order.find(|&index| {
            let owner = &lanes[index].owner;
            owner.load(Relaxed) == 0 && owner.compare_exchange(0, identity, AcqRel, Relaxed).is_ok()
        })
    }

    /// Makes a claimed lane the home lane; before the stamp is set.
    pub(super) fn move_home(&self, index: usize) {
        let local = &self.local_lanes()[index];
        if barrier::is_refused() {
            local.shared.store(SHARED, Relaxed); // no barrier to begin with later; published with `leased`
        }
        self.local().home.store(index as u32, Relaxed);
        local.leased.store(1, Release); // to `adopt`
    }

    /// A turn on a lane that threads share because there are too few.
    ///
    /// The first to come says so, and a barrier on all threads of the process makes sure that the lane's own
    /// thread either sees it or is seen busy. From then on every operation there takes a turn. Who comes
    /// while the first waits for its barrier has one of its own.
    fn take_turn(&self, index: usize, thread: u32) -> Option<Lane<'_>> {
        let local = &self.local_lanes()[index];
        if local.is_inside(thread) {
            return None; // a handler inside this thread's own operation: it would wait for itself
        }
        if local.shared.load(Acquire) != SHARED {
            local.shared.store(BEING_SHARED, SeqCst);
            barrier::private(); // Dekker with `enter`: `shared` before our look at `busy`
            local.shared.store(SHARED, Release); // to those who then need no barrier
        }
        let mut spins = 0;
        let mut pause = || {
            spins += 1;
            if spins % SPINS == 0 {
                yield_now()
            } else {
                core::hint::spin_loop()
            }
        };
        while local
            .turn
            .compare_exchange(0, thread, AcqRel, Relaxed)
            .is_err()
        {
            pause(); // another thread of this process has its turn
        }
        while local.busy.load(Acquire) != 0 {
            pause(); // the lane's own thread ends the operation that it began before
        }
        Some(Lane {
            local,
            index: index as u32,
            kind: Kind::Turn,
        })
    }

    /// Gives all lanes back. One whose guard was forgotten keeps its phase, and is settled as if its owner
    /// had died.
    pub(super) fn leave_lanes(&self, identity: u64) {
        for record in self.lanes() {
            if record.owner.load(Relaxed) == identity && record.state().phase() == Phase::Idle {
                record.owner.store(0, Release); // to `claim`
            }
        }
    }
}
