//! A line of its own for what one side writes.

use super::shared::{Shared, impl_shared};
use core::ops::Deref;
use zerocopy::FromZeros;

/// `T`, alone on 128 bytes: two cache lines, because the adjacent-line prefetcher couples pairs.
///
/// The size is part of the format, so it is fixed; it does not follow the target's cache line.
#[derive(Debug, Default, FromZeros)]
#[repr(C, align(128))]
pub struct Padded<T>(pub T);

impl<T> Deref for Padded<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl_shared!(impl[T: Shared] Padded[T] { 0 });
