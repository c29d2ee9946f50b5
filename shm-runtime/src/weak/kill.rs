//! A thread that is killed before one of its accesses to shared memory, before each of them in turn.

use super::explore;
use crate::memory::atomic::weak::{Killed, kill_after};
use core::panic::AssertUnwindSafe;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::panic::catch_unwind;
use std::sync::Arc;

/// Runs `body`, killed before its access number `accesses`; whether it came to its end.
pub fn killed(accesses: usize, body: impl FnOnce()) -> bool {
    kill_after(accesses);
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(()) => {
            kill_after(usize::MAX); // never
            true
        }
        Err(why) if why.is::<Killed>() => false,
        Err(why) => std::panic::resume_unwind(why),
    }
}

/// Explores `play_out`, which kills its victim before the access of the number that it gets, for all numbers; it says
/// whether the victim came to its end before.
pub fn at_every_access(
    preemptions: usize,
    play_out: impl Fn(usize) -> bool + Copy + Send + Sync + 'static,
) {
    for accesses in 0.. {
        let whole = Arc::new(AtomicBool::new(true));
        let ended = Arc::clone(&whole);
        explore(preemptions, move || {
            _ = ended.fetch_and(play_out(accesses), Relaxed);
        });
        if whole.load(Relaxed) {
            return;
        }
    }
}
