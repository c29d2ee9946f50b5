//! `Atomic<T>`: one scalar that any process changes in one step.
//!
//! # Ordering
//!
//! (A) every operation that writes -> every operation that reads: who sees the value sees what its writer
//! wrote before.
//!
//! # Crashes
//!
//! A killed process has changed the value or not; there is nothing to repair.

use crate::layout::bind::{BindError, Binder};
use crate::layout::node::{Node, StructureNode};
use crate::layout::{Field, Represent, Structure};
use crate::memory::cell::CellArray;
use crate::memory::scalar::{Integer, Scalar};
use crate::memory::shared::impl_shared;
use crate::memory::site::Site;
use bytemuck::Pod;
use core::fmt;
use core::sync::atomic::Ordering;
use zerocopy::FromZeros;

/// The bytes: the scalar, at a multiple of 64.
#[derive(Debug, FromZeros)]
#[repr(transparent)]
pub struct Repr<T>(CellArray<T, 1>);

impl_shared!(impl[T: Pod] Repr[T] { 0 });

impl<T: Scalar> Represent for Repr<T> {
    const SIZE: usize = size_of::<T>();
    const HOT: usize = size_of::<T>();
    const NODE: Node = Node::Structure(StructureNode {
        kind: "Atomic",
        capacity: &[],
        lanes: 0,
    });
}

impl<T: Scalar> Repr<T> {
    fn word(&self) -> &T::Atomic {
        match self.0.cells().atomic::<T>(0) {
            Some(word) => word,
            None => unreachable!("a scalar's atomic is of its size, and the array has one element"),
        }
    }
}

/// A scalar in shared memory: `u8` to `u64`, `i8` to `i64`, `f32` or `f64`.
///
/// ```
/// use shm_runtime::prelude::*;
///
/// #[derive(ShmLayout)]
/// struct Clock {
///     step: Atomic<u64>,
///     seconds: Atomic<f64>,
/// }
///
/// # let name = format!("doc-atomic-{}", std::process::id());
/// let clock = Clock::create(&name)?;
/// assert_eq!(clock.step.fetch_add(1), 0);
/// clock.seconds.store(0.25);
/// assert_eq!(clock.step.compare_exchange(1, 2), Ok(1));
/// assert_eq!((clock.step.load(), clock.seconds.load()), (2, 0.25));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Integers wrap around. Floating-point numbers are compared bit for bit by `compare_exchange`, and
/// `fetch_max` and `fetch_min` pass over NaN.
///
/// # Progress
///
/// No operation waits. `update` and `fetch_update`, and `fetch_add`, `fetch_sub`, `fetch_max` and `fetch_min` on `f32`
/// and `f64`, retry while others change the value (lock-free); all else is wait-free.
pub struct Atomic<T: 'static> {
    site: Site<Repr<T>>,
}

impl<T: Scalar> Field for Atomic<T> {
    type Element = T;
    type Repr<const L: usize> = Repr<T>;

    fn bind<const L: usize>(binder: &mut Binder<'_>) -> Result<Self, BindError> {
        let site = binder.site()?;
        Ok(Self { site })
    }
}

impl<T: Scalar> Structure for Atomic<T> {}

impl<T: Scalar> Atomic<T> {
    /// The value.
    #[inline]
    pub fn load(&self) -> T {
        T::load(self.site.word(), Ordering::Acquire) // (A)
    }

    /// Overwrites the value.
    ///
    /// # Panics
    ///
    /// Where the segment is open read-only.
    #[inline]
    #[track_caller]
    pub fn store(&self, value: T) {
        self.site.assert_writable();
        T::store(self.site.word(), value, Ordering::Release); // (A)
    }

    /// Overwrites the value if it equals `current` bit for bit.
    ///
    /// # Errors
    ///
    /// The value that was there, where it was another.
    ///
    /// # Panics
    ///
    /// Where the segment is open read-only.
    #[inline]
    #[track_caller]
    pub fn compare_exchange(&self, current: T, new: T) -> Result<T, T> {
        self.site.assert_writable();
        // Both ends of (A); a loser has loaded: the acquire end.
        T::compare_exchange(
            self.site.word(),
            current,
            new,
            Ordering::AcqRel,
            Ordering::Acquire,
        )
    }
}

/// Each calls `change` with the value, and again where another process changed it meanwhile.
impl<T: Scalar> Atomic<T> {
    /// Changes the value to what `change` makes of it, in one step; returns the one before.
    ///
    /// ```
    /// # use shm_runtime::prelude::*;
    /// # #[derive(ShmLayout)]
    /// # struct Clock { seconds: Atomic<f64>, seats: Atomic<u16> }
    /// # let name = format!("doc-update-{}", std::process::id());
    /// # let clock = Clock::create(&name)?;
    /// clock.seconds.store(1.5);
    /// assert_eq!(clock.seconds.update(|seconds| seconds * 2.0), 1.5);
    /// assert_eq!(clock.seats.fetch_update(|seats| seats.checked_sub(1)), Err(0));
    /// # assert_eq!(clock.seconds.load(), 3.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    ///
    /// Where the segment is open read-only.
    #[inline]
    #[track_caller]
    pub fn update(&self, mut change: impl FnMut(T) -> T) -> T {
        match self.fetch_update(|value| Some(change(value))) {
            Ok(before) | Err(before) => before,
        }
    }

    /// As [`update`](Self::update), unless `change` declines.
    ///
    /// # Errors
    ///
    /// The value for which `change` returned `None`; it stays.
    ///
    /// # Panics
    ///
    /// Where the segment is open read-only.
    #[inline]
    #[track_caller]
    pub fn fetch_update(&self, mut change: impl FnMut(T) -> Option<T>) -> Result<T, T> {
        self.site.assert_writable();
        let mut value = self.load();
        loop {
            let new = change(value).ok_or(value)?;
            // Who loses met another writer's success: system-wide progress.
            match self.compare_exchange(value, new) {
                Ok(before) => return Ok(before),
                Err(found) => value = found,
            }
        }
    }
}

macro_rules! fetch {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        ///
        /// # Panics
        ///
        /// Where the segment is open read-only.
        #[inline]
        #[track_caller]
        pub fn $name(&self, value: T) -> T {
            self.site.assert_writable();
            T::$name(self.site.word(), value, Ordering::AcqRel) // both ends of (A)
        }
    )*};
}

/// Each changes the value in one step and returns the one before.
impl<T: Scalar> Atomic<T> {
    fetch! {
        /// Overwrites the value; returns the one before.
        swap
        /// Adds to the value; returns the one before.
        fetch_add
        /// Subtracts from the value; returns the one before.
        fetch_sub
        /// Raises the value to this one if it is less; returns the one before.
        fetch_max
        /// Lowers the value to this one if it is more; returns the one before.
        fetch_min
    }
}

/// Each changes the bits in one step and returns the value before.
impl<T: Integer> Atomic<T> {
    fetch! {
        /// Clears the bits that are not in `value`; returns the value before.
        fetch_and
        /// Sets the bits that are in `value`; returns the value before.
        fetch_or
        /// Flips the bits that are in `value`; returns the value before.
        fetch_xor
    }
}

impl<T> Clone for Atomic<T> {
    fn clone(&self) -> Self {
        Self {
            site: self.site.clone(),
        }
    }
}

impl<T> fmt::Debug for Atomic<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Atomic")
            .field("name", &self.site.name())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeroed_is_empty() {
        let repr = Repr::<f64>::new_zeroed();
        assert_eq!(f64::load(repr.word(), Ordering::Relaxed), 0.0);
    }

    #[test]
    fn entry_covers_the_scalar() {
        assert_eq!(<Repr<u8> as Represent>::SIZE, 1);
        assert_eq!(<Repr<i64> as Represent>::SIZE, 8);
    }

    #[test]
    fn operations_return_the_value_before() {
        let repr = Repr::<u8>::new_zeroed();
        let order = Ordering::AcqRel;
        assert_eq!(u8::fetch_sub(repr.word(), 1, order), 0);
        assert_eq!(u8::fetch_add(repr.word(), 3, order), 255);
        assert_eq!(u8::fetch_max(repr.word(), 9, order), 2);
        assert_eq!(u8::fetch_xor(repr.word(), 1, order), 9);
        assert_eq!(u8::swap(repr.word(), 4, order), 8);

        let repr = Repr::<f32>::new_zeroed();
        assert_eq!(f32::fetch_add(repr.word(), 1.5, order), 0.0);
        assert_eq!(f32::fetch_min(repr.word(), f32::NAN, order), 1.5);
        assert_eq!(f32::fetch_sub(repr.word(), 0.5, order), 1.5);
        assert_eq!(f32::load(repr.word(), Ordering::Relaxed), 1.0);
    }

    macro_rules! every_scalar {
        ($($test:ident $scalar:ident;)*) => {$(
            #[test]
            fn $test() {
                type Word = $scalar;
                let repr = Repr::<Word>::new_zeroed();
                let (word, order) = (repr.word(), Ordering::AcqRel);
                let [one, three, seven] = [1_u8, 3, 7].map(Word::from_small);
                assert_eq!(<Repr<Word> as Represent>::SIZE, size_of::<Word>());
                assert_eq!(Word::fetch_add(word, seven, order), Word::from_small(0));
                assert_eq!(Word::fetch_sub(word, three, order), seven);
                assert_eq!(Word::fetch_max(word, seven, order), Word::from_small(4));
                assert_eq!(Word::fetch_max(word, one, order), seven);
                assert_eq!(Word::fetch_min(word, three, order), seven);
                assert_eq!(Word::fetch_min(word, seven, order), three);
                assert_eq!(Word::swap(word, one, order), three);
                let exchange = |old, new| {
                    Word::compare_exchange(word, old, new, order, Ordering::Acquire)
                };
                assert_eq!(exchange(three, seven), Err(one));
                assert_eq!(exchange(one, Word::MAX), Ok(one));
                assert_eq!(Word::load(word, Ordering::Acquire), Word::MAX);
                assert_eq!(Word::fetch_min(word, Word::MIN, order), Word::MAX);
                Word::store(word, three, Ordering::Release);
                assert_eq!(Word::swap(word, one, order), three);
            }
        )*};
    }

    trait Small {
        fn from_small(value: u8) -> Self;
    }
    macro_rules! small {
        ($($scalar:ident)*) => {$(
            impl Small for $scalar {
                fn from_small(value: u8) -> Self {
                    value as $scalar
                }
            }
        )*};
    }
    small!(u8 i8 u16 i16 u32 i32 u64 i64 f32 f64);
    every_scalar! {
        u8_has_every_operation u8;
        i8_has_every_operation i8;
        u16_has_every_operation u16;
        i16_has_every_operation i16;
        u32_has_every_operation u32;
        i32_has_every_operation i32;
        u64_has_every_operation u64;
        i64_has_every_operation i64;
        f32_has_every_operation f32;
        f64_has_every_operation f64;
    }
}
