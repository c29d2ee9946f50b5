//! The system calls that waiting needs.

use super::atomic::{AtomicU32, raw};
use super::signals::Kernel;
use crate::posix::{barrier, futex};
use core::time::Duration;

/// The system we run on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Linux;

impl Kernel for Linux {
    fn sleep(&self, word: &AtomicU32, expected: u32, limit: Duration) {
        // whatever the reason for waking up, the caller looks again
        let _ = futex::wait(raw(word), expected, Some(limit));
    }

    fn wake_all(&self, word: &AtomicU32) {
        let _ = futex::wake_all(raw(word));
    }

    fn heavy_barrier(&self) -> bool {
        barrier::heavy()
    }

    #[inline(always)]
    fn fences(&self) -> bool {
        barrier::is_refused()
    }
}
