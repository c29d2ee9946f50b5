//! The ring that everybody reads under kills, stops, hand-over of lanes, and subscribers who sleep.
//!
//! Backs P1, P2 and P3 for `Broadcast`: compared with the list of all messages, in the order of the exchanges.

use super::lanes::{
    KILLS, LANES, PLAIN, Play, STOPS, WAITS, World, assert_caught, assert_clean, check_nodes,
    wait_round,
};
use super::scheduler::{Random, quietly};
use crate::memory::atomic::AtomicU64;
use crate::memory::cell::{CellArray, Cells};
use crate::memory::exchange::{Dynamic, Exchange, Line};
use crate::memory::signals::{Kernel, Signals};
use crate::seeded::Bug;
use crate::structures::broadcast::ring::{Got, Parts, Ring};
use core::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use zerocopy::FromZeros;

/// Most words.
const WORDS: usize = 4;
/// A value twice, so that a torn one shows.
type Message = [u64; 2];

#[derive(FromZeros)]
#[repr(C)]
struct Memory {
    signals: Signals,
    words: [AtomicU64; WORDS],
    lines: [Line; LANES],
    cells: CellArray<Message, { WORDS + LANES }>,
    tail: AtomicU64,
}

struct News {
    memory: Box<Memory>,
    capacity: usize,
    /// All messages, in the order of the exchanges.
    sent: RefCell<Vec<u64>>,
    next: Cell<u64>,
    /// Where those are who sleep.
    waiting: RefCell<BTreeMap<usize, u64>>,
}

impl News {
    fn new(random: &mut Random) -> Self {
        Self {
            memory: Box::new(Memory::new_zeroed()),
            capacity: random.pick(&[1, 1, 2, 2, 4]),
            sent: RefCell::default(),
            next: Cell::new(1),
            waiting: RefCell::default(),
        }
    }

    fn count(&self) -> u64 {
        self.sent.borrow().len() as u64
    }

    fn recv(&self, world: &World, cursor: &mut u64) -> Option<u64> {
        let (before, at) = (self.count(), *cursor);
        let got = Ring(&(self, world)).recv(cursor);
        let sent = self.sent.borrow(); // nothing happened since the last access of `recv`
        match got {
            Ok(Got::Message([value, twice])) => {
                if value != twice {
                    world.violate("torn");
                }
                if sent.get(at as usize) != Some(&value) || *cursor != at + 1 {
                    world.violate("not the next message");
                }
                return Some(value);
            }
            Ok(Got::Nothing) if before > at => world.violate("nothing, although there was"),
            Ok(Got::Nothing) => {}
            Ok(Got::Missed(missed)) => {
                if *cursor != at + missed || missed == 0 {
                    world.violate("missed another number than it moved");
                }
                if (sent.len() as u64) < *cursor + self.capacity as u64 {
                    world.violate("missed a message that was still there");
                }
            }
            Err(_) => world.violate("recv: corrupt"),
        }
        None
    }

    fn subscribe(&self, world: &World, random: &mut Random) -> u64 {
        let before = self.count();
        let sent = Ring(&(self, world)).sent();
        if !(before..=self.count()).contains(&sent) {
            world.violate("counts what was not sent");
        }
        match random.chance(0.5) {
            true => sent,
            false => sent.saturating_sub(self.capacity as u64),
        }
    }
}

impl Parts for (&News, &World) {
    type Element = Message;
    type Cells = Cells<Message>;
    type Capacity = Dynamic;

    fn exchange(&self) -> Exchange<'_, Dynamic> {
        Exchange {
            words: &self.0.memory.words[..self.0.capacity],
            signals: &self.0.memory.signals,
            lines: &self.0.memory.lines[..self.1.lanes],
            records: self.1.records(),
            place: self.1.place(self.0.capacity),
        }
    }
    fn cells(&self) -> &Cells<Message> {
        self.0.memory.cells.cells()
    }
    fn tail(&self) -> &AtomicU64 {
        &self.0.memory.tail
    }
    fn kernel(&self) -> impl Kernel {
        self.1
    }
}

impl Play for News {
    fn write(&self, world: &World, lane: usize, mut random: Random) {
        for _ in 0..1 + random.below(6) {
            let value = self.next.replace(self.next.get() + 1);
            if Ring(&(self, world)).send(lane, [value; 2]).is_err() {
                world.violate("send: corrupt");
            }
            if !self.sent.borrow().contains(&value) {
                world.violate("acknowledged, not sent");
            }
        }
    }

    fn read(&self, world: &World, mut random: Random) {
        let mut cursor = self.subscribe(world, &mut random);
        for _ in 0..2 + random.below(9) {
            self.recv(world, &mut cursor);
        }
    }

    fn wait(&self, world: &World, who: usize) {
        let (parts, mut cursor) = ((self, world), 0);
        loop {
            let before = cursor;
            self.recv(world, &mut cursor);
            if cursor != before {
                continue;
            }
            self.waiting.borrow_mut().insert(who, cursor);
            wait_round(
                world,
                self,
                &self.memory.signals.filled,
                || Ring(&parts).exchange().announced(true),
                || Ring(&parts).is_empty(cursor),
            );
        }
    }

    fn is_blocked(&self) -> bool {
        let count = self.count();
        self.waiting
            .borrow()
            .values()
            .all(|&cursor| cursor == count)
    }

    fn parts(&self) -> (&Signals, &[AtomicU64], &[Line]) {
        let Memory {
            signals,
            words,
            lines,
            ..
        } = &*self.memory;
        (signals, &words[..self.capacity], lines)
    }

    fn observe(&self, world: &World, word: usize, old: u64, new: u64) {
        let parts = (self, world);
        let exchange = parts.exchange();
        let node = exchange.named(word, new);
        let Some([value, twice]) = parts.cells().load(node) else {
            return world.violate("a node that is none");
        };
        if value != twice {
            world.violate("torn: a half-written message was sent");
        }
        let ticket = exchange.packing().unpack(old).lap * self.capacity as u64 + word as u64;
        if ticket != self.count() {
            world.violate("a gap, or a ticket twice");
        }
        self.sent.borrow_mut().push(value);
    }

    fn check(&self, world: &World, withheld: &BTreeSet<usize>) {
        let parts = (self, world);
        check_nodes(world, &parts.exchange(), withheld);
        let count = self.count();
        if Ring(&parts).sent() != count {
            world.violate("the end is not where it belongs");
        }
        let mut cursor = count.saturating_sub(self.capacity as u64);
        while quietly(|| self.recv(world, &mut cursor)).is_some() {}
        if cursor != count {
            world.violate("a message that should be there is not");
        }
    }
}

#[test]
fn p1_one_order_without_a_gap_when_nobody_dies() {
    assert_clean(PLAIN, News::new);
}

#[test]
fn p1_killed_anywhere_loses_and_doubles_nothing() {
    assert_clean(KILLS, News::new);
}

#[test]
fn p2_stopped_anywhere_blocks_nobody() {
    assert_clean(STOPS, News::new);
}

#[test]
fn p1_killed_wakers_lose_no_wake_up() {
    assert_clean(WAITS, News::new);
}

#[test]
fn seeded_bugs_are_caught() {
    for bug in [
        Bug::ReadUnchecked,
        Bug::HintBeforeExchange,
        Bug::BlindTicket,
        Bug::SkipOne,
        Bug::RecoverAsNotDone,
        Bug::RecoverAsDone,
        Bug::StaleEvidence,
    ] {
        assert_caught(bug, KILLS, News::new);
    }
}

#[test]
fn seeded_bugs_of_the_waits_are_caught() {
    for bug in [
        Bug::WakeAfterPublish,
        Bug::ClearFlagFirst,
        Bug::WakeOne,
        Bug::IgnoreAnnounced,
    ] {
        assert_caught(bug, WAITS, News::new);
    }
}
