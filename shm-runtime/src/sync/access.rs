//! How this process reads and writes under a reader-writer lock, over the lock's parts: one text for the typed
//! handle and for the one without a schema.
//!
//! The algorithms are in [`super::lock`] (the writer) and [`super::readers`].

use super::lock::LockLine;
use super::ownership::{self, Ownership, round};
use super::readers::Readers;
use crate::memory::atomic::AtomicU64;
use crate::memory::attachment::Attachment;
use crate::memory::kernel::Linux;
use crate::memory::padded::Padded;
use crate::memory::participant::Identity;
use crate::memory::signals::{Event, wait_until};
use crate::memory::site::Site;
use crate::seeded::{Bug, seeded};
use core::sync::atomic::Ordering::Relaxed;
use core::time::Duration;
use std::time::Instant;

/// Attempts to read before a caller is told that a writer has the lock.
const TRIES: usize = 64;

/// The parts of a lock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access<'a> {
    /// The writer's word, and the sleep of those who wait for it.
    pub(crate) writer: &'a Site<LockLine>,
    /// The sleep of the writer who waits for readers.
    pub(crate) left: &'a Event,
    /// A word for each slot.
    pub(crate) readers: &'a [Padded<AtomicU64>],
}

impl<'a> Access<'a> {
    fn attachment(&self) -> &'a Attachment {
        self.writer.attachment()
    }

    fn counts(&self) -> Readers<'a, &'a Attachment, Linux> {
        Readers {
            words: self.readers,
            left: self.left,
            owners: self.attachment(),
            kernel: Linux,
        }
    }

    fn stamp(&self) -> u64 {
        self.attachment().local().stamp.load(Relaxed) // this process's own
    }

    /// Counts a reader, if there is no writer.
    fn enter(&self) -> Option<Reading<'a>> {
        let me = self.attachment().own()?;
        let now = self.counts().read(me, &ownership::lock(self.writer))?;
        Some(Reading {
            access: *self,
            me,
            stamp: self.stamp(),
            doubtful: now.is_doubtful(),
        })
    }

    /// Counts a reader, and waits up to `timeout` until there is no writer.
    pub(crate) fn read_wait(&self, timeout: Duration) -> Option<Reading<'a>> {
        let writer = ownership::lock(self.writer);
        let entered = wait_until(
            timeout,
            || self.enter(),
            |left| {
                round(self.attachment(), |me| writer.wait_round(me, left));
                true
            },
        );
        entered.or_else(|| self.try_read()) // whatever the time was
    }

    /// Counts a reader, if there is no writer who lives.
    pub(crate) fn try_read(&self) -> Option<Reading<'a>> {
        for _ in 0..TRIES {
            let entered = self.enter();
            if entered.is_some() {
                return entered;
            }
            let me = ownership::me(self.attachment())?;
            if !ownership::lock(self.writer).sweep(me) {
                return None;
            }
        }
        None
    }

    /// Whether there are no readers who live.
    fn is_clear(&self) -> bool {
        let counts = self.counts();
        counts.is_clear() || {
            counts.sweep();
            counts.is_clear()
        }
    }

    /// Waits until the readers are gone; the lock's word is ours.
    fn drain(&self, writer: Ownership<'a>, timeout: Duration) -> Option<Ownership<'a>> {
        let counts = self.counts();
        let clear = wait_until(
            timeout,
            || counts.is_clear().then_some(()),
            |left| {
                counts.wait_round(left);
                true
            },
        );
        // whatever the time was: nobody is told that the dead read
        if clear.is_none() && !self.is_clear() {
            if seeded(Bug::KeepWriter) {
                core::mem::forget(writer);
            }
            return None; // and drops the writer
        }
        Some(writer)
    }

    /// Locks for writing, if nobody who lives has the lock.
    pub(crate) fn try_write(&self) -> Option<Ownership<'a>> {
        let writer = Ownership::acquire(self.writer)?;
        self.is_clear().then_some(writer) // or drops the writer
    }

    /// Locks for writing, and waits up to `timeout`.
    pub(crate) fn write_wait(&self, timeout: Duration) -> Option<Ownership<'a>> {
        let end = Instant::now().checked_add(timeout);
        let writer = Ownership::acquire_wait(self.writer, timeout, || false)?;
        let left = end.map_or(Duration::MAX, |end| {
            end.saturating_duration_since(Instant::now())
        });
        self.drain(writer, left)
    }

    /// How many readers there are, those of the dead that no writer has met yet included.
    pub(crate) fn count(&self) -> usize {
        self.counts().count()
    }
}

/// A reader that is counted; dropping it takes it off.
///
/// In a forked child it is void: the parent reads.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    access: Access<'a>,
    me: Identity,
    stamp: u64,
    doubtful: bool,
}

impl Reading<'_> {
    /// Whether this process is still counted.
    #[inline]
    pub(crate) fn is_held(&self) -> bool {
        self.access.stamp() == self.stamp
    }

    /// Whether a writer died or panicked in the middle of something that nobody has settled.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.doubtful
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        if self.is_held() && !self.access.counts().leave(self.me) {
            ownership::note_corrupt(self.access.writer); // it is not counted any more
        }
    }
}
