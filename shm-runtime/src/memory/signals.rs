//! What the operations on one structure signal to each other: elements that came back, and sleepers.
//!
//! Sleeping never loses a wake-up, whoever is killed and wherever (models: `models/event.rs`):
//!
//! - an operation *announces* itself in its lane's state, then looks at the flag; if it is set it bumps the
//!   event count, wakes all, clears the flag that it saw, and only then publishes;
//! - a sleeper sets the flag, runs a barrier on all processors, looks again for what it waits for *and* for
//!   announced operations, and sleeps only if there is neither.
//!
//! So a process killed between waking and publishing has published nothing, and one killed before it woke
//! anybody is still announced: the sleeper waits in short slices until it is recovered.
//! The classic order (publish, then wake) loses the wake-up when it is killed in between.

use super::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed, SeqCst},
    compiler_fence, fence,
};
use super::patience::PATIENCE;
use super::shared::impl_shared;
use crate::seeded::{Bug, seeded};
use core::time::Duration;
use std::time::Instant;
use zerocopy::FromZeros;

/// How long a sleeper sleeps while an operation is under way, or where there is no barrier.
pub const SLICE: Duration = Duration::from_millis(1);
/// How long it sleeps otherwise before it looks again: nothing is lost without it, unless a hostile
/// process clears the flag.
pub const ROUND: Duration = Duration::from_millis(500);
/// Attempts before a waiting operation sleeps.
const SPINS: usize = 64;

/// An event count and the flag of those who sleep on it.
#[derive(Debug, FromZeros)]
#[repr(C)]
pub struct Event {
    /// The futex word: bumped by two by every waker, so it is even.
    count: AtomicU32,
    /// Zero: nobody sleeps. Else a stamp: the count that the last sleeper saw, made odd. No two counts share
    /// one, so that a waker who clears the stamp that it saw never clears a later sleeper's.
    flag: AtomicU32,
}

impl_shared!(impl[] Event { count, flag });

/// A structure's signals: one line, mostly read.
#[derive(Debug, FromZeros)]
#[repr(C, align(128))]
pub struct Signals {
    /// `count << 1 | pending`: whether a lane's shelf may hold a returned element.
    returned: AtomicU64,
    /// For those who wait for elements.
    pub filled: Event,
    /// For those who wait for room.
    pub emptied: Event,
    /// Not zero once somebody has waited for elements: see `structures::spsc`, which announces nothing before.
    pub filled_awaited: AtomicU32,
    /// The same for room.
    pub emptied_awaited: AtomicU32,
    reserved: [AtomicU64; 12],
}

impl_shared!(impl[] Signals {
    returned, filled, emptied, filled_awaited, emptied_awaited, reserved
});
static_assertions::const_assert_eq!(size_of::<Signals>(), 128);

/// What waiting needs of the system.
pub trait Kernel {
    /// Sleeps while `word` holds `expected`, at most for `limit`.
    fn sleep(&self, word: &AtomicU32, expected: u32, limit: Duration);
    /// Wakes all who sleep on `word`.
    fn wake_all(&self, word: &AtomicU32);
    /// A barrier on every processor that runs a participant; false where there is none.
    fn heavy_barrier(&self) -> bool;
    /// Whether this participant must fence for itself, because the sleepers' barrier does not reach it.
    fn fences(&self) -> bool;
}

impl Event {
    /// Wakes the sleepers, if there are any: between announcing an operation and publishing it.
    #[inline(always)]
    pub fn ring(&self, kernel: &impl Kernel) {
        if kernel.fences() && !seeded(Bug::NoFenceBeforeFlag) {
            fence(SeqCst); // Dekker with `prepare`: announced before the flag is read
        } else {
            compiler_fence(SeqCst); // the same; the sleeper's barrier stands in for the fence
        }
        let stamp = self.flag.load(Relaxed); // a hint; ordered by the barrier
        if stamp != 0 {
            self.wake(stamp, kernel);
        }
    }

    /// As [`Self::ring`], where that would take more than a look: false, and nothing was done, where somebody sleeps
    /// or this participant has to fence. Then the caller takes its announcement back, and rings another time.
    #[inline(always)]
    pub fn is_quiet(&self, kernel: &impl Kernel) -> bool {
        if kernel.fences() {
            return false;
        }
        compiler_fence(SeqCst); // Dekker with `prepare`: the sleeper's barrier stands in for a fence
        self.flag.load(Relaxed) == 0 // a hint; ordered by the barrier
    }

    #[cold]
    #[inline(never)]
    fn wake(&self, stamp: u32, kernel: &impl Kernel) {
        if seeded(Bug::ClearFlagFirst) {
            self.flag.store(0, Relaxed);
        }
        self.count.fetch_add(2, AcqRel); // a sleeper that has not slept yet will not
        kernel.wake_all(&self.count);
        // only the stamp that was seen: a later sleeper's stays
        let _ = self.flag.compare_exchange(stamp, 0, AcqRel, Relaxed);
    }

    /// Whether the next operation will wake the sleepers.
    #[cfg(test)]
    pub fn is_flagged(&self) -> bool {
        self.flag.load(Relaxed) != 0
    }

    /// Sets the flag to `stamp`, unless a newer stamp is there.
    ///
    /// A sleeper that comes late with an old count must not overwrite the stamp of one who sleeps already: the
    /// waker who saw the old stamp before would then clear it. It will not sleep itself, as its count is old.
    fn set_flag(&self, stamp: u32) {
        let mut now = self.flag.load(Relaxed);
        for _ in 0..PATIENCE {
            let newer = now != 0 && now.wrapping_sub(stamp).cast_signed() > 0;
            if newer && !seeded(Bug::OldStampWins) {
                return;
            }
            match self.flag.compare_exchange(now, stamp, SeqCst, Relaxed) {
                Ok(_) => return,
                Err(changed) => now = changed, // another sleeper or waker: progress
            }
        }
    }

    /// One round of waiting, at most for `limit`: sleeps if there is nothing to do and nothing announced.
    ///
    /// The caller tries its operation again after each round. `announced` tells whether an operation that
    /// would end the wait is under way, `blocked` whether there is nothing to do; `recover` settles the
    /// dead, so that only the living are seen announced.
    pub fn wait_round(
        &self,
        kernel: &impl Kernel,
        limit: Duration,
        recover: impl FnOnce(),
        announced: impl FnOnce() -> bool,
        blocked: impl FnOnce() -> bool,
    ) {
        let count = self.count.load(Acquire);
        let stamp = if seeded(Bug::StampsCollide) {
            (count / 2 + 1) | 1
        } else {
            count | 1
        };
        self.set_flag(stamp);
        let barrier = kernel.heavy_barrier(); // Dekker with `ring`: the flag before the looks below
        if !seeded(Bug::NoFenceBehindFlag) {
            fence(SeqCst); // the same, for those who fence themselves
        }
        recover();
        let limit = if !seeded(Bug::IgnoreAnnounced) && announced() {
            limit.min(SLICE)
        } else if barrier {
            limit.min(ROUND)
        } else {
            limit.min(SLICE)
        };
        // the last look: whoever read the flag before it was set was announced then, and is done by now
        if blocked() {
            kernel.sleep(&self.count, count, limit);
        }
    }
}

/// Tries until `attempt` succeeds or the time is up, with a `round` of waiting in between, which gets what
/// is left of the time and ends the wait by returning false.
pub fn wait_until<R>(
    timeout: Duration,
    mut attempt: impl FnMut() -> Option<R>,
    mut round: impl FnMut(Duration) -> bool,
) -> Option<R> {
    for _ in 0..SPINS {
        if let Some(done) = attempt() {
            return Some(done);
        }
        core::hint::spin_loop();
    }
    let deadline = Instant::now().checked_add(timeout);
    loop {
        let left = deadline.map_or(Duration::MAX, |end| {
            end.saturating_duration_since(Instant::now())
        });
        if let Some(done) = attempt() {
            return Some(done);
        }
        if left.is_zero() || !round(left) {
            return None;
        }
    }
}

impl Signals {
    /// Whether a returned element may be on a shelf: the value to [`Signals::clear_returned`] with.
    #[inline(always)]
    pub fn returned(&self) -> Option<u64> {
        let word = self.returned.load(Acquire); // (A) of the shelf: the element is visible
        (word & 1 == 1).then_some(word)
    }

    /// Says that an element is about to be on a shelf.
    pub fn set_returned(&self) {
        let mut word = self.returned.load(Relaxed);
        for _ in 0..PATIENCE {
            let next = (word | 1).wrapping_add(2); // the count tells this return from the one before
            match self.returned.compare_exchange(word, next, AcqRel, Relaxed) {
                Ok(_) => return,
                Err(now) => word = now, // somebody else's return or clearing: progress
            }
        }
    }

    /// Takes the hint back, if nothing was returned since `seen`: after a look at every shelf.
    pub fn clear_returned(&self, seen: u64) {
        if seeded(Bug::ClearHintBlindly) {
            self.returned.store(0, Relaxed);
            return;
        }
        let _ = self
            .returned
            .compare_exchange(seen, seen & !1, AcqRel, Relaxed);
    }
}
