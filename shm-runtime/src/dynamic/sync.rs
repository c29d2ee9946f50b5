//! Blocking primitives: those that are simple without their schema. [`RwLock`](super::RwLock) and
//! [`Barrier`](super::Barrier) have files of their own.
//!
//! `Once` and `Signal` have no parameters, so their typed handles do; a mutex's value is bytes here, and a
//! semaphore's permits are counted at run time.

use super::element::ElementType;
use super::place::Place;
use super::words::{assert_size, cells};
use crate::error::{FieldError, Timeout};
use crate::layout::Field;
use crate::layout::bind::{Binder, Found};
use crate::memory::atomic::AtomicU64;
use crate::memory::attachment::Attachment;
use crate::memory::kernel::Linux;
use crate::memory::leases::{self, Leases};
use crate::memory::owner::Tag;
use crate::memory::signals::{Event, SLICE, wait_until};
use crate::memory::site::Site;
use crate::memory::strided::Run;
use crate::sync::lock::{LockLine, LockWord};
use crate::sync::ownership::Ownership;
use core::sync::atomic::Ordering::Relaxed;
use core::time::Duration;

/// The typed handle of a structure without parameters.
pub(super) fn typed<F: Field>(place: Place<'_>) -> Result<F, FieldError> {
    let field = &place.field;
    let table = [Found {
        name: field.name().to_owned(),
        offset: field.offset(),
        size: field.size(),
    }];
    // A size that is a multiple of 64 is the same in any unit.
    let bound = Binder::new(place.attachment(), &table, 1).field::<F, 0>(field.name());
    bound.map_err(|why| FieldError::Place {
        segment: place.segment.name().to_owned(),
        field: field.name().to_owned(),
        why: why.to_string(),
    })
}

/// The handle of a [`Mutex`](crate::sync::Mutex): its value as bytes, by the algorithm of the typed handle.
///
/// # Progress
///
/// Blocking: an owner who is stopped holds up all who wait. A death holds nobody up for longer than 50 ms.
#[derive(Clone, Debug)]
pub struct Mutex {
    line: Site<LockLine>,
    value: Run,
    element: ElementType,
}

impl Mutex {
    pub(super) fn bind(place: Place<'_>) -> Result<Self, FieldError> {
        let element = place.field.element().clone();
        Ok(Self {
            line: place.at(0)?,
            value: place.run(0, element.size())?,
            element,
        })
    }

    /// What the value is.
    pub const fn element(&self) -> &ElementType {
        &self.element
    }

    /// How often it was locked since it is there. Wraps around behind 2³⁴ times.
    pub fn locked(&self) -> u64 {
        let word = self.line.word.load(Relaxed); // a number for people
        LockWord::from_bits(word).generation()
    }

    /// Locks, if nobody who lives has the lock.
    ///
    /// # Panics
    ///
    /// Where the segment is open read-only.
    #[track_caller]
    pub fn try_lock(&self) -> Option<MutexGuard<'_>> {
        self.line.assert_writable();
        let lock = Ownership::acquire(&self.line)?;
        Some(MutexGuard { mutex: self, lock })
    }

    /// Locks, and waits up to `timeout`.
    ///
    /// # Errors
    ///
    /// [`Timeout`] where somebody who lives had the lock all the time.
    ///
    /// # Panics
    ///
    /// Where the segment is open read-only.
    #[track_caller]
    pub fn lock_wait(&self, timeout: Duration) -> Result<MutexGuard<'_>, Timeout> {
        self.line.assert_writable();
        let lock = Ownership::acquire_wait(&self.line, timeout, || false);
        let lock = lock.ok_or(Timeout)?;
        Ok(MutexGuard { mutex: self, lock })
    }
}

/// A mutex that this attachment has locked; dropping it unlocks.
#[derive(Debug)]
#[must_use = "a lock whose guard is dropped is unlocked"]
pub struct MutexGuard<'a> {
    mutex: &'a Mutex,
    lock: Ownership<'a>,
}

impl MutexGuard<'_> {
    /// Whether an owner died with the lock, so that the value may be half changed, and nobody has called
    /// [`mark_consistent`](Self::mark_consistent) since.
    pub fn is_doubtful(&self) -> bool {
        self.lock.is_doubtful()
    }

    /// Says that the value is in order.
    pub fn mark_consistent(&mut self) {
        self.lock.settle();
    }

    #[track_caller]
    fn assert_value(&self, bytes: usize) {
        let Mutex { line, element, .. } = self.mutex;
        assert_size(line.name(), "value", bytes, element.size());
    }

    /// Copies the value into `out`; zeros in a forked child.
    ///
    /// # Panics
    ///
    /// Where `out` has another size than the value.
    #[track_caller]
    pub fn read_into(&self, out: &mut [u8]) {
        self.assert_value(out.len());
        if !self.lock.is_held() || !self.mutex.value.load(0, cells(out)) {
            out.fill(0);
        }
    }

    /// Overwrites the value.
    ///
    /// # Panics
    ///
    /// Where `value` has another size.
    #[track_caller]
    pub fn write(&mut self, value: &[u8]) {
        self.assert_value(value.len());
        if self.lock.is_held() {
            self.mutex.value.store(0, value);
        }
    }
}

/// Where a semaphore's words begin.
const WORDS: usize = 64;

/// The handle of a [`Semaphore`](crate::sync::Semaphore), by the algorithm of the typed handle.
#[derive(Clone, Debug)]
pub struct Semaphore {
    freed: Site<Event>,
    words: Site<[AtomicU64]>,
}

impl Semaphore {
    pub(super) fn bind(place: Place<'_>) -> Result<Self, FieldError> {
        Ok(Self {
            freed: place.at(0)?,
            words: place.slice(WORDS, place.field.capacity())?,
        })
    }

    fn attachment(&self) -> &Attachment {
        self.freed.attachment()
    }

    fn leases(&self) -> Leases<'_, &Attachment, Linux> {
        Leases {
            words: &self.words,
            freed: &self.freed,
            owners: self.attachment(),
            kernel: Linux,
        }
    }

    fn permit(&self, lease: leases::Lease) -> Permit<'_> {
        Permit {
            semaphore: self,
            lease,
            stamp: self.attachment().local().stamp.load(Relaxed), // the process's own words
        }
    }

    /// Who asks, and where to look first: so that processes do not all try the same.
    fn seeker(&self) -> Option<(Tag, usize)> {
        let own = self.attachment().own()?;
        Some((Tag::of(own), own.slot as usize % self.permits()))
    }

    /// Permits, free or not.
    pub fn permits(&self) -> usize {
        self.words.len()
    }

    /// How many permits are free, as far as that can be told while others work.
    pub fn available(&self) -> usize {
        self.permits() - self.leases().leased()
    }

    /// So many permits were given back and taken since the semaphore is there, those of the dead included, as far as that can be
    /// told while others work.
    pub fn positions(&self) -> (u64, u64) {
        self.leases().positions()
    }

    /// Takes a permit, if there is one.
    ///
    /// # Panics
    ///
    /// Where the segment is open read-only.
    #[track_caller]
    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        self.freed.assert_writable();
        let (me, start) = self.seeker()?;
        let lease = self.leases().acquire(me, start)?;
        Some(self.permit(lease))
    }

    /// Takes a permit, and waits up to `timeout`.
    ///
    /// # Errors
    ///
    /// [`Timeout`] where none was free in time.
    ///
    /// # Panics
    ///
    /// Where the segment is open read-only.
    ///
    /// # Progress
    ///
    /// Blocking, until somebody gives a permit back or dies, or the time is up.
    #[track_caller]
    pub fn acquire_wait(&self, timeout: Duration) -> Result<Permit<'_>, Timeout> {
        self.freed.assert_writable();
        let acquire = || {
            let (me, start) = self.seeker()?;
            self.leases().acquire_free(me, start)
        };
        let lease = wait_until(timeout, acquire, |left| {
            match self.seeker() {
                Some((me, _)) => self.leases().wait_round(me, left),
                None => std::thread::sleep(SLICE), // a forked child that waits for a place
            }
            true
        });
        // whatever the time was: nobody is told that the dead have them
        let permit = lease.map(|lease| self.permit(lease));
        permit.or_else(|| self.try_acquire()).ok_or(Timeout)
    }
}

/// A permit that this attachment has; dropping it gives it back.
#[derive(Debug)]
#[must_use = "a permit that is dropped is given back"]
pub struct Permit<'a> {
    semaphore: &'a Semaphore,
    lease: leases::Lease,
    stamp: u64,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        // the process's own words: not in a forked child, whose parent has it
        if self.semaphore.attachment().local().stamp.load(Relaxed) == self.stamp {
            self.semaphore.leases().release(self.lease);
        }
    }
}
