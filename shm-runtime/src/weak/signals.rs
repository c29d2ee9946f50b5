//! Waiting: no wake-up is lost, among those who fence for themselves.

use super::{Futex, assert_caught, explore};
use crate::memory::atomic::{
    AtomicU64,
    Ordering::{Acquire, Release},
};
use crate::memory::lane::{LaneRecord, Phase};
use crate::memory::shared::Shared;
use crate::memory::signals::{Event, ROUND};
use crate::seeded::{Bug, seeded};
use loom::thread::spawn;
use std::sync::Arc;
use zerocopy::FromZeros;

/// Rounds of a sleeper: most are over at once, as somebody is announced, and it could have any number of them.
const ROUNDS: usize = 3;

/// One flag that somebody waits for, as an element is.
#[derive(FromZeros)]
#[repr(C)]
struct Memory {
    record: LaneRecord,
    filled: Event,
    item: AtomicU64,
}

struct World {
    memory: Box<Memory>,
    futex: Futex,
}

impl World {
    fn new() -> Arc<Self> {
        let memory = Memory::new_box_zeroed().expect("memory");
        memory.record.enrol();
        memory.filled.enrol();
        memory.item.enrol();
        let futex = Futex::new();
        Arc::new(Self { memory, futex })
    }

    /// What every operation that fills does: announce, wake, publish, withdraw.
    fn fill(&self) {
        let Memory {
            record,
            filled,
            item,
        } = &*self.memory;
        record.announce(Phase::Filling);
        if !seeded(Bug::WakeAfterPublish) {
            filled.ring(&&self.futex);
        }
        item.store(1, Release);
        if seeded(Bug::WakeAfterPublish) {
            filled.ring(&&self.futex);
        }
        record.close(Phase::Idle);
    }

    fn is_empty(&self) -> bool {
        self.memory.item.load(Acquire) == 0
    }

    fn await_it(&self) {
        for _ in 0..ROUNDS {
            if !self.is_empty() {
                return;
            }
            let announced = || self.memory.record.state().phase() == Phase::Filling;
            let blocked = || self.is_empty();
            self.memory
                .filled
                .wait_round(&&self.futex, ROUND, || {}, announced, blocked);
        }
    }
}

fn one_sleeper() {
    let world = World::new();
    let other = Arc::clone(&world);
    let sleeper = spawn(move || other.await_it());
    world.fill();
    sleeper.join().expect("it was woken");
}

fn two_sleepers() {
    let world = World::new();
    let sleepers = [0, 1].map(|_| {
        let other = Arc::clone(&world);
        spawn(move || other.await_it())
    });
    world.fill();
    for sleeper in sleepers {
        sleeper.join().expect("it was woken");
    }
}

#[test]
fn p1_a_sleeper_is_woken() {
    explore(4, one_sleeper);
}

#[test]
fn p1_two_sleepers_are_woken() {
    explore(2, two_sleepers);
}

#[test]
fn missing_fences_are_caught() {
    for bug in [
        Bug::NoFenceBeforeFlag,
        Bug::NoFenceBehindFlag,
        Bug::NotAnnounced,
        Bug::IgnoreAnnounced,
    ] {
        assert_caught(bug, "weak::signals::p1_a_sleeper_is_woken");
    }
}
