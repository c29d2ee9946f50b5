//! The guard of a lease, and the handle that names it.

use super::Pool;
use crate::layout::node::{ElementNode, ScalarNode};
use crate::layout::{Element, ShmType};
use crate::memory::leases::{self, LeaseWord};
use crate::memory::shared::plain_word;
use core::fmt;
use core::sync::atomic::Ordering::Relaxed;

plain_word! {
    /// Names one lease of one object: plain data, for queues and structs.
    ///
    /// `generation << 28 | index`. All-zero is no lease. A handle that outlives its lease names nothing until the
    /// object was leased 2³⁶ times more.
    pub struct Handle
}

const INDEX_BITS: u32 = u64::BITS - LeaseWord::GENERATION_BITS;

impl Handle {
    /// Most objects of a pool.
    pub(super) const MOST: usize = 1 << INDEX_BITS;

    pub(crate) const fn new(lease: leases::Lease) -> Self {
        Self(lease.generation() << INDEX_BITS | lease.index as u64)
    }

    /// Which object, from 0 on.
    pub const fn index(self) -> usize {
        self.0 as usize & (Self::MOST - 1)
    }

    /// Which of its leases, from 1 on.
    pub const fn generation(self) -> u64 {
        self.0 >> INDEX_BITS
    }

    /// As a number, for an `Atomic<u64>`.
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// From a number.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

impl ShmType for Handle {
    const ELEMENT: ElementNode = ElementNode {
        name: "Handle",
        doc: "generation << 28 | index",
        size: 8,
        align: 8,
        fields: &const { [ScalarNode::new("", &<u64 as ShmType>::ELEMENT, 0)] },
    };
}

/// An object that this attachment has on lease; dropping it gives it back.
///
/// In a forked child the leases of the parent are void: they read zeros, write nothing and are dropped without
/// effect.
#[must_use = "an object whose lease is dropped is given back"]
pub struct Lease<'a, T: Element, const N: usize> {
    pool: &'a Pool<T, N>,
    lease: leases::Lease,
    stamp: u64,
}

impl<'a, T: Element, const N: usize> Lease<'a, T, N> {
    pub(super) const fn new(pool: &'a Pool<T, N>, lease: leases::Lease, stamp: u64) -> Self {
        Self { pool, lease, stamp }
    }

    /// Whether this process still has the object.
    fn is_held(&self) -> bool {
        self.is_of_this_process() && self.pool.leases().holds(self.lease)
    }

    /// Whether it was acquired by this very process, not by the parent that this one was forked from.
    #[inline]
    fn is_of_this_process(&self) -> bool {
        self.pool.attachment().local().stamp.load(Relaxed) == self.stamp // the process's own word
    }

    /// The name by which everybody can read the object, as long as the lease lasts.
    pub const fn handle(&self) -> Handle {
        Handle::new(self.lease)
    }

    /// A copy of the object: what was written here last, or what the holder before left.
    pub fn get(&self) -> T {
        let value = self.pool.objects.cells().load(self.lease.index);
        value.filter(|_| self.is_held()).unwrap_or_else(T::zeroed)
    }

    /// Overwrites the object. An object of 1, 2, 4 or 8 bytes is never seen half written.
    pub fn write(&mut self, value: T) {
        if self.is_held() {
            self.pool.objects.cells().store(self.lease.index, value);
        }
    }

    /// Changes a copy of the object, and writes that.
    pub fn update<R>(&mut self, change: impl FnOnce(&mut T) -> R) -> R {
        let mut value = self.get();
        let result = change(&mut value);
        self.write(value);
        result
    }

    /// Keeps the object without a guard: until [`Pool::release`], or the attachment's end.
    pub fn keep(self) -> Handle {
        let handle = self.handle();
        core::mem::forget(self); // borrows only
        handle
    }

    /// Gives the object back, as dropping does.
    ///
    /// # Progress
    ///
    /// Wait-free.
    pub fn release(self) {
        drop(self);
    }
}

impl<T: Element, const N: usize> Drop for Lease<'_, T, N> {
    #[inline]
    fn drop(&mut self) {
        // a lease that is over is not given back: the exchange would see it
        if self.is_of_this_process() {
            self.pool.give_back(self.lease);
        }
    }
}

impl<T: Element, const N: usize> fmt::Debug for Lease<'_, T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("handle", &self.handle())
            .finish_non_exhaustive()
    }
}
