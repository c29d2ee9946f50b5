//! The latest value under kills, stops, hand-over of lanes, and sleepers: a linearizable register.
//!
//! Backs P1, P2 and P3 for `Versioned`.
//!
//! Every publication is seen in the step in which it happens, so there is nothing to search for: a load must give the
//! value of its version, which must have been the latest within the call; an update must have seen the value that it
//! replaced; and a store that was not published must have been overtaken by another store within the call.

use super::lanes::{
    KILLS, LANES, PLAIN, Play, STOPS, WAITS, World, assert_caught, assert_clean, check_nodes,
    wait_round,
};
use super::scheduler::{Random, now, quietly};
use crate::memory::atomic::{AtomicU64, Ordering::SeqCst};
use crate::memory::exchange::{Exchange, Fixed, Line, Words};
use crate::memory::nodes::StampedNode;
use crate::memory::signals::{Kernel, Signals};
use crate::memory::stamp::StampedNodes;
use crate::seeded::{Bug, seeded};
use crate::structures::versioned::latest::{Latest, Parts, Seen};
use core::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use zerocopy::FromZeros;

/// A value twice, so that a torn one shows.
type Value = [u64; 2];

#[derive(FromZeros)]
#[repr(C)]
struct Memory {
    exchange: Words<1>,
    lines: [Line; LANES],
    nodes: StampedNodes<Value, LANES>,
}

/// A value that was published.
#[derive(Clone, Copy)]
struct Published {
    value: u64,
    since: u64,
    updated: bool,
}

struct Register {
    memory: Box<Memory>,
    /// By version.
    history: RefCell<Vec<Published>>,
    next: Cell<u64>,
    /// Of ten operations, how many are stores, and how many updates.
    stores: usize,
    updates: usize,
    /// Each lane's word before its last operation.
    remembered: RefCell<[Option<u64>; LANES]>,
    /// What those who sleep have seen.
    waiting: RefCell<BTreeMap<usize, u64>>,
}

impl Register {
    fn new(random: &mut Random) -> Self {
        let first = Published {
            value: 0,
            since: 0,
            updated: false,
        };
        let (stores, updates) = random.pick(&[(10, 0), (6, 0), (4, 3), (0, 6)]);
        Self {
            memory: Box::new(Memory::new_zeroed()),
            history: RefCell::new(vec![first]),
            next: Cell::new(1),
            stores,
            updates,
            remembered: RefCell::default(),
            waiting: RefCell::default(),
        }
    }

    fn new_value(&self) -> u64 {
        self.next.replace(self.next.get() + 1)
    }

    fn version_of(&self, value: u64) -> Option<usize> {
        let history = self.history.borrow();
        history.iter().position(|entry| entry.value == value)
    }

    fn store(&self, world: &World, lane: usize) {
        let (begun, value) = (now(), self.new_value());
        let over = self.remembered.borrow()[lane].filter(|_| seeded(Bug::RememberedWord));
        self.remembered.borrow_mut()[lane] =
            Some(quietly(|| self.memory.exchange.words[0].load(SeqCst)));
        let stored = Latest(&(self, world)).store_over(lane, &[value; 2], over);
        if stored != Ok(()) {
            world.violate("a store gave up");
        }
        if self.version_of(value).is_some() {
            return;
        }
        let history = self.history.borrow();
        let winner = |entry: &Published| entry.since > begun && !entry.updated;
        if !history.iter().any(winner) {
            world.violate("a store that nobody overwrote is lost");
        }
    }

    fn load(&self, world: &World) -> Option<Seen<Value>> {
        let begun = now();
        let Ok(seen) = Latest(&(self, world)).load() else {
            world.violate("a load gave up");
            return None;
        };
        let history = self.history.borrow();
        let [value, twice] = seen.value;
        match history.get(seen.version as usize) {
            _ if value != twice => world.violate("torn"),
            Some(entry) if entry.value != value => world.violate("not the version's value"),
            None => world.violate("a version that is none"),
            _ => {}
        }
        let next = history.get(seen.version as usize + 1);
        if next.is_some_and(|next| next.since <= begun) {
            world.violate("replaced before the load began");
        }
        Some(seen)
    }

    fn update(&self, world: &World, lane: usize) {
        let value = self.new_value();
        while let Some(seen) = self.load(world) {
            let replaced = Latest(&(self, world)).replace(lane, seen.word, &[value; 2]);
            let version = self.version_of(value);
            match (replaced, version) {
                (Ok(true), Some(version)) => {
                    if self.history.borrow()[version - 1].value != seen.value[0] {
                        world.violate("an update replaced what it had not seen");
                    }
                    return;
                }
                (Ok(false), None) => {}
                _ => return world.violate("an update says something else than it did"),
            }
        }
    }
}

impl Parts for (&Register, &World) {
    type Element = Value;

    fn exchange(&self) -> Exchange<'_, Fixed<1>> {
        Exchange {
            words: &self.0.memory.exchange.words,
            signals: &self.0.memory.exchange.signals,
            lines: &self.0.memory.lines[..self.1.lanes],
            records: self.1.records(),
            place: self.1.place(1),
        }
    }
    fn node(&self, index: usize) -> Option<impl StampedNode<Value = Value>> {
        self.0.memory.nodes.as_slice()[..1 + self.1.lanes].get(index)
    }
    fn kernel(&self) -> impl Kernel {
        self.1
    }
}

impl Play for Register {
    fn write(&self, world: &World, lane: usize, mut random: Random) {
        for _ in 0..1 + random.below(4) {
            match random.below(10) {
                op if op < self.stores => self.store(world, lane),
                op if op < self.stores + self.updates => self.update(world, lane),
                _ => _ = self.load(world),
            }
        }
    }

    fn read(&self, world: &World, mut random: Random) {
        let mut last = 0;
        for _ in 0..1 + random.below(4) {
            let Some(seen) = self.load(world) else { return };
            if seen.version < last {
                world.violate("the version went back");
            }
            last = seen.version;
        }
    }

    fn wait(&self, world: &World, who: usize) {
        let parts = (self, world);
        let latest = Latest(&parts);
        while let Some(seen) = self.load(world) {
            self.waiting.borrow_mut().insert(who, seen.version);
            while latest.version() == seen.version {
                wait_round(
                    world,
                    self,
                    &self.memory.exchange.signals.filled,
                    || latest.is_announced(),
                    || latest.version() == seen.version,
                );
            }
        }
    }

    fn is_blocked(&self) -> bool {
        let last = self.history.borrow().len() as u64 - 1;
        self.waiting.borrow().values().all(|&seen| seen == last)
    }

    fn parts(&self) -> (&Signals, &[AtomicU64], &[Line]) {
        let Words { signals, words } = &self.memory.exchange;
        (signals, words, &self.memory.lines)
    }

    fn observe(&self, world: &World, _: usize, _: u64, new: u64) {
        let parts = (self, world);
        let exchange = parts.exchange();
        let updated = exchange.packing().unpack(new).full;
        let node = parts.node(exchange.named(0, new));
        let Some([value, twice]) = node.map(|node| node.load()) else {
            return world.violate("a node that is none");
        };
        if value != twice {
            world.violate("torn: a half-written value was published");
        }
        if self.version_of(value).is_some() {
            world.violate("published twice");
        }
        self.history.borrow_mut().push(Published {
            value,
            since: now(),
            updated,
        });
    }

    fn check(&self, world: &World, withheld: &BTreeSet<usize>) {
        let parts = (self, world);
        check_nodes(world, &parts.exchange(), withheld);
        let last = self.history.borrow().len() as u64 - 1;
        if self.load(world).is_some_and(|seen| seen.version != last) {
            world.violate("not the last value");
        }
    }
}

#[test]
fn p1_linearizable_when_nobody_dies() {
    assert_clean(PLAIN, Register::new);
}

#[test]
fn p1_killed_anywhere_loses_and_doubles_nothing() {
    assert_clean(KILLS, Register::new);
}

#[test]
fn p2_stopped_anywhere_blocks_nobody() {
    assert_clean(STOPS, Register::new);
}

#[test]
fn p1_killed_wakers_lose_no_wake_up() {
    assert_clean(WAITS, Register::new);
}

#[test]
fn seeded_bugs_are_caught() {
    for bug in [
        Bug::ReadUnchecked,
        Bug::FillUnmarked,
        Bug::LostToUpdate,
        Bug::RememberedWord,
    ] {
        assert_caught(bug, PLAIN, Register::new);
    }
    for bug in [
        Bug::RecoverAsNotDone,
        Bug::RecoverAsDone,
        Bug::StaleEvidence,
    ] {
        assert_caught(bug, KILLS, Register::new);
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
        assert_caught(bug, WAITS, Register::new);
    }
}
