//! Rust and C++ on one queue at once: four producers and four consumers, of either language by chance, which are killed at
//! random and replaced. In the end everything is counted.
//!
//! `SHM_CPP_KILLS` asks for more kills, `SHM_TEST_SEED` for the same ones again.

use super::any;
use super::common::{Cleanup, Random, exists, role, role_command, unique};
use super::compile::program;
use shm_runtime::{Array, Atomic, Pod, Queue, Segment, ShmLayout, ShmType, Zeroable};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const SEATS: usize = 8;
const PRODUCERS: usize = 4;
const LIMIT: usize = 1 << 20;
const CAPACITY: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable, ShmType)]
#[repr(C)]
pub struct Item {
    pub seat: u64,
    pub number: u64,
    check: [u64; 3],
}

impl Item {
    pub fn of(seat: u64, number: u64) -> Self {
        let mixed = seat
            .wrapping_mul(1_000_003)
            .wrapping_add(number)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Self {
            seat,
            number,
            check: [mixed, !mixed, mixed >> 7],
        }
    }
}

/// The same as `war` in bindings/cpp/tests/sim.hpp.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 32)]
struct War {
    queue: Queue<Item, CAPACITY>,
    /// 0: go on; 1: producers stop; 2: consumers stop when there is nothing left.
    order: Atomic<u32>,
    /// Per producer: the number that the next process begins with, and how many pushes were acknowledged.
    next: Array<u64, PRODUCERS>,
    acknowledged: Array<u64, PRODUCERS>,
    /// How often each item was seen.
    seen: Array<u8, { PRODUCERS * LIMIT }>,
    torn: Atomic<u64>,
}

impl War {
    fn produce(&self, seat: usize) {
        let mut number = self.next.get(seat);
        while self.order.load() < 1 && (number as usize) < LIMIT {
            // the number is the dead's from here on: whether its push took effect is not known to the successor
            self.next.set(seat, number + 1);
            let item = Item::of(seat as u64, number);
            while self
                .queue
                .push_wait(item, Duration::from_millis(100))
                .is_err()
            {
                if self.order.load() >= 1 {
                    self.next.set(seat, number);
                    return;
                }
            }
            self.acknowledged.fetch_add(seat, 1);
            number += 1;
        }
    }

    fn see(&self, item: Item) {
        if item == Item::of(item.seat, item.number) && (item.number as usize) < LIMIT {
            let place = item.seat as usize * LIMIT + item.number as usize;
            self.seen.fetch_add(place, 1);
        } else {
            self.torn.fetch_add(1);
        }
    }

    fn consume(&self, takes: bool) {
        loop {
            // the order is read first: what was pushed before it was given is still popped
            let last = self.order.load() >= 2;
            let is_there = if takes {
                match self.queue.take().unwrap() {
                    Some(taken) => {
                        self.see(taken.get());
                        taken.done();
                        true
                    }
                    None => false,
                }
            } else {
                let wait = Duration::from_millis(if last { 0 } else { 20 });
                let popped = self.queue.pop_wait(wait).ok();
                popped.map(|item| self.see(item)).is_some()
            };
            if last && !is_there {
                return;
            }
        }
    }
}

/// A process in a seat: Rust where there is no program in C++.
fn start(name: &str, seat: usize, takes: bool, cpp: Option<&Path>) -> Child {
    let what = match (seat < PRODUCERS, takes) {
        (true, _) => "produce",
        (false, true) => "take",
        (false, false) => "pop",
    };
    let mut command = match cpp {
        Some(actor) => {
            let mut command = Command::new(actor);
            command.args([what, name, &seat.to_string()]);
            command
        }
        None => role_command("war::a_seat_is_taken", &format!("{what} {seat}"), name),
    };
    command.stdout(Stdio::null()).spawn().unwrap()
}

/// What a process of Rust does in its seat; nothing where this is the test itself.
#[test]
fn a_seat_is_taken() {
    let Some((role, name)) = role() else {
        return;
    };
    let war = War::open(&name).unwrap();
    let (what, seat) = role.split_once(' ').unwrap();
    match what {
        "produce" => war.produce(seat.parse().unwrap()),
        what => war.consume(what == "take"),
    }
}

pub fn kills() -> u64 {
    let asked = std::env::var("SHM_CPP_KILLS").ok();
    asked.and_then(|kills| kills.parse().ok()).unwrap_or(24)
}

/// What is known behind a war.
struct Count {
    acknowledged: u64,
    /// Items that were begun: one may be of unknown fate for each producer that was killed.
    begun: u64,
    seen: Vec<u8>,
    killed_producers: u64,
    killed_consumers: u64,
}

impl Count {
    fn sum(&self) -> u64 {
        self.seen.iter().map(|&count| u64::from(count)).sum()
    }
    fn different(&self) -> u64 {
        self.seen.iter().filter(|&&count| count > 0).count() as u64
    }
}

/// Has it out, and counts.
fn fight(test: &str, takes: bool, actor: &Path) -> Count {
    let name = unique(test);
    let _cleanup = Cleanup(name.clone());
    let mut random = Random::new(test);
    let war = War::create(&name).unwrap();
    let language = |random: &mut Random| (random.below(2) == 0).then_some(actor);
    let mut seats: Vec<Child> = (0..SEATS)
        .map(|seat| {
            start(
                &name,
                seat,
                takes,
                if seat % 2 == 0 { Some(actor) } else { None },
            )
        })
        .collect();
    let mut killed = [0, 0];
    for _ in 0..kills() {
        std::thread::sleep(Duration::from_micros(5_000 + random.below(30_000)));
        let seat = random.below(SEATS as u64) as usize;
        seats[seat].kill().unwrap();
        seats[seat].wait().unwrap();
        killed[usize::from(seat >= PRODUCERS)] += 1;
        seats[seat] = start(&name, seat, takes, language(&mut random));
    }
    war.order.store(1);
    for seat in &mut seats[..PRODUCERS] {
        assert!(seat.wait().unwrap().success());
    }
    Segment::recover(&war); // what the dead held comes back before the last look
    war.order.store(2);
    for seat in &mut seats[PRODUCERS..] {
        assert!(seat.wait().unwrap().success());
    }
    assert_eq!(war.torn.load(), 0, "an item was torn");
    assert!(war.queue.is_empty());
    for number in 0..CAPACITY as u64 {
        war.queue
            .push(Item::of(0, number))
            .expect("full capacity is back");
    }
    assert!(war.queue.push(Item::of(0, 0)).is_err(), "and no more");
    let sum = |array: &Array<u64, PRODUCERS>| array.iter().sum();
    let count = Count {
        acknowledged: sum(&war.acknowledged),
        begun: sum(&war.next),
        seen: war.seen.iter().collect(),
        killed_producers: killed[0],
        killed_consumers: killed[1],
    };
    drop(war);
    assert!(!exists(&name), "the last one out removes the name");
    count
}

pub fn actor() -> Option<PathBuf> {
    Some(program(any()?, "actor", &[]))
}

#[test]
fn p1_killed_rust_and_cpp_push_and_pop_each_item_once() {
    let Some(actor) = actor() else { return };
    let count = fight("cpp-war-pop", false, &actor);
    let seen = count.sum();
    assert_eq!(seen, count.different(), "no item is seen twice");
    assert!(count.begun - count.acknowledged <= count.killed_producers);
    assert!(seen <= count.begun, "nothing is seen that nobody pushed");
    let lost = count.acknowledged.saturating_sub(seen);
    assert!(
        lost <= count.killed_consumers,
        "{lost} items went with {} dead, who had popped one each at most",
        count.killed_consumers
    );
    assert!(count.acknowledged > 1_000, "they got somewhere");
}

#[test]
fn p1_killed_rust_and_cpp_lose_nothing_that_they_took() {
    let Some(actor) = actor() else { return };
    let count = fight("cpp-war-take", true, &actor);
    assert!(count.begun - count.acknowledged <= count.killed_producers);
    let different = count.different();
    assert!(
        (count.acknowledged..=count.begun).contains(&different),
        "{different} different items were seen, {} acknowledged, {} begun",
        count.acknowledged,
        count.begun
    );
    let again = count.sum() - different;
    assert!(
        again <= count.killed_consumers,
        "{again} items came back from {} dead",
        count.killed_consumers
    );
}
