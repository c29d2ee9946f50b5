//! What may lie in a mapping that other processes write.

#![allow(unsafe_code)] // owns the `Shared` promise: each impl below says why it holds

use super::atomic::{AtomicU32, AtomicU64};
use zerocopy::FromZeros;

/// A type that may be referenced while other processes change its bytes.
///
/// # Safety
///
/// Implementors promise that every byte of `Self` lies in an atomic, in a [`super::cell`] type, or
/// in padding; that every bit pattern is valid; and that all-zero bytes are the valid, empty value
/// (`FromZeros` proves the validity, the structure's own tests the meaning).
pub unsafe trait Shared: FromZeros + Sync {
    /// Makes every word known to the model that runs.
    #[cfg(loom)]
    fn enrol(&self) {}
}

// SAFETY: an atomic; all bit patterns are valid.
unsafe impl Shared for AtomicU64 {
    #[cfg(loom)]
    fn enrol(&self) {
        self.model();
    }
}
// SAFETY: an atomic; all bit patterns are valid.
unsafe impl Shared for AtomicU32 {
    #[cfg(loom)]
    fn enrol(&self) {
        self.model();
    }
}
// SAFETY: made of `Shared` elements only.
unsafe impl<T: Shared, const N: usize> Shared for [T; N] {
    #[cfg(loom)]
    fn enrol(&self) {
        self.iter().for_each(T::enrol);
    }
}

/// Implements [`Shared`] for a struct all of whose fields, named here, are `Shared`.
///
/// The pattern without `..` makes a forgotten field a compile error, and the call for each field makes
/// one that is not `Shared` one: together they are the proof of the unsafe impl.
macro_rules! impl_shared {
    (impl[$($generics:tt)*] $name:ident $([$($args:tt)*])? { $($field:tt),* $(,)? }) => {
        const _: () = {
            #[allow(dead_code, clippy::extra_unused_type_parameters)]
            fn all_fields<$($generics)*>(value: &$name $(<$($args)*>)?) {
                #[allow(dead_code)]
                fn is_shared<X: $crate::memory::shared::Shared>(_: &X) {}
                let $name { $($field: _),* } = value;
                $( is_shared(&value.$field); )*
            }
            // SAFETY: `all_fields` compiles, so every field is `Shared`; what is left is padding.
            #[allow(unsafe_code)]
            unsafe impl<$($generics)*> $crate::memory::shared::Shared for $name $(<$($args)*>)? {
                #[cfg(loom)]
                fn enrol(&self) {
                    $( $crate::memory::shared::Shared::enrol(&self.$field); )*
                }
            }
        };
    };
}
pub(crate) use impl_shared;

/// `A` values and then `B` more, without a gap: an array whose length is a sum.
#[derive(Debug, FromZeros)]
#[repr(C)]
pub struct Joined<X, const A: usize, const B: usize> {
    first: [X; A],
    then: [X; B],
}

impl_shared!(impl[X: Shared, const A: usize, const B: usize] Joined[X, A, B] { first, then });

impl<X, const A: usize, const B: usize> Joined<X, A, B> {
    /// All of them.
    pub const fn all(&self) -> &[X] {
        let start = core::ptr::from_ref(self).cast::<X>();
        // SAFETY: `repr(C)` puts `first` at offset 0 and `then` behind it without padding, because both are arrays
        // of one type; the slice covers exactly the two, lives as long as `self`, and is as shared as it.
        unsafe { core::slice::from_raw_parts(start, A + B) }
    }
}

/// Defines a plain value that is one word: what may be an element of a structure and has a meaning of its own.
macro_rules! plain_word {
    ($(#[$about:meta])* $visible:vis struct $name:ident) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        #[repr(transparent)]
        $visible struct $name(u64);

        // SAFETY: transparent over a `u64`, for which all-zero bytes are a value.
        #[allow(unsafe_code)]
        unsafe impl ::bytemuck::Zeroable for $name {}
        // SAFETY: transparent over a `u64`: every bit pattern is a value, and there is no padding.
        #[allow(unsafe_code)]
        unsafe impl ::bytemuck::Pod for $name {}
    };
}
pub(crate) use plain_word;

/// Defines a plain value that is an array of bytes, compared and ordered as such.
macro_rules! plain_bytes {
    ($(#[$about:meta])* $visible:vis struct $name:ident<const $len:ident>) => {
        $(#[$about])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        $visible struct $name<const $len: usize>([u8; $len]);

        // SAFETY: transparent over bytes, for which zero is a value.
        #[allow(unsafe_code)]
        unsafe impl<const $len: usize> ::bytemuck::Zeroable for $name<$len> {}
        // SAFETY: transparent over bytes: every bit pattern is a value, and there is no padding.
        #[allow(unsafe_code)]
        #[diagnostic::do_not_recommend]
        unsafe impl<const $len: usize> ::bytemuck::Pod for $name<$len> {}
    };
}
pub(crate) use plain_bytes;
