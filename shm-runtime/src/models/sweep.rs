//! The recovery of a real segment, under the kernel's own locks: who may settle a lane, when it is free again, and
//! what can be told of one lane only because another was settled.
//!
//! Attachments of one segment take the part of processes. One dies by being dropped in the middle of an operation:
//! that unlocks its byte, and leaves its lane as it is. Nothing is random: every step is tried.
//!
//! Backs P1 and P3 for all structures with lanes.

use super::line::Line;
use super::scheduler::Process;
use crate::seeded::{Bug, seed};
use crate::structures::versioned::latest::Parts;
use crate::{Segment, ShmLayout, Versioned};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::rc::Rc;
use std::time::Instant;

const LANES: usize = 4;

#[derive(Debug, crate::ShmLayout)]
#[shm(lanes = 4)]
struct Drone {
    pose: Versioned<[u64; 2]>,
}

/// A new segment, and who creates it and stays.
fn create() -> (String, Segment<Drone>) {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Relaxed); // only has to be unique
    let name = format!("shm-test-sweep-{}-{count}", std::process::id());
    let keeper = Drone::create(&name).expect("the name is new");
    (name, keeper)
}

fn store(drone: &Segment<Drone>, value: u64) {
    drone.pose.store([value; 2]).expect("it has a lane");
}

/// Another process, which stands between two accesses to the segment.
struct Actor {
    /// What it is in the middle of, until that ends.
    process: Option<Process>,
    /// Behind the process, so that it is dropped after it.
    drone: Rc<Segment<Drone>>,
}

impl Actor {
    fn new(name: &str, does: impl FnOnce(&Segment<Drone>) + 'static) -> Self {
        let drone = Rc::new(Drone::open(name).expect("it is there"));
        let own = Rc::clone(&drone);
        let process = Some(Process::new(move || does(&own)));
        Self { process, drone }
    }

    /// Goes on to its access number `accesses` from here; whether it came to its end before.
    fn go(&mut self, accesses: usize) -> bool {
        for _ in 0..accesses {
            let Some(process) = &mut self.process else {
                return true;
            };
            if process.step()
                && let Some(process) = self.process.take()
            {
                process.recycle();
            }
        }
        self.process.is_none()
    }

    fn finish(&mut self) {
        while !self.go(1) {}
    }

    fn die(mut self) {
        if let Some(process) = self.process.take() {
            process.kill();
        }
        assert_eq!(Rc::strong_count(&self.drone), 1, "nobody else keeps it");
    }
}

/// What must hold when nobody is in the middle of anything.
fn wrong(drone: &Segment<Drone>) -> Option<String> {
    let [value, twice] = drone.pose.load();
    if value != twice {
        return Some("torn".to_owned());
    }
    let exchange = Parts::exchange(&drone.pose);
    let word = exchange.named(0, exchange.words[0].load(Relaxed));
    let spare = |lane| Some(exchange.spare_named(&exchange.own(lane).ok()?));
    let mut nodes: Vec<_> = (0..LANES).filter_map(spare).chain([word]).collect();
    nodes.sort_unstable();
    let right = nodes == (0..=LANES).collect::<Vec<_>>();
    (!right).then(|| format!("a node in two places: {nodes:?}"))
}

/// A process dies at an access of a store. One recovers it, up to some access; then another does, and if
/// that left the lane free, its next owner uses it; then the first goes on, or dies as well.
struct TwoRecover {
    dead_at: usize,
    first_at: usize,
    first_dies: bool,
}

/// Which of the two came to their ends before they were to stop.
type Ended = (bool, bool);

impl TwoRecover {
    fn play(&self) -> (Ended, Option<String>) {
        let (name, keeper) = create();
        let mut victim = Actor::new(&name, |drone| store(drone, 1));
        let mut first = Actor::new(&name, |drone| _ = Segment::recover(drone));
        let victim_ended = victim.go(self.dead_at);
        victim.die();
        let first_ended = first.go(self.first_at);
        Segment::recover(&keeper);
        let next = Drone::open(&name).expect("there is a lane");
        (2..5).for_each(|value| store(&next, value));
        if self.first_dies {
            first.die();
        } else {
            first.finish();
        }
        let later = Segment::recover(&keeper).later;
        let found = (later > 0).then(|| "a lane of the dead is not settled".to_owned());
        let found = found.or_else(|| wrong(&keeper));
        let found = found.or_else(|| {
            store(&next, 5);
            store(&keeper, 6);
            let lost = (keeper.pose.load() != [6; 2]).then(|| "the last value is lost".to_owned());
            lost.or_else(|| wrong(&keeper))
        });
        ((victim_ended, first_ended), found)
    }
}

/// Two die, one after the other, each at an access of a store; a third has stored since.
struct TwoDead {
    dead_at: [usize; 2],
    /// Whether the one with the higher lane goes first.
    swapped: bool,
}

impl TwoDead {
    fn play(&self) -> (Ended, Option<String>) {
        let (name, keeper) = create();
        let mut all = [1, 2].map(|value| Actor::new(&name, move |drone| store(drone, value)));
        if self.swapped {
            all.reverse();
        }
        let [mut one, mut other] = all;
        let ended = (one.go(self.dead_at[0]), other.go(self.dead_at[1]));
        store(&keeper, 3);
        one.die();
        other.die();
        let later = Segment::recover(&keeper).later;
        let found = (later > 0).then(|| "undecided, although all are dead".to_owned());
        (ended, found.or_else(|| wrong(&keeper)))
    }
}

/// Plays with every pair of accesses, from the first to the end; how many there were, and what was found first.
fn every_pair(play: impl Fn(usize, usize) -> (Ended, Option<String>)) -> (u64, Option<String>) {
    let mut count = 0;
    for one in 1.. {
        let mut one_ended = true;
        for other in 1.. {
            let (ended, found) = play(one, other);
            count += 1;
            if found.is_some() {
                return (
                    count,
                    found.map(|what| format!("{what}, at {one} and {other}")),
                );
            }
            one_ended &= ended.0;
            if ended.1 {
                break;
            }
        }
        if one_ended {
            break;
        }
    }
    (count, None)
}

fn two_recover() -> (u64, Option<String>) {
    let both = [false, true].map(|first_dies| {
        every_pair(|dead_at, first_at| {
            let scene = TwoRecover {
                dead_at,
                first_at,
                first_dies,
            };
            scene.play()
        })
    });
    joined(both)
}

fn two_dead() -> (u64, Option<String>) {
    let both = [false, true].map(|swapped| {
        every_pair(|one, other| {
            let scene = TwoDead {
                dead_at: [one, other],
                swapped,
            };
            scene.play()
        })
    });
    joined(both)
}

fn joined([one, other]: [(u64, Option<String>); 2]) -> (u64, Option<String>) {
    (one.0 + other.0, one.1.or(other.1))
}

fn assert_clean(all: fn() -> (u64, Option<String>)) {
    seed(None);
    let start = Instant::now();
    let (schedules, found) = all();
    assert_eq!(found, None);
    Line::models(schedules, start);
}

fn assert_caught(bug: Bug, all: fn() -> (u64, Option<String>)) {
    seed(Some(bug));
    let (schedules, found) = all();
    seed(None);
    let what = found.unwrap_or_else(|| panic!("{bug:?} was not caught"));
    eprintln!("{bug:?}: schedule {schedules}: {what}");
}

#[test]
fn p1_a_lane_is_settled_by_one_at_a_time() {
    assert_clean(two_recover);
}

#[test]
fn p3_all_that_the_dead_left_is_decided() {
    assert_clean(two_dead);
}

#[test]
fn seeded_bugs_are_caught() {
    assert_caught(Bug::SweepWithoutRight, two_recover);
    for bug in [Bug::SweepOnce, Bug::FreeUnsettled] {
        assert_caught(bug, two_dead);
    }
}
