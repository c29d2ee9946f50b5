//! The exclusive queue under kills, successors in its roles, stops, and sleepers.
//!
//! Backs P1 (kill), P2 (stop: the other side goes on) and P3 for `Spsc`.

use super::line::Line;
use super::scheduler::{Process, Random, now, pause, quietly};
use crate::memory::atomic::{
    AtomicU32,
    Ordering::{Relaxed, SeqCst},
    raw,
};
use crate::memory::cell::{CellArray, Cells};
use crate::memory::signals::{Kernel, SLICE, Signals};
use crate::seeded::{Bug, seed, seeded};
use crate::structures::spsc::ring::{Ring, Side, Trust};
use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::rc::Rc;
use std::time::Instant;
use zerocopy::FromZeros;

const PRODUCER: usize = 0;
const CONSUMER: usize = 1;
/// Elements that a run pushes in all.
const ELEMENTS: u64 = 12;

#[derive(FromZeros)]
#[repr(C)]
struct Memory {
    producer: Side,
    consumer: Side,
    signals: Signals,
    cells: [CellArray<[u64; 2], 4>; 1],
    small: [CellArray<[u64; 2], 1>; 1],
}

/// One run's world.
struct World {
    memory: Box<Memory>,
    small: bool,
    /// Values whose push was acknowledged.
    pushed: RefCell<Vec<u64>>,
    /// Values that were popped and returned, in order.
    popped: RefCell<Vec<u64>>,
    /// Pops that were killed.
    killed_pops: Cell<usize>,
    /// Whether the consumer is inside a pop.
    popping: Cell<bool>,
    asleep: RefCell<[Option<*const u32>; 2]>,
    alive: Cell<[bool; 2]>,
    running: Cell<usize>,
    violation: RefCell<Option<String>>,
}

impl World {
    fn ring(&self) -> Ring<'_, Cells<[u64; 2]>, &Self> {
        Ring {
            producer: &self.memory.producer,
            consumer: &self.memory.consumer,
            signals: &self.memory.signals,
            cells: if self.small {
                self.memory.small[0].cells()
            } else {
                self.memory.cells[0].cells()
            },
            kernel: self,
        }
    }

    fn violate(&self, what: impl Into<String>) {
        self.violation.borrow_mut().get_or_insert(what.into());
    }

    fn wait(&self, filling: bool, trust: &mut Trust) {
        let other = if filling { CONSUMER } else { PRODUCER };
        let lives = || self.alive.get()[other];
        self.ring()
            .wait_round(filling, trust, Duration::from_secs(9), lives);
    }
}

impl Kernel for &World {
    fn sleep(&self, word: &AtomicU32, expected: u32, limit: Duration) {
        let me = self.running.get();
        pause();
        if quietly(|| word.load(SeqCst)) != expected || limit <= SLICE {
            return;
        }
        self.asleep.borrow_mut()[me] = Some(raw(word).as_ptr());
        while self.asleep.borrow()[me].is_some() {
            pause();
        }
    }
    fn wake_all(&self, word: &AtomicU32) {
        pause();
        let word: *const u32 = raw(word).as_ptr();
        for sleeper in self.asleep.borrow_mut().iter_mut() {
            *sleeper = sleeper.filter(|&on| on != word);
        }
    }
    fn heavy_barrier(&self) -> bool {
        true
    }
    fn fences(&self) -> bool {
        false
    }
}

/// The producer's program: the next holder of the role goes on where the tail says.
fn produce(world: &World) {
    let ring = world.ring();
    let (mut memo, mut trust) = (ring.producer_memo(), Trust::default());
    while memo.own < ELEMENTS {
        let value = memo.own + 1;
        if ring.push(&mut memo, [value, value]) {
            quietly(|| world.pushed.borrow_mut().push(value));
        } else {
            world.wait(true, &mut trust);
        }
    }
}

/// The consumer's program.
fn consume(world: &World) {
    let ring = world.ring();
    let (mut memo, mut trust) = (ring.consumer_memo(), Trust::default());
    while memo.own < ELEMENTS {
        world.popping.set(true);
        let got = ring.pop(&mut memo);
        world.popping.set(false);
        let Some([value, twice]) = got else {
            world.wait(false, &mut trust);
            continue;
        };
        quietly(|| {
            let mut popped = world.popped.borrow_mut();
            if value != twice {
                world.violate("torn");
            } else if popped.last().is_some_and(|&last| last >= value) {
                world.violate("order: twice, or not the first in");
            } else if value == 0 {
                world.violate("an element out of nothing");
            }
            popped.push(value);
        });
    }
}

fn run(seed: u64, mut kills: usize, stops: bool) -> Option<String> {
    let mut random = Random::new(seed);
    let world = Rc::new(World {
        memory: Box::new(Memory::new_zeroed()),
        small: random.chance(0.3),
        pushed: RefCell::default(),
        popped: RefCell::default(),
        killed_pops: Cell::new(0),
        popping: Cell::new(false),
        asleep: RefCell::default(),
        alive: Cell::new([true; 2]),
        running: Cell::new(0),
        violation: RefCell::default(),
    });
    let spawn = |side: usize| {
        let world = Rc::clone(&world);
        Process::new(move || {
            if side == PRODUCER {
                produce(&world)
            } else {
                consume(&world)
            }
        })
    };
    let mut processes = [Some(spawn(PRODUCER)), Some(spawn(CONSUMER))];
    let mut stopped = None;
    let kill = random.pick(&[0.0, 0.02, 0.08]);
    let sticky = random.below(100) as f64 / 100.0;
    let (mut current, mut steps) = (0, 0);
    while world.violation.borrow().is_none() && steps < 20_000 {
        steps += 1;
        let asleep = *world.asleep.borrow();
        let ready = |side: usize| {
            processes[side].is_some() && asleep[side].is_none() && stopped != Some(side)
        };
        if !ready(current) || !random.chance(sticky) {
            current = random.below(2);
        }
        if !ready(current) {
            current = 1 - current;
        }
        if !ready(current) {
            break;
        }
        if stops && stopped.is_none() && random.chance(0.01) {
            stopped = Some(current);
            continue;
        }
        if kills > 0 && random.chance(kill) {
            kills -= 1;
            processes[current].take().expect("ready").kill();
            if current == CONSUMER && world.popping.replace(false) {
                world.killed_pops.set(world.killed_pops.get() + 1);
            }
            processes[current] = Some(spawn(current)); // takes the role over
            continue;
        }
        world.running.set(current);
        if processes[current].as_mut().expect("ready").step() {
            processes[current].take().expect("it was").recycle();
        }
    }
    let left = [processes[0].is_some(), processes[1].is_some()];
    check(&world, left, stopped);
    processes.into_iter().flatten().for_each(Process::kill);
    let _ = now();
    world.violation.take()
}

fn check(world: &World, left: [bool; 2], stopped: Option<usize>) {
    let asleep = *world.asleep.borrow();
    let ring = world.ring();
    quietly(|| {
        for side in [PRODUCER, CONSUMER] {
            if stopped != Some(side) && asleep[side].is_some() && !ring.is_blocked(side == PRODUCER)
            {
                world.violate("lost wake-up");
            }
        }
        if stopped.is_some() {
            return; // the other side has done what it could: it ended or sleeps
        }
        if left != [false; 2] && world.violation.borrow().is_none() {
            world.violate("no progress");
        }
        let popped = world.popped.borrow();
        let lost = world
            .pushed
            .borrow()
            .iter()
            .filter(|value| !popped.contains(value))
            .count();
        if lost > world.killed_pops.get() {
            world.violate("lost: acknowledged, never popped");
        }
        let tail = world.memory.producer.position.load(Relaxed);
        if left == [false; 2] && tail != ELEMENTS {
            world.violate("the tail is not where it belongs");
        }
    });
}

fn runs() -> u64 {
    std::env::var("SHM_MODEL_RUNS")
        .ok()
        .and_then(|runs| runs.parse().ok())
        .unwrap_or(20_000)
}

fn assert_clean(kills: usize, stops: bool) {
    seed(None);
    let start = Instant::now();
    for seed in 0..runs() {
        assert_eq!(run(seed, kills, stops), None, "seed {seed}");
    }
    Line::models(runs(), start);
}

#[test]
fn p1_killed_anywhere_loses_and_doubles_nothing() {
    assert_clean(0, false);
    assert_clean(4, false);
}

#[test]
fn p2_a_stopped_side_does_not_hold_up_the_other() {
    assert_clean(2, true);
}

#[test]
fn seeded_bugs_are_caught() {
    for bug in [
        Bug::PublishBeforeWrite,
        Bug::CopyAfterRelease,
        Bug::WakeAfterPublish,
        Bug::NotAnnounced,
        Bug::IgnoreAnnounced,
        Bug::TrustAtOnce,
    ] {
        seed(Some(bug));
        let caught = (0..20 * runs().max(20_000)).any(|number| run(number, 4, false).is_some());
        assert!(caught && seeded(bug), "{bug:?} was not caught");
    }
    seed(None);
}
