//! What processes own for a while, and leave behind when they are killed: `Pool`, `sync`, and the lanes of a `Stack`.
//! Promises P1, P3.
//!
//! No test asserts a time: deadlines are generous and stand for "it hangs".

#![allow(unsafe_code)] // fork, kill

#[path = "../queue/child.rs"]
#[allow(dead_code)] // the queue's tests use the rest
mod child;
#[path = "../common/mod.rs"]
mod common;

mod pool;
mod stack;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Longer than anything that does not hang.
const LONG: Duration = Duration::from_secs(60);

/// One test at a time: a child forked while another thread attaches would keep that thread's lock.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}
