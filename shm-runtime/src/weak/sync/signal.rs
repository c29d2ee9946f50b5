//! `Signal`: edge (C), through the hands of a helper too, and its wake-ups.

use crate::memory::atomic::{AtomicU64, Ordering::Relaxed};
use crate::memory::shared::{Shared, impl_shared};
use crate::memory::signals::ROUND;
use crate::seeded::Bug;
use crate::sync::signal::{Raising, Repr};
use crate::weak::kill::{at_every_access, killed};
use crate::weak::{Awake, Futex, assert_caught, explore};
use loom::thread::spawn;
use std::sync::Arc;
use zerocopy::FromZeros;

/// Rounds of a sleeper, most of which are over at once.
const ROUNDS: usize = 3;

#[derive(FromZeros)]
#[repr(C)]
struct Memory {
    signal: Repr,
    /// What each of two does before it raises.
    done: [AtomicU64; 2],
}

impl_shared!(impl[] Memory { signal, done });

impl Memory {
    fn new() -> Arc<Self> {
        let memory = Self::new_zeroed();
        let memory = Arc::new(memory);
        memory.enrol();
        memory
    }

    fn signal(&self) -> Raising<'_, Awake> {
        Raising::new(&self.signal, Awake)
    }

    /// Does something, and raises.
    fn raise(&self, who: usize) {
        self.done[who].store(1, Relaxed);
        assert!(self.signal().raise(), "it makes sense");
    }

    /// The count, behind which as much is done.
    fn count(&self) -> u64 {
        let count = self.signal().count();
        let done: u64 = self.done.iter().map(|done| done.load(Relaxed)).sum();
        assert!(done >= count, "{count} raised, {done} done");
        count
    }
}

/// One is killed in its raise before its access number `accesses`, beside one who raises too; whether it came to its
/// end.
fn two_raise(accesses: usize) -> bool {
    let memory = Memory::new();
    let (dead, lives) = (Arc::clone(&memory), Arc::clone(&memory));
    let dead = spawn(move || killed(accesses, || dead.raise(0)));
    let lives = spawn(move || lives.raise(1));
    memory.count();
    let ended = dead.join().expect("it was killed");
    lives.join().expect("it ended");
    let count = memory.count();
    assert!(count == 2 || count == 1 && !ended, "{count}");
    ended
}

/// One sleeps until it is raised.
fn a_sleeper() {
    let memory = Memory::new();
    let futex = Arc::new(Futex::new());
    let (other, same) = (Arc::clone(&memory), Arc::clone(&futex));
    let sleeper = spawn(move || {
        let signal = Raising::new(&other.signal, &*same);
        for _ in 0..ROUNDS {
            if signal.count() != 0 {
                return;
            }
            signal.wait_round(0, ROUND);
        }
    });
    assert!(Raising::new(&memory.signal, &*futex).raise());
    sleeper.join().expect("it was woken");
}

#[test]
fn p1_who_sees_a_count_sees_what_was_done_before() {
    at_every_access(2, two_raise);
}

#[test]
fn p1_who_sleeps_for_a_signal_is_woken() {
    explore(3, a_sleeper);
}

#[test]
fn missing_edges_are_caught() {
    assert_caught(
        Bug::RelaxedRaise,
        "weak::sync::signal::p1_who_sees_a_count_sees_what_was_done_before",
    );
    for bug in [
        Bug::NotAnnounced,
        Bug::NoFenceBeforeFlag,
        Bug::NoFenceBehindFlag,
    ] {
        assert_caught(
            bug,
            "weak::sync::signal::p1_who_sleeps_for_a_signal_is_woken",
        );
    }
}
