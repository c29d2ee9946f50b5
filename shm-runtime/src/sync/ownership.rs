//! A lock that this process holds, and how it waits for one: what the guards of `Mutex`, `RwLock` and a run
//! of `Once` have in common.

use super::lock::{After, Held, Lock, LockLine};
use crate::memory::attachment::Attachment;
use crate::memory::kernel::Linux;
use crate::memory::owner::Tag;
use crate::memory::signals::{SLICE, wait_until};
use crate::memory::site::Site;
use crate::seeded::{Bug, seeded};
use core::sync::atomic::Ordering::Relaxed;
use core::time::Duration;

/// Who this process is; `None` in a forked child for which the segment has no place.
pub(super) fn me(attachment: &Attachment) -> Option<Tag> {
    attachment.own().map(Tag::of)
}

/// One round of waiting as whoever this process is; in a forked child for which there is no place it waits
/// for one.
pub(super) fn round(attachment: &Attachment, wait: impl FnOnce(Tag)) {
    match me(attachment) {
        Some(me) => wait(me),
        None => std::thread::sleep(SLICE),
    }
}

/// Notes that the bytes at a structure's start are such as no program of ours leaves.
#[cold]
pub(super) fn note_corrupt<R>(site: &Site<R>) {
    site.attachment().local().note_corrupt(site.offset());
}

/// The algorithm over a lock's bytes.
pub(super) fn lock(line: &Site<LockLine>) -> Lock<'_, &Attachment, Linux> {
    Lock {
        line,
        owners: line.attachment(),
        kernel: Linux,
    }
}

/// A lock that is held; dropping it unlocks.
///
/// In a forked child it is void: the parent has the lock.
#[derive(Debug)]
pub(crate) struct Ownership<'a> {
    line: &'a Site<LockLine>,
    held: Held,
    stamp: u64,
    doubtful: bool,
    /// Whether the thread was panicking already when it locked.
    panicking: bool,
}

impl<'a> Ownership<'a> {
    fn new(line: &'a Site<LockLine>, held: Held) -> Self {
        Self {
            line,
            held,
            stamp: stamp(line),
            doubtful: held.is_doubtful(),
            panicking: std::thread::panicking(),
        }
    }

    /// Locks, if it is free or a dead one's.
    pub(crate) fn acquire(line: &'a Site<LockLine>) -> Option<Self> {
        let held = lock(line).acquire(me(line.attachment())?)?;
        Some(Self::new(line, held))
    }

    /// Locks, and waits up to `timeout`, or until `is_over`.
    pub(crate) fn acquire_wait(
        line: &'a Site<LockLine>,
        timeout: Duration,
        is_over: impl Fn() -> bool,
    ) -> Option<Self> {
        let attachment = line.attachment();
        let attempt = || lock(line).acquire_free(me(attachment)?);
        let held = wait_until(timeout, attempt, |left| {
            round(attachment, |me| lock(line).wait_round(me, left));
            !is_over()
        });
        // whatever the time was: nobody is told that a dead one has it
        let held = match held {
            None if !seeded(Bug::BlindLastLook) => lock(line).acquire(me(attachment)?),
            held => held,
        };
        held.map(|held| Self::new(line, held))
    }

    /// Whether this process still has the lock.
    #[inline]
    pub(crate) fn is_held(&self) -> bool {
        stamp(self.line) == self.stamp && lock(self.line).holds(self.held)
    }

    /// Whether an owner died or panicked in the middle of something that nobody has settled.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.doubtful
    }

    /// Says that what the lock protects is in order.
    pub(crate) fn settle(&mut self) {
        self.doubtful = false;
    }

    /// Unlocks.
    pub(crate) fn finish(self, after: After) {
        self.release(after);
        core::mem::forget(self); // borrows only
    }

    fn release(&self, after: After) {
        if stamp(self.line) == self.stamp && !lock(self.line).release(self.held, after) {
            note_corrupt(self.line); // somebody took it from the living
        }
    }
}

impl Drop for Ownership<'_> {
    fn drop(&mut self) {
        let panics = !self.panicking && std::thread::panicking();
        self.release(match self.doubtful || panics {
            true => After::Doubtful,
            false => After::Sound,
        });
    }
}

/// Another number in every process: see `LocalHeader::stamp`.
#[inline]
fn stamp(line: &Site<LockLine>) -> u64 {
    line.attachment().local().stamp.load(Relaxed) // this process's own
}
