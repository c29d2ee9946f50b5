//! Models of weak memory: the real algorithms with two or three threads under loom, which tries every interleaving
//! up to a bound of preemptions, and lets every load return whatever the memory model allows it to.
//!
//! `.ci/loom` runs them. Here it is told whether a memory order is strong enough: each edge that an algorithm names
//! is taken away once ([`crate::seeded`]), and must be missed. What needs many steps, or many kills, is in
//! `crate::models`, which is sequentially consistent.
//!
//! Not covered:
//!
//! - Loom runs a thread's accesses in the program's order, so it does not show a store that becomes visible before an
//!   earlier *load*, its own thread's or one that was read before: edge (H) of `Spsc`, whose other end is a copy, and
//!   (R) of `RwLock`, whose readers have read before a writer writes.
//! - No execution was found that needs edge (S) of a spare that is stored.
//! - `membarrier` has no model, so sleepers and wakers are modelled as those whom it does not reach, who fence for
//!   themselves. Their fences bring about edge (M) of `RwLock` as well.
//! - What shows only beyond the bound of preemptions, which is one to four.

#![allow(missing_debug_implementations)] // nobody prints a model

#[path = "../../../tests/common/report.rs"]
mod line;

mod broadcast;
mod kill;
mod large_map;
mod leases;
mod map;
mod owners;
mod queue;
mod recovery;
mod ring;
mod signals;
mod spsc;
mod stack;
mod sync;
mod versioned;
mod versioned_array;

use crate::memory::atomic::weak::forget;
use crate::memory::atomic::{AtomicU32, Ordering::SeqCst};
use crate::memory::signals::{Kernel, SLICE};
use crate::seeded::Bug;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use core::time::Duration;
use line::Line;
use loom::sync::{Condvar, Mutex};
use std::sync::Arc;
use std::time::Instant;

/// Runs `model` in all executions with at most so many preemptions; `SHM_LOOM_MORE` asks for more of them.
fn explore(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let more = std::env::var("SHM_LOOM_MORE").ok();
    let more = more.and_then(|more| more.parse().ok()).unwrap_or(0);
    let mut loom = loom::model::Builder::new();
    loom.preemption_bound = Some(preemptions + more);
    loom.max_branches = 100_000;
    let start = Instant::now();
    let executions = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&executions);
    loom.check(move || {
        count.fetch_add(1, Relaxed);
        forget();
        model();
        forget();
    });
    let executions = executions.load(Relaxed);
    let thread = std::thread::current();
    let line = Line {
        schedules: executions,
        ..Line::of(thread.name().unwrap_or_default())
    };
    line.since(start).append("loom");
}

/// A bug that the test `test` must not survive. In a process of its own: a model that fails may not unwind.
fn assert_caught(bug: Bug, test: &str) {
    let caught = std::process::Command::new(std::env::current_exe().expect("a program"))
        .args(["--exact", test, "--test-threads=1"])
        .env("SHM_SEEDED", format!("{bug:?}"))
        .env("RUST_BACKTRACE", "0")
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&caught.stdout);
    assert!(said.contains("running 1 test"), "no such test: {test}");
    assert!(!caught.status.success(), "{bug:?} was not caught by {test}");
}

/// A system in which nobody sleeps, and nobody has to fence.
#[derive(Clone, Copy)]
struct Awake;

impl Kernel for Awake {
    fn sleep(&self, _: &AtomicU32, _: u32, _: Duration) {
        unreachable!("nobody waits");
    }
    fn wake_all(&self, _: &AtomicU32) {}
    fn heavy_barrier(&self) -> bool {
        true
    }
    fn fences(&self) -> bool {
        false
    }
}

/// A futex, for those whom no barrier reaches: each fences for itself.
struct Futex {
    lock: Mutex<()>,
    woken: Condvar,
}

impl Futex {
    fn new() -> Self {
        Self {
            lock: Mutex::new(()),
            woken: Condvar::new(),
        }
    }
}

impl Kernel for &Futex {
    fn sleep(&self, word: &AtomicU32, expected: u32, limit: Duration) {
        if limit <= SLICE {
            return loom::thread::yield_now(); // it looks again in a moment
        }
        let held = self.lock.lock().expect("nobody panics");
        if word.load(SeqCst) == expected {
            drop(self.woken.wait(held));
        }
    }

    fn wake_all(&self, _: &AtomicU32) {
        let _held = self.lock.lock().expect("nobody panics");
        self.woken.notify_all();
    }

    fn heavy_barrier(&self) -> bool {
        true // so that a sleeper sleeps for good, and a lost wake-up is a deadlock
    }

    fn fences(&self) -> bool {
        true
    }
}
