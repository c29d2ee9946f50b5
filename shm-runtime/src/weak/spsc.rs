//! `Spsc`: edges (T) and (H).

use super::{Awake, assert_caught, explore};
use crate::memory::cell::{CellArray, Cells};
use crate::memory::shared::Shared;
use crate::memory::signals::Signals;
use crate::seeded::Bug;
use crate::structures::spsc::ring::{Ring, Side};
use loom::thread::spawn;
use std::sync::Arc;
use zerocopy::FromZeros;

#[derive(FromZeros)]
#[repr(C)]
struct Memory {
    producer: Side,
    consumer: Side,
    signals: Signals,
    cells: CellArray<[u64; 2], 1>,
}

impl Memory {
    fn new() -> Arc<Self> {
        let memory = Self::new_zeroed();
        let memory = Arc::new(memory);
        memory.producer.enrol();
        memory.consumer.enrol();
        memory.signals.enrol();
        memory.cells.enrol();
        memory
    }

    fn ring(&self) -> Ring<'_, Cells<[u64; 2]>, Awake> {
        Ring {
            producer: &self.producer,
            consumer: &self.consumer,
            signals: &self.signals,
            cells: self.cells.cells(),
            kernel: Awake,
        }
    }
}

/// Pushes and pops through one place, which is used again and again.
fn one_place() {
    let memory = Memory::new();
    let other = Arc::clone(&memory);
    let producer = spawn(move || {
        let (ring, mut pushed) = (other.ring(), 0);
        let mut memo = ring.producer_memo();
        for _ in 0..3 {
            pushed += u64::from(ring.push(&mut memo, [pushed + 1; 2]));
        }
        pushed
    });
    let ring = memory.ring();
    let mut memo = ring.consumer_memo();
    let mut popped = 0;
    let mut pop = || {
        let element = ring.pop(&mut memo);
        if let Some([value, twice]) = element {
            assert_eq!(
                (value, twice),
                (popped + 1, popped + 1),
                "torn, or not the next one"
            );
            popped += 1;
        }
        element.is_some()
    };
    for _ in 0..3 {
        pop();
    }
    let pushed = producer.join().expect("it ended");
    while pop() {}
    assert_eq!(popped, pushed, "lost");
}

#[test]
fn p1_a_place_that_is_used_again_is_whole() {
    explore(3, one_place);
}

#[test]
fn missing_edges_are_caught() {
    for bug in [Bug::RelaxedTail, Bug::PublishBeforeWrite] {
        assert_caught(bug, "weak::spsc::p1_a_place_that_is_used_again_is_whole");
    }
}
