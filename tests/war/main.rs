//! Random war: processes that are killed and stopped anywhere, and histories that must be linearizable.
//! Promises P1, P2, P3.
//!
//! `SHM_WAR_KILLS=1000000 cargo test --release --test war -- --nocapture` is the long form, `SHM_TEST_SEED` repeats
//! a seed. A structure joins by a file in `fields/`: see [`spec`].
//!
//! No test asserts a time: a round that hangs for two minutes ends the war.

#![allow(unsafe_code, unreachable_pub)] // fork, mmap, timers

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/report.rs"]
mod line;

mod battle;
mod checker_tests;
mod fields;
mod history;
mod spec;
mod system;
mod wgl;

use battle::{Field, Tally, wage};
use common::{Random, exists, unique};
use history::Log;
use shm_runtime::{Pod, Segment, ShmType, Zeroable};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Kills in the quick form, for each structure.
const QUICK: u64 = 2_000;

/// An element of several words, so that a torn one shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Pod, Zeroable, ShmType)]
#[repr(C)]
pub(crate) struct Item {
    producer: u64,
    pub(crate) sequence: u64,
    check: u64,
}

impl Item {
    pub(crate) fn new(producer: u64, sequence: u64) -> Self {
        let check = (producer << 56 ^ sequence).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Self {
            producer,
            sequence,
            check,
        }
    }

    pub(crate) fn is_whole(self) -> bool {
        self == Self::new(self.producer, self.sequence)
    }
}

/// P3: nobody but this process has a lane.
pub(crate) fn assert_lanes_are_back<S>(segment: &Segment<S>) {
    assert_eq!(
        Segment::recover(segment).later,
        0,
        "nobody is stopped, so all is settled"
    );
    let attachment = Segment::attachment(segment);
    let own = attachment.identity().map(|identity| identity.word());
    for (lane, record) in attachment.lanes().iter().enumerate() {
        let owner = record.owner.load(Relaxed);
        assert!(
            owner == 0 || Some(owner) == own,
            "lane {lane} belongs to {owner:#x}"
        );
    }
    assert_eq!(Segment::participants(segment).unwrap().len(), 1);
}

fn kills() -> u64 {
    let asked = std::env::var("SHM_WAR_KILLS").ok();
    asked.and_then(|kills| kills.parse().ok()).unwrap_or(QUICK)
}

/// Wages the war in a process of its own, which has one thread, and prints what it was like; how it ended.
fn fight<F: Field>(field: &F) -> (i32, Tally, line::Line) {
    static ONE: Mutex<()> = Mutex::new(());
    let _alone = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let name = unique(&format!("war-{}", F::NAME));
    let _cleanup = common::Cleanup(name.clone());
    let seed = Random::new(F::NAME).below(u64::MAX);
    let log = Log::new();
    let start = Instant::now();
    let status = system::wait_for(system::fork(|| wage(field, &name, log, seed, kills())));
    let tally = Tally::load(log);
    let seconds = start.elapsed().as_secs_f64();
    eprintln!(
        "{}: {} kills ({:.0}/s), {} stops, {} processes, {} operations, {} of them cut off, {} histories, {:.1} visits per operation, {} undecided, {} violations, {seconds:.1} s",
        F::NAME,
        tally.kills,
        tally.kills as f64 / seconds,
        tally.stops,
        tally.forks,
        tally.calls,
        tally.pending,
        tally.histories,
        tally.visited as f64 / tally.calls.max(1) as f64,
        tally.undecided,
        i32::from(status != 0),
    );
    let line = line::Line {
        kills: tally.kills,
        schedules: tally.histories,
        survivors: tally.forks - tally.kills,
        violations: u64::from(status != 0),
        ..line::Line::of(F::NAME)
    };
    let line = line.since(start);
    assert!(
        status != 0 || !exists(&name),
        "the last one out removes the name"
    );
    (status, tally, line)
}

/// A war that must end well.
fn war<F: Field>(field: &F) {
    let (status, tally, line) = fight(field);
    line.append("war");
    assert_eq!(status, 0, "the war ended badly");
    assert!(tally.pending > 0, "nobody was killed in an operation");
    assert_eq!(tally.undecided, 0);
}

#[test]
fn p1_queue_is_linearizable_whoever_is_killed_or_stopped() {
    war(&fields::queue::Fifo);
}

#[test]
fn p1_queue_wakes_all_who_wait_whoever_is_killed_or_stopped() {
    war(&fields::waiting::Waiting);
}

#[test]
fn p1_leases_are_linearizable_whoever_is_killed_or_stopped() {
    war(&fields::pool::Leases);
}

#[test]
fn p1_keys_are_linearizable_whoever_is_killed_or_stopped() {
    war(&fields::map::Keys);
}

#[test]
fn p1_a_register_under_a_mutex_is_linearizable_whoever_is_killed_or_stopped() {
    war(&fields::mutex::Guarded);
}

#[test]
fn p1_a_register_that_many_read_is_linearizable_whoever_is_killed_or_stopped() {
    war(&fields::rwlock::Shared);
}

#[test]
fn p1_permits_are_linearizable_whoever_is_killed_or_stopped() {
    war(&fields::semaphore::Permits);
}

#[test]
fn p1_a_barrier_opens_for_the_living_whoever_is_killed_or_stopped() {
    war(&fields::barrier::Gates);
}

#[test]
fn p1_what_is_done_once_is_done_once_whoever_is_killed_or_stopped() {
    war(&fields::once::Initialized);
}

#[test]
fn p1_raises_count_once_whoever_is_killed_or_stopped() {
    war(&fields::signal::Raised);
}

#[test]
fn p1_spsc_is_linearizable_whoever_is_killed_or_stopped() {
    war(&fields::spsc::Pair);
}

#[test]
fn p1_the_latest_value_is_linearizable_whoever_is_killed_or_stopped() {
    war(&fields::versioned::Register);
}

#[test]
fn p1_a_broadcast_is_linearizable_whoever_is_killed_or_stopped() {
    war(&fields::broadcast::News::default());
}

#[test]
fn p1_stack_is_linearizable_whoever_is_killed_or_stopped() {
    war(&fields::stack::Lifo);
}

#[test]
fn p1_stack_wakes_all_who_wait_whoever_is_killed_or_stopped() {
    war(&fields::stack::Sleepy);
}

#[test]
fn p1_frames_are_linearizable_whoever_is_killed_or_stopped() {
    war(&fields::versioned_array::Frames::default());
}

#[test]
fn p1_numbers_are_linearizable_whoever_is_killed_or_stopped() {
    war(&fields::atomic::Number);
}

#[test]
fn a_careless_increment_is_caught() {
    let (status, _, _) = fight(&fields::atomic::Careless);
    assert_ne!(status, 0, "nobody noticed that it is two steps");
}
