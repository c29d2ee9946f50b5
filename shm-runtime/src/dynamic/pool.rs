//! Pools of objects as bytes.

use super::element::ElementType;
use super::place::Place;
use super::words::{assert_size, cells};
use crate::error::{FieldError, Timeout};
use crate::memory::atomic::{AtomicU64, Ordering::Acquire, fence};
use crate::memory::attachment::Attachment;
use crate::memory::kernel::Linux;
use crate::memory::leases::{self, Leases};
use crate::memory::owner::Tag;
use crate::memory::signals::{Event, wait_until};
use crate::memory::site::Site;
use crate::memory::strided::Run;
use crate::structures::Handle;
use core::sync::atomic::Ordering::Relaxed;
use core::time::Duration;

/// Where the words begin.
const WORDS: usize = 64;

/// The handle of a [`Pool`](crate::Pool): objects as bytes, leased by the algorithm of the typed handle.
///
/// # Progress
///
/// As the typed handle. Only [`acquire_wait`](Self::acquire_wait) blocks.
#[derive(Clone, Debug)]
pub struct Pool {
    freed: Site<Event>,
    words: Site<[AtomicU64]>,
    objects: Run,
    element: ElementType,
}

impl Pool {
    pub(super) fn bind(place: Place<'_>) -> Result<Self, FieldError> {
        let element = place.field.element().clone();
        Ok(Self {
            freed: place.at(0)?,
            words: place.slice(WORDS, place.field.capacity())?,
            objects: place.run(0, element.size())?,
            element,
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

    /// Who leases, and where to look first: so that processes do not all try the same.
    fn seeker(&self) -> Option<(Tag, usize)> {
        let own = self.attachment().own()?;
        let slots = self.attachment().slots().len();
        Some((Tag::of(own), own.slot as usize * self.capacity() / slots))
    }

    fn guard(&self, lease: leases::Lease) -> Lease<'_> {
        Lease {
            pool: self,
            lease,
            stamp: self.attachment().local().stamp.load(Relaxed), // the process's own words
        }
    }

    #[track_caller]
    fn assert_object(&self, bytes: usize) {
        assert_size(self.freed.name(), "object", bytes, self.element.size());
    }

    /// Objects that there are.
    pub fn capacity(&self) -> usize {
        self.words.len()
    }

    /// What the objects are.
    pub const fn element(&self) -> &ElementType {
        &self.element
    }

    /// How many objects are on lease, those of the dead included.
    pub fn leased(&self) -> usize {
        self.leases().leased()
    }

    /// So many objects were given back and taken since the pool is there, those of the dead included, as far as that can be
    /// told while others work.
    pub fn positions(&self) -> (u64, u64) {
        self.leases().positions()
    }

    /// Leases an object: see [`crate::Pool::acquire`].
    ///
    /// # Panics
    ///
    /// Where the segment is open read-only.
    pub fn acquire(&self) -> Option<Lease<'_>> {
        self.freed.assert_writable();
        let (me, start) = self.seeker()?;
        let lease = self.leases().acquire(me, start)?;
        Some(self.guard(lease))
    }

    /// Leases an object, and waits up to `timeout` for a free one.
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
    /// Blocking, until an object is free.
    pub fn acquire_wait(&self, timeout: Duration) -> Result<Lease<'_>, Timeout> {
        self.freed.assert_writable();
        let acquire = || {
            let (me, start) = self.seeker()?;
            self.leases().acquire_free(me, start)
        };
        let round = |left| {
            let me = self.seeker().map_or(Tag::NOBODY, |(me, _)| me);
            self.leases().wait_round(me, left);
            true
        };
        let lease = wait_until(timeout, acquire, round);
        lease.map(|lease| self.guard(lease)).ok_or(Timeout)
    }

    /// Copies the object that a handle names into `out`; false where the lease is over. Works on read-only
    /// attachments.
    ///
    /// # Panics
    ///
    /// Where `out` has another size than an object.
    #[track_caller]
    pub fn get(&self, handle: Handle, out: &mut [u8]) -> bool {
        self.assert_object(out.len());
        let Some(word) = self.words.get(handle.index()) else {
            return false;
        };
        let copied = leases::is_leased(word, handle.generation())
            && self.objects.load(handle.index(), cells(out));
        fence(Acquire); // the copy before the second look
        copied && leases::is_leased(word, handle.generation())
    }

    /// Gives an object back that this attachment has; false where it has not.
    ///
    /// # Panics
    ///
    /// Where the segment is open read-only.
    pub fn release(&self, handle: Handle) -> bool {
        self.freed.assert_writable();
        let Some(own) = self.attachment().own() else {
            return false;
        };
        let lease = leases::Lease::known(handle.index(), handle.generation(), Tag::of(own));
        self.leases().release(lease)
    }
}

/// An object that this attachment has on lease, and that is given back when this is dropped: see
/// [`crate::Lease`].
#[derive(Debug)]
#[must_use = "an object whose lease is dropped is given back"]
pub struct Lease<'a> {
    pool: &'a Pool,
    lease: leases::Lease,
    stamp: u64,
}

impl Lease<'_> {
    /// Whether it is this process's: not in a forked child, whose parent has it.
    fn is_held(&self) -> bool {
        // the process's own words
        self.pool.attachment().local().stamp.load(Relaxed) == self.stamp
            && self.pool.leases().holds(self.lease)
    }

    /// The object's handle: plain data, by which others find the object.
    pub const fn handle(&self) -> Handle {
        Handle::new(self.lease)
    }

    /// Copies the object into `out`; zeros in a forked child.
    ///
    /// # Panics
    ///
    /// Where `out` has another size than an object.
    #[track_caller]
    pub fn read_into(&self, out: &mut [u8]) {
        self.pool.assert_object(out.len());
        if !self.is_held() || !self.pool.objects.load(self.lease.index, cells(out)) {
            out.fill(0);
        }
    }

    /// Overwrites the object.
    ///
    /// # Panics
    ///
    /// Where `value` has another size than an object.
    #[track_caller]
    pub fn write(&mut self, value: &[u8]) {
        self.pool.assert_object(value.len());
        if self.is_held() {
            self.pool.objects.store(self.lease.index, value);
        }
    }

    /// Keeps the lease without a guard: [`Pool::release`] gives the object back, or this process's death.
    pub fn keep(self) -> Handle {
        let handle = self.handle();
        core::mem::forget(self); // borrows only
        handle
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if self.is_held() {
            self.pool.leases().release(self.lease);
        }
    }
}
