//! The world of the queue's model: its memory, and the sequential queue that it is compared with.

use super::scheduler::{now, pause, quietly};
use crate::memory::atomic::{AtomicU32, AtomicU64, raw};
use crate::memory::cell::{CellArray, Cells};
use crate::memory::exchange::{Dynamic, Exchange, Line};
use crate::memory::lane::{LaneRecord, Phase, Place};
use crate::memory::recovery::Arena;
use crate::memory::signals::{Kernel, SLICE, Signals};
use crate::structures::queue::ring::{Parts, Ring};
use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use zerocopy::FromZeros;

/// Most lanes of a model.
pub const LANES: usize = 6;
/// Most words.
pub const WORDS: usize = 4;
/// The element: a value twice, so that a torn one shows.
pub type Element = [u64; 2];

/// The shared memory: zeroed, like a new segment.
#[derive(FromZeros)]
#[repr(C)]
pub struct Memory {
    pub records: [LaneRecord; LANES],
    pub signals: Signals,
    pub lines: [Line; LANES],
    pub words: [AtomicU64; WORDS],
    pub cells: CellArray<Element, { WORDS + 2 * LANES }>,
    pub head: AtomicU64,
    pub tail: AtomicU64,
}

/// What the sequential queue says happened, in the order of the exchanges.
#[derive(Default)]
pub struct Ghost {
    pub queue: VecDeque<u64>,
    pub shelves: BTreeSet<u64>,
    pub held: BTreeMap<usize, u64>,
    pub consumed: BTreeMap<u64, usize>,
    pub pushed: BTreeSet<u64>,
    pub acknowledged: BTreeSet<u64>,
    pub last: BTreeMap<usize, u64>,
    /// Since when the queue has not been empty, and not full.
    pub some_since: u64,
    pub room_since: u64,
    pub violation: Option<String>,
}

impl Ghost {
    pub fn violate(&mut self, what: impl Into<String>) {
        self.violation.get_or_insert(what.into());
    }
}

/// One run's world.
pub struct World {
    pub memory: Box<Memory>,
    pub capacity: usize,
    pub lanes: usize,
    pub ghost: RefCell<Ghost>,
    pub next_value: Cell<u64>,
    /// Lanes that sleep, and on which word.
    pub sleepers: RefCell<BTreeMap<usize, *const u32>>,
    /// Lanes whose owners are dead and not recovered.
    pub dead: RefCell<BTreeSet<usize>>,
    /// Which lane runs now.
    pub running: Cell<usize>,
}

/// Where the exchange is said to lie.
const OFFSET: u64 = 4096;

impl World {
    pub fn new(capacity: usize, lanes: usize) -> Self {
        Self {
            memory: Box::new(Memory::new_zeroed()),
            capacity,
            lanes,
            ghost: RefCell::default(),
            next_value: Cell::new(0),
            sleepers: RefCell::default(),
            dead: RefCell::default(),
            running: Cell::new(0),
        }
    }

    pub fn place(&self) -> Place {
        Place::new(OFFSET, self.capacity)
    }

    pub fn ring(&self) -> Ring<'_, Self> {
        Ring(self)
    }

    /// An exchange took effect: the sequential queue does the same and compares.
    pub fn observe(&self, lane: usize, word: usize, old: u64, new: u64) {
        quietly(|| {
            let exchange = self.exchange();
            let filled = exchange.packing().unpack(new).full;
            let node = exchange.node_in(word, if filled { new } else { old });
            let value = node
                .ok()
                .and_then(|node| self.memory.cells.cells().load(node));
            let held = self.memory.records[lane].state().phase();
            let mut ghost = self.ghost.borrow_mut();
            let Some([value, twice]) = value else {
                return ghost.violate("a node that is none");
            };
            if value != twice {
                ghost.violate("torn: a half-written element was published");
            }
            match (filled, word < self.capacity) {
                (true, true) => self.ghost_push(&mut ghost, value),
                (true, false) => {
                    ghost.held.remove(&lane);
                    if !ghost.shelves.insert(value) {
                        ghost.violate("on two shelves");
                    }
                }
                (false, from_ring) => {
                    self.ghost_leave(&mut ghost, value, from_ring);
                    ghost.last.insert(lane, value);
                    if matches!(held, Phase::Take | Phase::Reclaim) {
                        ghost.held.insert(lane, value);
                    } else {
                        *ghost.consumed.entry(value).or_default() += 1;
                    }
                }
            }
        });
    }

    fn ghost_push(&self, ghost: &mut Ghost, value: u64) {
        if ghost.queue.len() == self.capacity {
            ghost.violate("more elements than room");
        }
        if ghost.queue.is_empty() {
            ghost.some_since = now();
        }
        if !ghost.pushed.insert(value) {
            ghost.violate("pushed twice");
        }
        ghost.queue.push_back(value);
    }

    fn ghost_leave(&self, ghost: &mut Ghost, value: u64, from_ring: bool) {
        if from_ring {
            if ghost.queue.len() == self.capacity {
                ghost.room_since = now();
            }
            match ghost.queue.pop_front() {
                Some(first) if first == value => {}
                Some(_) => ghost.violate("order: not the first in"),
                None => ghost.violate("an element out of nothing"),
            }
        } else if !ghost.shelves.remove(&value) {
            ghost.violate("taken from an empty shelf");
        }
    }
}

impl Parts for World {
    type Element = Element;
    type Cells = Cells<Element>;
    type Capacity = Dynamic;

    fn exchange(&self) -> Exchange<'_, Dynamic> {
        Exchange {
            words: &self.memory.words[..self.capacity],
            signals: &self.memory.signals,
            lines: &self.memory.lines[..self.lanes],
            records: &self.memory.records[..self.lanes],
            place: self.place(),
        }
    }
    fn cells(&self) -> &Cells<Element> {
        self.memory.cells.cells()
    }
    fn head(&self) -> &AtomicU64 {
        &self.memory.head
    }
    fn tail(&self) -> &AtomicU64 {
        &self.memory.tail
    }
    fn kernel(&self) -> impl Kernel {
        self
    }
}

impl Kernel for &World {
    fn sleep(&self, word: &AtomicU32, expected: u32, limit: Duration) {
        let lane = self.running.get();
        pause();
        let value = quietly(|| word.load(crate::memory::atomic::Ordering::SeqCst));
        if value != expected || limit <= SLICE {
            return;
        }
        self.sleepers.borrow_mut().insert(lane, raw(word).as_ptr());
        while self.sleepers.borrow().contains_key(&lane) {
            pause(); // the scheduler runs a sleeper only to look whether it was woken
        }
    }

    fn wake_all(&self, word: &AtomicU32) {
        pause();
        let word: *const u32 = raw(word).as_ptr();
        let one = crate::seeded::seeded(crate::seeded::Bug::WakeOne);
        let mut sleepers = self.sleepers.borrow_mut();
        let woken = sleepers
            .iter()
            .filter(|(_, on)| **on == word)
            .map(|(&lane, _)| lane);
        let woken: Vec<_> = woken.take(if one { 1 } else { usize::MAX }).collect();
        for lane in woken {
            sleepers.remove(&lane);
        }
    }

    fn heavy_barrier(&self) -> bool {
        true // sequential consistency
    }

    fn fences(&self) -> bool {
        false
    }
}

impl Arena for &World {
    fn exchange(&self, place: Place, lanes: usize) -> Option<(&Signals, &[AtomicU64], &[Line])> {
        let memory = &self.memory;
        let words = memory.words.get(..place.capacity() as usize)?;
        (place.offset() == OFFSET).then_some((&memory.signals, words, memory.lines.get(..lanes)?))
    }
}
