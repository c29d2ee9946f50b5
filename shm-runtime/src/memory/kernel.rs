//! The system calls that waiting needs.

use super::atomic::{AtomicU32, raw};
use super::attachment::Attachment;
use super::signals::{Event, Kernel, SLICE};
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

impl Attachment {
    /// One round of waiting on `event`, at most for `limit`: see [`Event::wait_round`]. Where this attachment may not
    /// write, and so cannot say that it sleeps, a short sleep.
    pub fn wait_round(
        &self,
        event: &Event,
        limit: Duration,
        announced: impl FnOnce() -> bool,
        blocked: impl FnOnce() -> bool,
    ) {
        if self.is_read_only() {
            std::thread::sleep(limit.min(SLICE));
        } else {
            let recover = || _ = self.recover();
            event.wait_round(&Linux, limit, recover, announced, blocked);
        }
    }
}
