//! The lock of `Mutex`, `RwLock` and `Once`: edges (L) and (O), and its wake-ups.

use crate::memory::cell::CellArray;
use crate::memory::shared::{Shared, impl_shared};
use crate::memory::signals::{Kernel, ROUND};
use crate::seeded::Bug;
use crate::sync::lock::{After, Held, Lock, LockLine};
use crate::weak::kill::{at_every_access, killed};
use crate::weak::owners::Slots;
use crate::weak::{Awake, Futex, assert_caught, explore};
use loom::thread::spawn;
use std::sync::Arc;
use zerocopy::FromZeros;

/// The victim's slot, and those of two who live.
const DEAD: u32 = 0;
const LIVING: u32 = 1;
const OWN: u32 = 2;
/// Rounds of a sleeper, most of which are over at once.
const ROUNDS: usize = 3;

/// A lock, and a value twice, which is whole whenever nobody doubts it.
#[derive(FromZeros)]
#[repr(C)]
struct Memory {
    line: LockLine,
    value: CellArray<[u64; 2], 1>,
    slots: Slots,
}

impl_shared!(impl[] Memory { line, value, slots });

impl Memory {
    fn new() -> Arc<Self> {
        let memory = Self::new_zeroed();
        let memory = Arc::new(memory);
        memory.enrol();
        memory
    }

    fn lock<K: Kernel>(&self, kernel: K) -> Lock<'_, &Slots, K> {
        Lock {
            line: &self.line,
            owners: &self.slots,
            kernel,
        }
    }

    /// The value, which must be whole unless it is doubtful.
    fn value(&self, held: Held) -> u64 {
        let [one, two] = self.value.cells().load(0).expect("one value");
        assert!(one == two || held.is_doubtful(), "{one} and {two}");
        one.max(two)
    }

    /// Adds one to the value.
    fn change(&self, held: Held) {
        let next = self.value(held) + 1;
        self.value.cells().store(0, [next; 2]);
    }

    /// Adds one to the value under the lock, if it gets that at once: how often it did.
    fn add_one(&self, slot: u32) -> u64 {
        let lock = self.lock(Awake);
        let Some(held) = lock.acquire(self.slots.attach(slot)) else {
            return 0;
        };
        self.change(held);
        assert!(lock.release(held, After::Sound), "nobody else has it");
        1
    }
}

fn three_owners() {
    let memory = Memory::new();
    let others = [DEAD, LIVING].map(|slot| {
        let other = Arc::clone(&memory);
        spawn(move || other.add_one(slot))
    });
    let mut added = memory.add_one(OWN);
    for other in others {
        added += other.join().expect("it ended");
    }
    let held = memory
        .lock(Awake)
        .acquire(memory.slots.attach(OWN))
        .expect("it is free");
    assert_eq!(memory.value(held), added, "two had it at a time");
}

/// An owner is killed before its access number `accesses`, and its lock is freed, beside one who wants it; whether the
/// owner came to its end.
fn a_killed_owner(accesses: usize) -> bool {
    let memory = Memory::new();
    let dead = Arc::clone(&memory);
    let dead = spawn(move || {
        let mut added = 0;
        let ended = killed(accesses, || added = dead.add_one(DEAD));
        dead.slots.dies(DEAD);
        dead.lock(Awake).sweep(dead.slots.attach(LIVING)); // somebody else, who knows of the death
        (ended, added)
    });
    let (lock, me) = (memory.lock(Awake), memory.slots.attach(OWN));
    let mut known = 0;
    if let Some(held) = lock.acquire_free(me) {
        memory.change(held);
        assert!(lock.release(held, After::Sound), "nobody else has it");
        known += 1;
    }
    let (ended, added) = dead.join().expect("it was killed");
    known += added;
    let held = lock.acquire(me).expect("it was freed");
    let value = memory.value(held);
    assert!(
        (known..=known + u64::from(!ended)).contains(&value),
        "{value}"
    );
    ended
}

/// One does it once, and who sees that it is done sees what was done.
fn once() {
    let memory = Memory::new();
    let other = Arc::clone(&memory);
    let runner = spawn(move || {
        let lock = other.lock(Awake);
        let held = lock
            .acquire(other.slots.attach(LIVING))
            .expect("it is free");
        other.change(held);
        lock.release(held, After::Done)
    });
    if memory.lock(Awake).look().is_done() {
        assert_eq!(memory.value.cells().load(0), Some([1; 2]));
    }
    assert!(runner.join().expect("it ended"), "nobody else has it");
    assert_eq!(
        memory.lock(Awake).acquire(memory.slots.attach(OWN)),
        None,
        "it is done"
    );
}

/// Two want the lock, and the second sleeps for it.
fn a_sleeper() {
    let memory = Memory::new();
    let futex = Arc::new(Futex::new());
    let turn = |memory: &Memory, futex: &Futex, slot| {
        let (lock, me) = (memory.lock(futex), memory.slots.attach(slot));
        for _ in 0..ROUNDS {
            if let Some(held) = lock.acquire_free(me) {
                memory.change(held);
                assert!(lock.release(held, After::Sound), "nobody else has it");
                return;
            }
            lock.wait_round(me, ROUND);
        }
    };
    let (other, same) = (Arc::clone(&memory), Arc::clone(&futex));
    let sleeper = spawn(move || turn(&other, &same, LIVING));
    turn(&memory, &futex, OWN);
    sleeper.join().expect("it was woken");
}

#[test]
fn p1_a_lock_has_one_owner_at_a_time() {
    explore(2, three_owners);
}

#[test]
fn p1_the_lock_of_a_dead_one_is_handed_on_with_what_it_did() {
    at_every_access(3, a_killed_owner);
}

#[test]
fn p1_what_was_done_once_is_visible() {
    explore(3, once);
}

#[test]
fn p1_who_sleeps_for_a_lock_is_woken() {
    explore(2, a_sleeper);
}

#[test]
fn missing_edges_are_caught() {
    for test in [
        "weak::sync::lock::p1_a_lock_has_one_owner_at_a_time",
        "weak::sync::lock::p1_what_was_done_once_is_visible",
    ] {
        assert_caught(Bug::RelaxedUnlock, test);
    }
    for bug in [Bug::RelaxedName, Bug::RelaxedLeaving] {
        assert_caught(bug, "weak::sync::lock::p1_a_lock_has_one_owner_at_a_time");
    }
    for bug in [Bug::RelaxedOrphan, Bug::ForgetDeath] {
        assert_caught(
            bug,
            "weak::sync::lock::p1_the_lock_of_a_dead_one_is_handed_on_with_what_it_did",
        );
    }
    for bug in [
        Bug::NotAnnounced,
        Bug::NoFenceBeforeFlag,
        Bug::NoFenceBehindFlag,
    ] {
        assert_caught(bug, "weak::sync::lock::p1_who_sleeps_for_a_lock_is_woken");
    }
}
