//! Blocking primitives whose owners are killed, stopped and forked. Promises P1, P3.
//!
//! No test asserts a time: deadlines are generous and stand for "it hangs".

#![allow(unsafe_code)] // fork, kill

#[path = "../queue/child.rs"]
#[allow(dead_code)] // the queue's tests use the rest
mod child;
#[path = "../common/mod.rs"]
mod common;

mod barrier;
mod mutex;
mod once;
mod rwlock;
mod semaphore;
mod signal;

use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

/// Longer than anything that does not hang.
const LONG: Duration = Duration::from_secs(60);

/// One test at a time: a child forked while another thread attaches would keep that thread's lock.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether `operation` panics, as a write through a read-only attachment must.
fn panics(operation: impl FnOnce()) -> bool {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(operation)).is_err()
}
