//! Scalars: what one atomic instruction, or a short loop of them, can change.

use bytemuck::Pod;
use core::sync::atomic::{
    AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering,
};

mod sealed {
    pub trait Sealed {}
}

/// A number of at most 8 bytes: `u8` to `u64`, `i8` to `i64`, `f32`, `f64`.
///
/// The operations return the value before. Integers wrap around.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no scalar",
    label = "not a number of at most 8 bytes",
    note = "write one of `u8` to `u64`, `i8` to `i64`, `f32` and `f64`"
)]
pub trait Scalar: Pod + sealed::Sealed {
    /// The atomic that holds it: of its size, and aligned to that size.
    #[doc(hidden)]
    type Atomic;
    #[doc(hidden)]
    fn load(from: &Self::Atomic, order: Ordering) -> Self;
    #[doc(hidden)]
    fn store(to: &Self::Atomic, value: Self, order: Ordering);
    #[doc(hidden)]
    fn swap(at: &Self::Atomic, value: Self, order: Ordering) -> Self;
    #[doc(hidden)]
    fn compare_exchange(
        at: &Self::Atomic,
        current: Self,
        new: Self,
        success: Ordering,
        failure: Ordering,
    ) -> Result<Self, Self>;
    #[doc(hidden)]
    fn fetch_add(at: &Self::Atomic, value: Self, order: Ordering) -> Self;
    #[doc(hidden)]
    fn fetch_sub(at: &Self::Atomic, value: Self, order: Ordering) -> Self;
    #[doc(hidden)]
    fn fetch_max(at: &Self::Atomic, value: Self, order: Ordering) -> Self;
    #[doc(hidden)]
    fn fetch_min(at: &Self::Atomic, value: Self, order: Ordering) -> Self;
}

/// A scalar with bits to operate on: `u8` to `u64`, `i8` to `i64`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no integer",
    label = "not an integer of at most 8 bytes",
    note = "write one of `u8` to `u64` and `i8` to `i64`"
)]
pub trait Integer: Scalar {
    #[doc(hidden)]
    fn fetch_and(at: &Self::Atomic, value: Self, order: Ordering) -> Self;
    #[doc(hidden)]
    fn fetch_or(at: &Self::Atomic, value: Self, order: Ordering) -> Self;
    #[doc(hidden)]
    fn fetch_xor(at: &Self::Atomic, value: Self, order: Ordering) -> Self;
}

macro_rules! integer {
    ($($int:ty, $atomic:ty;)*) => {$(
        impl sealed::Sealed for $int {}

        #[diagnostic::do_not_recommend]
        impl Scalar for $int {
            type Atomic = $atomic;

            #[inline(always)]
            fn load(from: &$atomic, order: Ordering) -> Self {
                from.load(order)
            }
            #[inline(always)]
            fn store(to: &$atomic, value: Self, order: Ordering) {
                to.store(value, order);
            }
            #[inline(always)]
            fn swap(at: &$atomic, value: Self, order: Ordering) -> Self {
                at.swap(value, order)
            }
            #[inline(always)]
            fn compare_exchange(
                at: &$atomic,
                current: Self,
                new: Self,
                success: Ordering,
                failure: Ordering,
            ) -> Result<Self, Self> {
                at.compare_exchange(current, new, success, failure)
            }
            integer!(@ops $int, $atomic, fetch_add fetch_sub fetch_max fetch_min);
        }

        #[diagnostic::do_not_recommend]
        impl Integer for $int {
            integer!(@ops $int, $atomic, fetch_and fetch_or fetch_xor);
        }
    )*};
    (@ops $int:ty, $atomic:ty, $($op:ident)*) => {$(
        #[inline(always)]
        fn $op(at: &$atomic, value: Self, order: Ordering) -> Self {
            at.$op(value, order)
        }
    )*};
}
integer! {
    u8, AtomicU8;
    i8, AtomicI8;
    u16, AtomicU16;
    i16, AtomicI16;
    u32, AtomicU32;
    i32, AtomicI32;
    u64, AtomicU64;
    i64, AtomicI64;
}

macro_rules! float {
    ($($float:ty, $atomic:ty;)*) => {$(
        impl sealed::Sealed for $float {}

        #[diagnostic::do_not_recommend]
        impl Scalar for $float {
            type Atomic = $atomic;

            #[inline(always)]
            fn load(from: &$atomic, order: Ordering) -> Self {
                Self::from_bits(from.load(order))
            }
            #[inline(always)]
            fn store(to: &$atomic, value: Self, order: Ordering) {
                to.store(value.to_bits(), order);
            }
            #[inline(always)]
            fn swap(at: &$atomic, value: Self, order: Ordering) -> Self {
                Self::from_bits(at.swap(value.to_bits(), order))
            }
            #[inline(always)]
            fn compare_exchange(
                at: &$atomic,
                current: Self,
                new: Self,
                success: Ordering,
                failure: Ordering,
            ) -> Result<Self, Self> {
                at.compare_exchange(current.to_bits(), new.to_bits(), success, failure)
                    .map(Self::from_bits)
                    .map_err(Self::from_bits)
            }
            float!(@ops $float, $atomic,
                fetch_add |old, value| old + value;
                fetch_sub |old, value| old - value;
                fetch_max |old, value| old.max(value);
                fetch_min |old, value| old.min(value);
            );
        }
    )*};
    (@ops $float:ty, $atomic:ty, $($op:ident |$old:ident, $value:ident| $new:expr;)*) => {$(
        #[inline]
        fn $op(at: &$atomic, $value: Self, order: Ordering) -> Self {
            let mut bits = at.load(Ordering::Relaxed); // a first guess; the exchange decides
            loop {
                let $old = Self::from_bits(bits);
                let new: Self = $new;
                // Who loses met another writer's success: system-wide progress.
                match at.compare_exchange_weak(bits, new.to_bits(), order, Ordering::Relaxed) {
                    Ok(_) => return $old,
                    Err(found) => bits = found,
                }
            }
        }
    )*};
}
float! {
    f32, AtomicU32;
    f64, AtomicU64;
}
