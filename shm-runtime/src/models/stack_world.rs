//! The world of the stack's model: its memory, and the sequential stack that it is compared with.

use super::scheduler::{now, pause, quietly};
use crate::memory::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst, raw};
use crate::memory::cell::{CellArray, Cells};
use crate::memory::exchange::{Line, Words};
use crate::memory::lane::{LaneRecord, Place};
use crate::memory::recovery::{Arena, Settled, settle_lane};
use crate::memory::signals::{Kernel, SLICE, Signals};
use crate::memory::two_lists::{Link, Stop, TwoLists, Way};
use crate::seeded::{Bug, seeded};
use crate::structures::stack::lifo::Lifo;
use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use zerocopy::FromZeros;

/// Most lanes of a model.
pub const LANES: usize = 5;
/// Most elements.
pub const ELEMENTS: usize = 3;
/// The element: a value twice, so that a torn one shows.
pub type Element = [u64; 2];

/// The shared memory: zeroed, like a new segment.
#[derive(FromZeros)]
#[repr(C)]
pub struct Memory {
    pub records: [LaneRecord; LANES],
    head: Words<1>,
    lines: [Line; LANES],
    rows: [AtomicU64; LANES * LANES],
    links: [Link; LANES + ELEMENTS],
    cells: CellArray<Element, { LANES + ELEMENTS }>,
}

/// What the sequential stack says happened, in the order of the exchanges.
#[derive(Default)]
pub struct Ghost {
    pub stack: Vec<u64>,
    pub pushed: BTreeSet<u64>,
    /// What each lane popped last.
    pub last: BTreeMap<usize, u64>,
    /// The first element and the number of all, and since when.
    history: Vec<(u64, Option<u64>, usize)>,
    pub violation: Option<String>,
}

impl Ghost {
    pub fn violate(&mut self, what: impl Into<String>) {
        self.violation.get_or_insert(what.into());
    }

    /// Whether, at some moment since `begun`, `is` was true of the first element and the number of all.
    fn once_since(&self, begun: u64, is: impl Fn(Option<u64>, usize) -> bool) -> bool {
        let ends = self.history.iter().skip(1).map(|&(time, ..)| time);
        let ends = ends.chain([u64::MAX]);
        let states = self.history.iter().zip(ends);
        let mut during = states.filter(|(_, end)| *end >= begun);
        during.any(|((_, top, len), _)| is(*top, *len))
    }
}

/// One run's world.
pub struct World {
    pub memory: Box<Memory>,
    pub capacity: usize,
    pub lanes: usize,
    pub ghost: RefCell<Ghost>,
    next_value: Cell<u64>,
    /// Lanes that sleep, and on which word.
    pub sleepers: RefCell<BTreeMap<usize, *const u32>>,
    /// Lanes whose owners are dead and not recovered.
    pub dead: RefCell<BTreeSet<usize>>,
    /// Which lane runs now.
    pub running: Cell<usize>,
}

/// Where the stack is said to lie.
const OFFSET: u64 = 4096;

impl World {
    pub fn new(capacity: usize, lanes: usize) -> Self {
        let ghost = Ghost {
            history: vec![(0, None, 0)],
            ..Ghost::default()
        };
        Self {
            memory: Box::new(Memory::new_zeroed()),
            capacity,
            lanes,
            ghost: RefCell::new(ghost),
            next_value: Cell::new(0),
            sleepers: RefCell::default(),
            dead: RefCell::default(),
            running: Cell::new(0),
        }
    }

    pub fn records(&self) -> &[LaneRecord] {
        &self.memory.records[..self.lanes]
    }

    pub fn lifo(&self) -> Lifo<'_, Cells<Element>, &Self> {
        let memory = &self.memory;
        Lifo {
            lists: TwoLists {
                heads: &memory.head.words[0],
                signals: &memory.head.signals,
                lines: &memory.lines[..self.lanes],
                rows: &memory.rows[..self.lanes * self.lanes],
                links: &memory.links[..self.lanes + self.capacity],
                records: self.records(),
                place: Place::new(OFFSET, 1),
            },
            cells: memory.cells.cells(),
            kernel: self,
        }
    }

    /// An exchange took effect: the sequential stack does the same and compares.
    pub fn observe(&self, lane: usize, old: u64, new: u64) {
        quietly(|| {
            let lifo = self.lifo();
            let way = lifo.lists.last(new);
            let node = match way {
                Way::Push => lifo.lists.named(new, way).1,
                Way::Pop => lifo.lists.named(old, way).0,
            };
            let mut ghost = self.ghost.borrow_mut();
            let Some([value, twice]) = lifo.cells.load(node) else {
                return ghost.violate("a node that is none");
            };
            if value != twice {
                ghost.violate("torn: a half-written element was published");
            }
            match way {
                Way::Push if !ghost.pushed.insert(value) => ghost.violate("pushed twice"),
                Way::Push => ghost.stack.push(value),
                Way::Pop => {
                    if ghost.stack.pop() != Some(value) {
                        ghost.violate("not the last in");
                    }
                    ghost.last.insert(lane, value);
                }
            }
            let len = ghost.stack.len();
            let nodes = |way| lifo.lists.nodes(way).len();
            if (nodes(Way::Pop), nodes(Way::Push)) != (len, self.capacity - len.min(self.capacity))
            {
                ghost.violate("nodes in the wrong list");
            }
            let state = (now(), ghost.stack.last().copied(), len);
            ghost.history.push(state);
        });
    }

    pub fn push(&self, lane: usize) -> Result<(), Stop> {
        let begun = now();
        let value = self.next_value.get() + 1;
        self.next_value.set(value);
        let done = self.lifo().push(lane, [value, value]);
        quietly(|| {
            let mut ghost = self.ghost.borrow_mut();
            let full = ghost.once_since(begun, |_, len| len == self.capacity);
            match done {
                Ok(()) if !ghost.pushed.contains(&value) => {
                    ghost.violate("acknowledged, not pushed")
                }
                Err(Stop::Corrupt) => ghost.violate("push: corrupt"),
                Err(Stop::None) if !full => ghost.violate("full, and was not"),
                _ => {}
            }
        });
        done
    }

    pub fn pop(&self, lane: usize) -> Result<Element, Stop> {
        let begun = now();
        let got = self.lifo().pop(lane);
        quietly(|| {
            let mut ghost = self.ghost.borrow_mut();
            let empty = ghost.once_since(begun, |_, len| len == 0);
            match got {
                Ok([value, twice]) if value != twice => ghost.violate("torn"),
                Ok([value, _]) if ghost.last.get(&lane) != Some(&value) => {
                    ghost.violate("another element than the one that was popped");
                }
                Err(Stop::Corrupt) => ghost.violate("pop: corrupt"),
                Err(Stop::None) if !empty => ghost.violate("empty, and was not"),
                _ => {}
            }
        });
        got
    }

    pub fn look(&self) {
        let begun = now();
        let top = self.lifo().peek();
        quietly(|| {
            let mut ghost = self.ghost.borrow_mut();
            let seen = top.ok().map(|[value, _]| value);
            let torn = top.is_ok_and(|[value, twice]| value != twice);
            if torn || !ghost.once_since(begun, |top, _| top == seen) {
                ghost.violate("peek: torn, or never the first");
            }
        });
        let begun = now();
        let len = self.lifo().lists.len();
        quietly(|| {
            let mut ghost = self.ghost.borrow_mut();
            if !ghost.once_since(begun, |_, was| Ok(was) == len) {
                ghost.violate("len: never so many");
            }
        });
    }

    /// One round of waiting for `way`.
    pub fn wait(&self, way: Way) {
        let lists = self.lifo().lists;
        let (event, other) = match way {
            Way::Pop => (&lists.signals.filled, Way::Push),
            Way::Push => (&lists.signals.emptied, Way::Pop),
        };
        event.wait_round(
            &self,
            Duration::from_secs(9),
            || self.recover_all(),
            || lists.announced(other),
            || lists.is_blocked(way),
        );
    }

    /// Settles the lanes of the dead, as a sleeper does.
    pub fn recover_all(&self) {
        let dead: Vec<_> = self.dead.borrow().iter().copied().collect();
        dead.into_iter().for_each(|lane| self.recover(lane));
    }

    /// Settles one lane. It never has to be put off.
    pub fn recover(&self, lane: usize) {
        /// The right to sweep a lane: it comes back when its holder is killed.
        struct Sweep<'a>(&'a World, usize, bool);
        impl Drop for Sweep<'_> {
            fn drop(&mut self) {
                if !self.2 {
                    self.0.dead.borrow_mut().insert(self.1);
                }
            }
        }
        if self.dead.borrow_mut().remove(&lane) {
            let mut sweep = Sweep(self, lane, false);
            if settle_lane(&self, self.records(), lane, &self) != Settled::Clean {
                self.ghost.borrow_mut().violate("a recovery was put off");
            }
            sweep.2 = true;
        }
    }
}

impl Kernel for &World {
    fn sleep(&self, word: &AtomicU32, expected: u32, limit: Duration) {
        let lane = self.running.get();
        pause();
        if quietly(|| word.load(SeqCst)) != expected || limit <= SLICE {
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
        let mut first = true;
        self.sleepers.borrow_mut().retain(|_, on| {
            let wakes = *on == word && (first || !seeded(Bug::WakeOne));
            first &= !wakes;
            !wakes
        });
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
        let here = place == Place::new(OFFSET, 1);
        let lines = memory.lines.get(..lanes)?;
        here.then_some((&memory.head.signals, &memory.head.words[..], lines))
    }

    fn rows(&self, _: Place, lanes: usize) -> Option<&[AtomicU64]> {
        self.memory.rows.get(..lanes * lanes)
    }
}
