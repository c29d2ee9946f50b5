//! Producers and consumers of one queue, in the languages that a test says, killed at random and replaced.
//!
//! A producer owns the numbers `i * 3 + seat`. Before it pushes a batch, it writes down where the batch ends, and behind it how
//! far it was acknowledged; so who kills it knows the numbers of unknown fate, and its successor leaves them out. A consumer
//! counts what it got in a row of its own, so that counting needs no atomic and a second sight is seen.

use super::actor::act;
use super::common::{Cleanup, Random, exists, role_command, unique};
use super::ledger::{Ledger, Tally};
use super::python;
use shm_runtime::{Array, Atomic, Pod, Queue, Segment, ShmLayout, ShmType, Zeroable};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Seats on either side: producers, and consumers.
pub const SIDES: usize = 3;
/// Elements that are pushed or popped at a time.
pub const BATCH: usize = 1024;
pub const CAPACITY: usize = 4096;
/// Numbers that there are; memory is what is used.
pub const LIMIT: usize = 3 << 26;

#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable, ShmType)]
#[repr(C)]
pub struct Item {
    pub number: u64,
    check: [u64; 2],
}

impl Item {
    pub fn of(sequence: u64, seat: usize) -> Self {
        let number = sequence * SIDES as u64 + seat as u64;
        let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Self {
            number,
            check: [mixed, !mixed],
        }
    }

    pub fn is_whole(&self) -> bool {
        let mixed = self.number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.check == [mixed, !mixed]
    }
}

#[derive(Debug, ShmLayout)]
#[shm(lanes = 16)]
pub struct War {
    pub queue: Queue<Item, CAPACITY>,
    /// 0: go on; 1: producers stop; 2: consumers stop when there is nothing left.
    pub order: Atomic<u32>,
    /// Where producers pause, each in its own row.
    pub allowed: Atomic<u64>,
    /// Per producer: where its batch ends, and so where a successor begins.
    pub next: Array<u64, SIDES>,
    /// Per producer: as far as this all is acknowledged, but for what the dead before it left open.
    pub done: Array<u64, SIDES>,
    /// Per seat: the id of the process that has it and is at work.
    pub ready: Array<u64, { 2 * SIDES }>,
    pub torn: Atomic<u64>,
    pub late: Atomic<u64>,
    /// Per consumer: how often it saw each number.
    pub seen: [Array<u8, LIMIT>; SIDES],
}

/// What a seat is taken by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Rust,
    Cpp,
    Python,
}

/// A mistake that consumers make, so that the ledger can be seen to notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    Lose,
    Twice,
}

impl Fault {
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Lose => "lose",
            Self::Twice => "twice",
        }
    }

    pub fn of(name: &str) -> Self {
        let all = [Self::Lose, Self::Twice];
        all.into_iter()
            .find(|fault| fault.name() == name)
            .unwrap_or(Self::None)
    }
}

/// What is fought with.
#[derive(Debug, Clone)]
pub struct Plan {
    pub producers: Vec<Language>,
    pub consumers: Vec<Language>,
    pub elements: u64,
    pub kills: u64,
    pub fault: Fault,
    /// The program in C++, where one is needed.
    pub cpp: PathBuf,
}

/// A process in a seat, killed when dropped.
struct Seated {
    seat: usize,
    child: Child,
}

impl Drop for Seated {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended
        let _ = self.child.wait();
    }
}

impl Plan {
    fn language(&self, seat: usize) -> Language {
        match seat.checked_sub(SIDES) {
            None => self.producers[seat],
            Some(seat) => self.consumers[seat],
        }
    }

    fn seats(&self) -> Vec<usize> {
        let consumers = (SIDES..).take(self.consumers.len());
        (0..self.producers.len()).chain(consumers).collect()
    }

    fn start(&self, name: &str, seat: usize) -> Seated {
        let (number, fault) = (seat.to_string(), self.fault.name());
        let mut command = match self.language(seat) {
            Language::Rust => role_command("a_seat_is_taken", &format!("{number} {fault}"), name),
            Language::Cpp => {
                let mut command = Command::new(&self.cpp);
                command.args([name, &number, fault]);
                command
            }
            Language::Python => {
                let mut command = Command::new(python::python());
                let script = python::root().join("tests/languages/actor.py");
                command.arg(script).args([name, &number, fault]);
                command
            }
        };
        let child = command.stdout(Stdio::null()).spawn().unwrap();
        Seated { seat, child }
    }

    /// Numbers that each producer has.
    fn each(&self) -> u64 {
        self.elements / self.producers.len() as u64
    }
}

/// Waits until something is so, and looks whether all who are to bring it about still run.
fn until(seats: &mut [Seated], what: &str, mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        for seated in &mut *seats {
            let ended = seated.child.try_wait().unwrap();
            assert_eq!(ended, None, "seat {} ended, {what}", seated.seat);
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn until_ready(war: &War, seats: &mut [Seated]) {
    let ids: Vec<(usize, u64)> = seats
        .iter()
        .map(|seated| (seated.seat, u64::from(seated.child.id())))
        .collect();
    until(seats, "before it was ready", || {
        ids.iter().all(|&(seat, id)| war.ready.get(seat) == id)
    });
}

/// Elements that are acknowledged or left out.
fn progress(war: &War, plan: &Plan) -> u64 {
    (0..plan.producers.len())
        .map(|seat| war.done.get(seat))
        .sum()
}

/// Has it out, and counts: what is wrong, or what happened.
pub fn wage(test: &str, plan: &Plan) -> Result<Tally, String> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(
        (plan.each() as usize + 2 * BATCH) * SIDES < LIMIT,
        "too many elements for their counts"
    );
    let name = unique(test);
    let _cleanup = Cleanup(name.clone());
    let mut random = Random::new(test);
    let war = War::options().sparse().create(&name).unwrap();
    let mut ledger = Ledger::default();
    let mut seats: Vec<Seated> = plan
        .seats()
        .iter()
        .map(|&seat| plan.start(&name, seat))
        .collect();
    until_ready(&war, &mut seats);
    for kill in 1..=plan.kills {
        let before = progress(&war, plan);
        let share = plan.each() * kill / (plan.kills + 1);
        war.allowed.store(share);
        // somewhere in the middle of what they may do until the next one
        let goal = share * plan.producers.len() as u64;
        let point = before + random.below(goal.saturating_sub(before).max(2) * 3 / 4);
        until(&mut seats, "at work", || {
            progress(&war, plan) >= point.min(goal)
        });
        let victim = random.below(seats.len() as u64) as usize;
        let Seated { seat, child } = &mut seats[victim];
        let seat = *seat;
        child.kill().unwrap();
        child.wait().unwrap();
        ledger.bury(&war, seat);
        seats[victim] = plan.start(&name, seat);
        until_ready(&war, &mut seats[victim..=victim]);
    }
    war.allowed.store(plan.each());
    finish(&war, plan, &mut seats);
    let tally = ledger.check(&war, plan)?;
    assert_capacity_is_back(&war);
    drop(war);
    assert!(!exists(&name), "the last one out removes the name");
    Ok(tally)
}

/// Lets everybody come to an end.
fn finish(war: &Segment<War>, plan: &Plan, seats: &mut Vec<Seated>) {
    let all = plan.each() * plan.producers.len() as u64;
    until(seats, "before all was pushed", || {
        progress(war, plan) >= all
    });
    war.order.store(1);
    let (producers, consumers): (Vec<_>, Vec<_>) =
        seats.drain(..).partition(|seated| seated.seat < SIDES);
    let join = |mut seated: Seated| assert!(seated.child.wait().unwrap().success());
    producers.into_iter().for_each(join);
    war.order.store(2);
    consumers.into_iter().for_each(join);
    assert_eq!(Segment::recover(war).later, 0, "nobody is stopped");
}

fn assert_capacity_is_back(war: &War) {
    let room = (0..).take_while(|&i| war.queue.push(Item::of(i, 0)).is_ok());
    assert_eq!(room.count(), CAPACITY, "full capacity is back, and no more");
}

/// What a process of Rust does in its seat.
pub fn take_seat(role: &str, name: &str) {
    let war = War::open(name).unwrap();
    let (seat, fault) = role.split_once(' ').unwrap();
    act(&war, seat.parse().unwrap(), Fault::of(fault));
}
