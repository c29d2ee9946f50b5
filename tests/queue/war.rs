//! Four producers and four consumers, which are killed at random and replaced.
//!
//! Who has a seat writes down in the segment what was acknowledged to it. A producer's successor leaves out
//! the numbers of which nobody knows whether their push took effect.

use super::child::{Child, until_true};
use super::common::{Random, exists, unique};
use super::{Item, alone, assert_capacity_is_back, assert_lanes_are_back};
use shm_runtime::{Array, Queue, Segment, ShmLayout};
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

const SEATS: usize = 8;
const PRODUCERS: usize = 4;
/// Elements that each producer pushes at most.
const LIMIT: usize = 1_500_000;
/// Bits of a number in a log.
const BITS: u32 = 21;
const LOG: usize = LIMIT * PRODUCERS;
const LOGS: usize = LOG * (SEATS - PRODUCERS);
/// Elements that those who do several at once push and pop.
const BATCH: usize = 8;
const HOW_LONG: Duration = Duration::from_secs(4);

#[derive(ShmLayout)]
#[shm(lanes = 32)]
struct War {
    queue: Queue<Item, 64>,
    /// 0: go on; 1: producers stop; 2: consumers stop when there is nothing left.
    order: Array<u32, 1>,
    /// Per producer: the last number whose push was acknowledged.
    acknowledged: Array<u64, PRODUCERS>,
    /// Per producer: the number that the next process begins with.
    next: Array<u64, PRODUCERS>,
    /// Per consumer: entries in its log.
    logged: Array<u64, SEATS>,
    /// Per consumer: elements that it gave back of its own accord.
    dropped: Array<u64, SEATS>,
    /// Per consumer: what it got, in order.
    log: Array<u32, LOGS>,
}

/// How consumers get their elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Pop,
    Take,
    Wait,
}

/// An element as a log has it.
fn note(item: Item) -> u32 {
    (item.producer as u32) << BITS | item.sequence as u32
}

impl War {
    fn is_over(&self, order: u32) -> bool {
        self.order.get(0) >= order
    }

    /// How many elements are uncertain if the process in `seat` is killed.
    fn batch(mode: Mode, seat: usize) -> usize {
        match seat % PRODUCERS {
            3 if mode == Mode::Pop => BATCH,
            _ => 1,
        }
    }

    fn produce(&self, mode: Mode, seat: usize) {
        let mut sequence = self.next.get(seat);
        while !self.is_over(1) {
            if sequence as usize + BATCH >= LIMIT {
                std::thread::sleep(Duration::from_millis(1));
                continue;
            }
            let item = Item::new(seat as u64, sequence);
            let pushed = match (mode, seat) {
                (Mode::Wait, _) => {
                    std::thread::sleep(Duration::from_micros(sequence % 7 * 20));
                    u64::from(self.queue.push_wait(item, Duration::from_secs(1)).is_ok())
                }
                (Mode::Pop, 3) => {
                    let batch: [Item; BATCH] =
                        core::array::from_fn(|i| Item::new(3, sequence + i as u64));
                    self.queue.push_slice(&batch) as u64
                }
                (_, 2) => {
                    let mut loan = self.queue.loan().expect("a lane");
                    loan.write(item);
                    u64::from(loan.commit().is_ok())
                }
                _ => u64::from(self.queue.push(item).is_ok()),
            };
            if pushed > 0 {
                sequence += pushed;
                self.acknowledged.set(seat, sequence - 1);
            } else {
                std::thread::yield_now();
            }
        }
    }

    fn note(&self, seat: usize, item: Item) {
        assert!(item.is_whole(), "torn: {item:?}");
        let count = self.logged.get(seat);
        let place = (seat - PRODUCERS) * LOG + count as usize;
        self.log.set(place, note(item));
        self.logged.set(seat, count + 1);
    }

    fn consume(&self, mode: Mode, seat: usize) {
        loop {
            // the order is read first: what was pushed before it was given is still popped
            let last = self.is_over(2);
            let got = match mode {
                Mode::Pop if seat == 7 => {
                    let mut items = [Item::new(0, 0); BATCH];
                    let count = self.queue.pop_slice(&mut items);
                    items[..count]
                        .iter()
                        .for_each(|&item| self.note(seat, item));
                    count > 0
                }
                Mode::Pop => match self.queue.pop() {
                    Some(item) => {
                        self.note(seat, item);
                        true
                    }
                    None => false,
                },
                Mode::Take => self.take(seat),
                Mode::Wait => match self.queue.pop_wait(Duration::from_secs(600)) {
                    Ok(end) if end.producer == PRODUCERS as u64 => return,
                    Ok(item) => {
                        self.note(seat, item);
                        true
                    }
                    Err(_) => panic!("slept through"),
                },
            };
            if !got && last {
                return;
            }
            if !got {
                std::thread::yield_now();
            }
        }
    }

    fn take(&self, seat: usize) -> bool {
        let Some(taken) = self.queue.take().expect("a lane") else {
            return false;
        };
        let item = taken.get();
        if seat == 7 && item.sequence.is_multiple_of(5) && self.dropped.get(seat) < 10_000 {
            self.dropped.set(seat, self.dropped.get(seat) + 1);
            drop(taken);
        } else {
            self.note(seat, item);
            taken.done();
        }
        true
    }

    fn log(&self, seat: usize) -> impl Iterator<Item = u32> {
        let start = (seat - PRODUCERS) * LOG;
        (start..start + self.logged.get(seat) as usize).map(|place| self.log.get(place))
    }
}

/// What is not known for certain because somebody was killed.
#[derive(Default)]
struct Ledger {
    kills: usize,
    /// Elements that may have been pushed although nobody was told.
    perhaps: HashSet<u32>,
    /// Elements that may be lost: popped by the dead.
    swallowed: usize,
    consumers_killed: usize,
    /// How often an element may come again: its consumer died before it could acknowledge it.
    again: HashMap<u32, usize>,
}

struct Seat {
    number: usize,
    child: Option<Child>,
    logged: u64,
}

impl Seat {
    fn fill(&mut self, war: &Segment<War>, mode: Mode) {
        let number = self.number;
        if number >= PRODUCERS {
            self.logged = war.logged.get(number);
        }
        self.child = Some(Child::fork(|| {
            // SAFETY: takes a number; so that the one who kills gets its turn.
            unsafe { libc::nice(15) };
            // half of them open the segment by name, half use what they inherited
            let opened = number
                .is_multiple_of(2)
                .then(|| War::open(Segment::name(war)).unwrap());
            let war = opened.as_ref().unwrap_or(war);
            if number < PRODUCERS {
                war.produce(mode, number);
            } else {
                war.consume(mode, number);
            }
        }));
    }

    /// Kills who has the seat, and notes what cannot be known.
    fn clear(&mut self, war: &War, mode: Mode, ledger: &mut Ledger) {
        assert!(self.child.take().unwrap().kill());
        ledger.kills += 1;
        let (seat, batch) = (self.number, War::batch(mode, self.number) as u64);
        if seat < PRODUCERS {
            let first = (war.acknowledged.get(seat) + 1).max(war.next.get(seat));
            let unknown = first..first + batch;
            war.next.set(seat, unknown.end);
            let items = unknown.map(|sequence| note(Item::new(seat as u64, sequence)));
            ledger.perhaps.extend(items);
        } else {
            ledger.consumers_killed += 1;
            ledger.swallowed += batch as usize;
            if war.logged.get(seat) > self.logged {
                *ledger
                    .again
                    .entry(war.log(seat).last().unwrap())
                    .or_default() += 1;
            }
        }
    }
}

impl Ledger {
    fn check(&self, war: &War, mode: Mode, rest: &[Item]) {
        let mut counts = vec![0_u8; PRODUCERS << BITS];
        let mut late = 0;
        let logs = (PRODUCERS..SEATS).map(|seat| war.log(seat).collect::<Vec<_>>());
        let rest = rest.iter().map(|&item| note(item)).collect();
        for log in logs.chain([rest]) {
            let mut newest = [0; PRODUCERS];
            for note in log {
                counts[note as usize] += 1;
                let newest = &mut newest[note as usize >> BITS];
                late += usize::from(note <= *newest);
                *newest = note.max(*newest);
            }
        }
        let (mut missing, mut acknowledged) = (0, 0);
        for seat in 0..PRODUCERS {
            for sequence in 1..=war.acknowledged.get(seat) {
                let note = note(Item::new(seat as u64, sequence));
                if !self.perhaps.contains(&note) {
                    acknowledged += 1;
                    missing += usize::from(counts[note as usize] == 0);
                }
            }
        }
        let dropped: u64 = (PRODUCERS..SEATS).map(|seat| war.dropped.get(seat)).sum();
        eprintln!(
            "{mode:?}: {} kills, {acknowledged} elements acknowledged, {missing} popped by the dead, {late} late",
            self.kills
        );
        for (note, &count) in (0..).zip(&counts).filter(|(_, count)| **count > 0) {
            let (producer, sequence) = (note >> BITS, u64::from(note & ((1 << BITS) - 1)));
            let known = sequence <= war.acknowledged.get(producer as usize);
            assert!(
                known || self.perhaps.contains(&note),
                "{note:#x} out of nowhere"
            );
            let again = match mode {
                Mode::Take => self.again.get(&note).copied().unwrap_or_default(),
                Mode::Pop | Mode::Wait => 0,
            };
            assert!(
                usize::from(count) <= 1 + again,
                "{note:#x} came {count} times"
            );
        }
        match mode {
            Mode::Take => {
                assert_eq!(missing, 0, "what is taken and not acknowledged comes back");
                assert!(
                    late <= self.consumers_killed + dropped as usize,
                    "{late} late"
                );
            }
            Mode::Pop | Mode::Wait => {
                assert!(missing <= self.swallowed, "{missing} lost");
                assert_eq!(late, 0, "out of order");
            }
        }
    }
}

fn wage(test: &str, mode: Mode) {
    let _alone = alone();
    let mut random = Random::new(test);
    let name = unique(test);
    let war = War::options().sparse().create(&name).unwrap();
    for seat in 0..PRODUCERS {
        war.next.set(seat, 1);
    }
    let mut ledger = Ledger::default();
    let seat = |number| Seat {
        number,
        child: None,
        logged: 0,
    };
    let mut seats: Vec<_> = (0..SEATS).map(seat).collect();
    seats.iter_mut().for_each(|seat| seat.fill(&war, mode));
    let start = Instant::now();
    while start.elapsed() < HOW_LONG {
        std::thread::sleep(Duration::from_micros(random.below(1500)));
        let seat = &mut seats[random.below(SEATS as u64) as usize];
        seat.clear(&war, mode, &mut ledger);
        seat.fill(&war, mode);
    }
    war.order.set(0, 1);
    for seat in &mut seats[..PRODUCERS] {
        seat.child.take().unwrap().join();
    }
    war.order.set(0, 2);
    if mode == Mode::Wait {
        for _ in PRODUCERS..SEATS {
            let end = Item::new(PRODUCERS as u64, 0);
            war.queue.push_wait(end, Duration::from_secs(60)).unwrap();
        }
    }
    for seat in &mut seats[PRODUCERS..] {
        seat.child.take().unwrap().join();
    }
    until_true("the dead are settled", || Segment::recover(&war).later == 0);
    let rest: Vec<_> = core::iter::from_fn(|| war.queue.pop()).collect();
    ledger.check(&war, mode, &rest);
    assert_capacity_is_back(&war.queue, 12);
    assert_lanes_are_back(&war);
    drop(war);
    assert!(!exists(&name));
}

#[test]
fn p1_what_is_acknowledged_is_popped_once_and_in_order_whoever_is_killed() {
    wage("war-pop", Mode::Pop);
}

#[test]
fn p1_what_is_taken_is_never_lost_whoever_is_killed() {
    wage("war-take", Mode::Take);
}

#[test]
fn p1_sleepers_miss_nothing_whoever_is_killed() {
    wage("war-wait", Mode::Wait);
}
