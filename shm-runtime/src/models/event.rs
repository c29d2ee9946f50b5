//! One schedule that random ones hit once in a million runs: two sleepers and a waker.
//!
//! Backs P1 (no wake-up is lost) for everything that waits.

use super::scheduler::Process;
use crate::memory::atomic::AtomicU32;
use crate::memory::signals::{Event, Kernel};
use crate::seeded::{Bug, seed};
use core::time::Duration;
use std::rc::Rc;
use zerocopy::FromZeros;

/// A system in which sleeping ends at once: only the flag is looked at.
struct Still;

impl Kernel for Still {
    fn sleep(&self, _: &AtomicU32, _: u32, _: Duration) {}
    fn wake_all(&self, _: &AtomicU32) {}
    fn heavy_barrier(&self) -> bool {
        true
    }
    fn fences(&self) -> bool {
        false
    }
}

fn sleeper(event: &Rc<Event>) -> Process {
    let event = Rc::clone(event);
    Process::new(move || {
        event.wait_round(&Still, Duration::from_secs(9), || {}, || false, || true);
    })
}

fn finish(mut process: Process) {
    while !process.step() {}
    process.recycle();
}

/// Whether the second sleeper is still flagged after the first came late and the waker cleared its stamp.
fn late_sleeper_leaves_the_flag() -> bool {
    let event = Rc::new(Event::new_zeroed());
    finish(sleeper(&event)); // somebody slept before: the flag bears the stamp of count 0
    let mut late = sleeper(&event);
    late.step(); // up to its first access
    late.step(); // it has read count 0, and is held up before it sets the flag
    let mut waker = Process::new({
        let event = Rc::clone(&event);
        move || event.ring(&Still)
    });
    for _ in 0..3 {
        waker.step(); // it has seen the stamp of count 0 and bumped the count; it has not cleared yet
    }
    finish(sleeper(&event)); // sleeps on the new count, with a stamp of its own
    finish(late);
    finish(waker);
    event.is_flagged()
}

#[test]
fn p1_a_late_sleeper_does_not_hide_one_who_sleeps() {
    assert!(late_sleeper_leaves_the_flag());
    seed(Some(Bug::OldStampWins));
    assert!(
        !late_sleeper_leaves_the_flag(),
        "the seeded bug was not caught"
    );
    seed(None);
}
