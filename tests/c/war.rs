//! C and Rust on one queue, and on one map, at once: processes of either language by chance, which are killed at random and
//! replaced. In the end everything is counted.
//!
//! `SHM_C_KILLS` asks for more kills, `SHM_TEST_SEED` for the same ones again.

use super::common::{Cleanup, Random, exists, role, role_command, unique};
use super::compile::{has_compiler, program, shared};
use shm_runtime::{Array, Atomic, Map, Pod, Queue, Segment, ShmLayout, ShmType, Zeroable};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

const SEATS: usize = 8;
const PRODUCERS: usize = 4;
const LIMIT: usize = 1 << 20;
const CAPACITY: usize = 64;
const KEYS: u32 = 16;
const ENTRIES: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable, ShmType)]
#[repr(C)]
struct Item {
    seat: u64,
    number: u64,
    check: [u64; 3],
}

impl Item {
    fn of(seat: u64, number: u64) -> Self {
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

#[derive(Debug, ShmLayout)]
#[shm(lanes = 32)]
struct War {
    queue: Queue<Item, CAPACITY>,
    /// 0: go on; 1: producers and counters stop; 2: consumers stop when there is nothing left.
    order: Atomic<u32>,
    /// Per seat: how many operations were begun (a producer's: its next number), and how many acknowledged.
    next: Array<u64, SEATS>,
    acknowledged: Array<u64, SEATS>,
    /// How often each item was seen.
    seen: Array<u8, { PRODUCERS * LIMIT }>,
    torn: Atomic<u64>,
    sums: Map<u32, u64, ENTRIES>,
}

impl War {
    fn produce(&self, seat: usize) {
        let mut number = self.next.get(seat);
        while self.order.load() < 1 && (number as usize) < LIMIT {
            self.next.set(seat, number + 1); // the dead's from here on
            let item = Item::of(seat as u64, number);
            let wait = Duration::from_millis(100);
            while self.queue.push_wait(item, wait).is_err() {
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
            let is_last = self.order.load() >= 2;
            let wait = Duration::from_millis(if is_last { 0 } else { 20 });
            let is_there = if takes {
                let taken = self.queue.take().unwrap();
                if taken.is_none() && !is_last {
                    std::thread::sleep(Duration::from_millis(1)); // as often as is good for the machine
                }
                taken.map(|taken| {
                    self.see(taken.get());
                    taken.done();
                })
            } else {
                self.queue.pop_wait(wait).ok().map(|item| self.see(item))
            };
            if is_last && is_there.is_none() {
                return;
            }
        }
    }

    fn count(&self, seat: usize) {
        let mut turn = 0;
        while self.order.load() < 1 {
            let (shared, own) = (turn % KEYS, 1000 + seat as u32);
            self.next.fetch_add(seat, 1);
            self.sums
                .update(shared, |sum| sum + 1)
                .expect("it is there");
            self.acknowledged.fetch_add(seat, 1);
            self.sums.insert(own, 0).expect("there is room");
            self.sums.remove(own).expect("nobody else removes it");
            turn += 1;
        }
    }

    fn begun(&self) -> u64 {
        self.next.iter().sum()
    }

    fn done(&self) -> u64 {
        self.acknowledged.iter().sum()
    }
}

/// The program in C, compiled once.
fn actor() -> Option<&'static Path> {
    static ACTOR: OnceLock<PathBuf> = OnceLock::new();
    has_compiler().then(|| &**ACTOR.get_or_init(|| program("actor", &["actor.c"], shared)))
}

/// A process in a seat: Rust where there is no program in C.
fn start(name: &str, seat: usize, what: &str, c: Option<&Path>) -> Child {
    let mut command = match c {
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
    let seat = seat.parse().unwrap();
    match what {
        "produce" => war.produce(seat),
        "count" => war.count(seat),
        what => war.consume(what == "take"),
    }
}

/// Kills who sits in some seat at random moments, and replaces it: the kills of each seat.
fn kill_some(
    random: &mut Random,
    seats: &mut [Child],
    mut replace: impl FnMut(&mut Random, usize) -> Child,
) -> Vec<u64> {
    let asked = std::env::var("SHM_C_KILLS").ok();
    let kills = asked.and_then(|kills| kills.parse().ok()).unwrap_or(24);
    let mut killed = vec![0; seats.len()];
    for _ in 0..kills {
        std::thread::sleep(Duration::from_micros(5_000 + random.below(30_000)));
        let seat = random.below(seats.len() as u64) as usize;
        seats[seat].kill().unwrap();
        seats[seat].wait().unwrap();
        killed[seat] += 1;
        seats[seat] = replace(random, seat);
    }
    killed
}

fn all_end(seats: &mut [Child]) {
    for seat in seats {
        assert!(seat.wait().unwrap().success());
    }
}

/// What is known behind a war over the queue.
struct Count {
    acknowledged: u64,
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

/// Has it out over the queue, and counts.
fn fight(test: &str, consumer: &str, actor: &Path) -> Count {
    let name = unique(test);
    let _cleanup = Cleanup(name.clone());
    let mut random = Random::new(test);
    let war = War::create(&name).unwrap();
    let what = |seat| {
        if seat < PRODUCERS {
            "produce"
        } else {
            consumer
        }
    };
    let first = |seat| start(&name, seat, what(seat), (seat % 2 == 0).then_some(actor));
    let mut seats: Vec<_> = (0..SEATS).map(first).collect();
    let killed = kill_some(&mut random, &mut seats, |random, seat| {
        let c = (random.below(2) == 0).then_some(actor);
        start(&name, seat, what(seat), c)
    });
    war.order.store(1);
    all_end(&mut seats[..PRODUCERS]);
    Segment::recover(&war); // what the dead held comes back before the last look
    war.order.store(2);
    all_end(&mut seats[PRODUCERS..]);
    assert_eq!(war.torn.load(), 0, "an item was torn");
    assert!(war.queue.is_empty());
    let room = (0..).take_while(|&number| war.queue.push(Item::of(0, number)).is_ok());
    assert_eq!(room.count(), CAPACITY, "full capacity is back, and no more");
    let count = Count {
        acknowledged: war.done(),
        begun: war.begun(),
        seen: war.seen.iter().collect(),
        killed_producers: killed[..PRODUCERS].iter().sum(),
        killed_consumers: killed[PRODUCERS..].iter().sum(),
    };
    drop(war);
    assert!(!exists(&name), "the last one out removes the name");
    count
}

#[test]
fn p1_killed_rust_and_c_push_and_pop_each_item_once() {
    let Some(actor) = actor() else { return };
    let count = fight("c-war-pop", "pop", actor);
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
fn p1_killed_rust_and_c_lose_nothing_that_they_took() {
    let Some(actor) = actor() else { return };
    let count = fight("c-war-take", "take", actor);
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

#[test]
fn p1_killed_rust_and_c_change_a_map_once_each_time() {
    let Some(actor) = actor() else { return };
    let name = unique("c-war-map");
    let _cleanup = Cleanup(name.clone());
    let mut random = Random::new("c-war-map");
    let war = War::create(&name).unwrap();
    for key in 0..KEYS {
        war.sums.insert(key, 0).unwrap();
    }
    let first = |seat| start(&name, seat, "count", (seat % 2 == 0).then_some(actor));
    let mut seats: Vec<_> = (0..SEATS).map(first).collect();
    let killed = kill_some(&mut random, &mut seats, |random, seat| {
        let c = (random.below(2) == 0).then_some(actor);
        start(&name, seat, "count", c)
    });
    war.order.store(1);
    all_end(&mut seats);
    Segment::recover(&war);
    let sum: u64 = (0..KEYS).map(|key| war.sums.get(key).unwrap()).sum();
    let (done, begun) = (war.done(), war.begun());
    assert!(
        (done..=begun).contains(&sum),
        "the map counts {sum}, {done} were acknowledged and {begun} begun"
    );
    assert!(
        begun - done <= killed.iter().sum(),
        "one each is of unknown fate"
    );
    assert!(done > 1_000, "they got somewhere");
    for seat in 0..SEATS as u32 {
        war.sums.remove(1000 + seat); // of one that was killed between its two steps
    }
    let room = (5000..).take_while(|&key| war.sums.insert(key, 1).is_ok());
    assert_eq!(
        room.count(),
        ENTRIES - KEYS as usize,
        "full capacity is back"
    );
}
