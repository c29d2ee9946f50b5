//! What is read in full by everybody, among real processes: `Versioned`, `Broadcast`,
//! `VersionedArray`. Promises P1, P2, P3.
//!
//! No test asserts a time: deadlines are generous and stand for "it hangs".

#![allow(unsafe_code)] // fork, kill, setitimer

#[path = "../queue/child.rs"]
#[allow(dead_code)] // the queue's tests use the rest
mod child;
#[path = "../common/mod.rs"]
mod common;

mod broadcast;
mod frames;
mod versioned;

use shm_runtime::{Pod, Segment, ShmType, Zeroable};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Longer than anything that does not hang.
const LONG: Duration = Duration::from_secs(60);

/// A value of several words, so that a torn one shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable, ShmType)]
#[repr(C)]
struct Item {
    number: u64,
    check: [u64; 8],
}

impl Item {
    fn new(number: u64) -> Self {
        let check =
            core::array::from_fn(|i| (number + i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        Self { number, check }
    }

    fn is_whole(self) -> bool {
        self == Self::new(self.number) || self == Self::zeroed()
    }
}

/// One test at a time: a child forked while another thread attaches would keep that thread's lock.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// P3: nobody but this process has a lane.
fn assert_lanes_are_back<S>(segment: &Segment<S>) {
    let recovery = Segment::recover(segment);
    assert_eq!(recovery.later, 0, "nobody is stopped, so all is settled");
    let attachment = Segment::attachment(segment);
    let own = attachment.identity().map(|identity| identity.word());
    for (lane, record) in attachment.lanes().iter().enumerate() {
        let owner = record.owner.load(Relaxed);
        assert!(
            owner == 0 || Some(owner) == own,
            "lane {lane} belongs to {owner:#x}"
        );
    }
}

/// That `run` panics, and says which field cannot be changed.
fn assert_refused(field: &str, operation: &str, run: &dyn Fn()) {
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
    let text = caught.expect_err(operation).downcast::<String>();
    let text = text.expect("a message");
    assert!(
        text.contains(&format!("`{field}`")) && text.contains("read-only"),
        "{operation}: {text}"
    );
}
