//! `Map` and `Set` among real processes: rivals for one key, forks, handlers, read-only attachments, endless churn.
//! Promises P1, P2, P3. Killed anywhere: `tests/war/`, `tests/kill_walk/`.
//!
//! No test asserts a time: deadlines are generous and stand for "it hangs".

#![allow(unsafe_code)] // fork, timers

#[path = "../queue/child.rs"]
#[allow(dead_code)] // the queue's tests use the rest
mod child;
#[path = "../common/mod.rs"]
mod common;

mod churn;
mod process;
mod rivals;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// One test at a time: a child forked while another thread attaches would keep that thread's lock.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A number from the environment.
fn asked(variable: &str, otherwise: u64) -> u64 {
    let asked = std::env::var(variable).ok();
    asked
        .and_then(|number| number.parse().ok())
        .unwrap_or(otherwise)
}

/// FORMAT.md's hash of a key.
fn hash(key: u64) -> u64 {
    let mut x = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(8) ^ key;
    x = (x ^ x >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ x >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ x >> 31
}
