//! Bytes behind a stamp, which says of which version they are: readers who only load learn whether their copy was
//! whole.
//!
//! The idea is the sequence lock's, with the order of Boehm ("Can seqlocks get along with programming language
//! memory models?", MSPC 2012); but a writer never writes what is published, so that a reader is thrown back
//! only if the bytes under it were taken out of use and are written again.
//!
//! # Ordering
//!
//! (D) `dirty -> is_still`: who has read a byte of the bytes' next life finds another stamp. The writer stores the
//! mark, fences (Release), and stores the bytes; the reader loads the bytes, fences (Acquire), and loads the stamp.
//! A new version's stamp and bytes are published by whatever word says that they are there.

#![allow(unsafe_code)] // owns the copies to and from the values

use super::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
    fence,
};
#[cfg(loom)]
use super::cell::{Cells, enrol_words};
use super::cell::{copy_from_shared, copy_to_shared};
use super::shared::{Shared, impl_shared};
use crate::seeded::{Bug, seeded};
use bytemuck::Pod;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use zerocopy::FromZeros;

/// The version of the bytes beside it; all ones while they are written.
#[derive(Debug, FromZeros)]
#[repr(transparent)]
pub struct Stamp(AtomicU64);

impl_shared!(impl[] Stamp { 0 });

impl Stamp {
    const DIRTY: u64 = u64::MAX;

    /// Goes before the first store to the bytes, which nobody is told of any more.
    #[inline(always)]
    pub fn dirty(&self) {
        if !seeded(Bug::FillUnmarked) {
            self.0.store(Self::DIRTY, Relaxed); // ordered by the fence
        }
        if !seeded(Bug::RelaxedDirty) {
            fence(Release); // (D)
        }
    }

    /// Goes behind the last store to the bytes, and before the word that publishes them.
    #[inline(always)]
    pub fn set(&self, version: u64) {
        self.0.store(version, Relaxed); // published with that word
    }

    /// Whether bytes that were loaded before this are all of `version`.
    #[inline(always)]
    pub fn is_still(&self, version: u64) -> bool {
        fence(Acquire); // (D)
        self.is(version) || seeded(Bug::ReadUnchecked)
    }

    /// Whether it is worth while to go on with a copy of `version`: says nothing of the bytes that were loaded.
    #[inline(always)]
    pub fn is(&self, version: u64) -> bool {
        self.0.load(Relaxed) == version // a hint, or ordered by `is_still`
    }
}

/// A value and its stamp: lines of its own, which they share where the value is small.
#[derive(Debug, FromZeros)]
#[repr(C, align(64))]
pub struct Stamped<T> {
    /// The version of the value.
    pub stamp: Stamp,
    /// At 8, or at the alignment of `T` if that is larger: so its words are aligned.
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: the stamp is an atomic; every byte of the value lies in an `UnsafeCell` that is only touched below, by the
// copies of `cell`; `T: Pod` makes every bit pattern valid and zero with it; the rest is padding.
unsafe impl<T: Pod> Sync for Stamped<T> {}
// SAFETY: as above.
unsafe impl<T: Pod> Shared for Stamped<T> {
    #[cfg(loom)]
    fn enrol(&self) {
        self.stamp.enrol();
        enrol_words(Cells::<T>::WIDTH, self.value.get().cast(), size_of::<T>());
    }
}

impl<T: Pod> Stamped<T> {
    /// A copy of the value, which means something only if the stamp is still the same behind it.
    #[inline(always)]
    pub fn load(&self) -> T {
        let mut value = MaybeUninit::<T>::uninit();
        copy_from_shared::<T>(self.value.get().cast(), value.as_mut_ptr(), 1);
        // SAFETY: all bytes were copied, and every bit pattern is a valid `T: Pod`.
        unsafe { value.assume_init() }
    }

    /// As [`load`](Self::load), to a place of the caller's.
    #[inline(always)]
    pub fn load_into(&self, out: &mut T) {
        copy_from_shared::<T>(self.value.get().cast(), out, 1);
    }

    /// Overwrites the value, which nobody is told of, and leaves the stamp dirty.
    #[inline(always)]
    pub fn fill(&self, value: &T) {
        self.stamp.dirty();
        copy_to_shared::<T>(value, self.value.get().cast(), 1);
    }
}

/// One value, and one for each of `L` lanes.
#[derive(Debug, FromZeros)]
#[repr(C)]
pub struct StampedNodes<T, const L: usize> {
    first: Stamped<T>,
    then: [Stamped<T>; L],
}

impl_shared!(impl[T: Pod, const L: usize] StampedNodes[T, L] { first, then });

impl<T: Pod, const L: usize> StampedNodes<T, L> {
    /// All `1 + L` of them.
    pub fn as_slice(&self) -> &[Stamped<T>] {
        let start = core::ptr::from_ref(self).cast::<Stamped<T>>();
        // SAFETY: `repr(C)` puts `first` at offset 0 and `then` behind it without padding, because both
        // are made of one type; the slice covers exactly the two, within `self`.
        unsafe { core::slice::from_raw_parts(start, 1 + L) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeroed_is_version_zero() {
        let nodes = StampedNodes::<[u64; 3], 2>::new_zeroed();
        assert_eq!(nodes.as_slice().len(), 3);
        for node in nodes.as_slice() {
            assert_eq!(node.load(), [0; 3]);
            assert!(node.stamp.is_still(0));
        }
    }

    #[test]
    fn a_filled_value_is_of_no_version_until_it_is_stamped() {
        let nodes = StampedNodes::<[u16; 5], 1>::new_zeroed();
        let [first, second] = nodes.as_slice() else {
            panic!("one, and one for the lane")
        };
        second.fill(&[7; 5]);
        assert!(!second.stamp.is_still(0) && !second.stamp.is_still(1));
        second.stamp.set(1);
        assert!(second.stamp.is_still(1));
        assert_eq!((first.load(), second.load()), ([0; 5], [7; 5]));
        let mut copy = [1; 5];
        second.load_into(&mut copy);
        assert_eq!(copy, [7; 5]);
    }

    #[test]
    fn a_small_value_shares_its_stamps_line() {
        assert_eq!(size_of::<Stamped<[u64; 7]>>(), 64);
        assert_eq!(core::mem::offset_of!(Stamped<[u8; 3]>, value), 8);
        assert_eq!(core::mem::offset_of!(Stamped<u128>, value), 16);
    }
}
