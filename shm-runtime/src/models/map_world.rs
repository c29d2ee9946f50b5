//! The world of the map's model: its memory, what is looked at in each step, and the operations.

use super::per_key::{Call, Got, Op};
use super::scheduler::{now, quietly};
use crate::memory::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
use crate::memory::bucket::{Buckets, State};
use crate::memory::entries::{Entries, EntryGroups};
use crate::memory::exchange::{Dynamic, Exchange, Line};
use crate::memory::lane::{LaneRecord, Place};
use crate::memory::recovery::{Arena, Settled, settle_lane};
use crate::memory::signals::{Kernel, Signals};
use crate::structures::map::table::{Parts, Stop, Table};
use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::collections::BTreeSet;
use zerocopy::FromZeros;

/// Most lanes of a model.
pub const LANES: usize = 4;
/// Most buckets.
pub const WORDS: usize = 8;
/// A value twice, so that a torn one shows.
type Value = [u64; 2];

/// The shared memory: zeroed, like a new segment.
#[derive(FromZeros)]
#[repr(C)]
pub struct Memory {
    pub records: [LaneRecord; LANES],
    pub signals: Signals,
    pub words: [AtomicU64; WORDS],
    pub lines: [Line; LANES],
    pub bounds: [AtomicU64; WORDS],
    pub entries: EntryGroups<u64, Value, WORDS, LANES, 2>,
}

/// One run's world.
pub struct World {
    pub memory: Box<Memory>,
    pub capacity: usize,
    /// Buckets that come with a node: fewer than all in a large map.
    pub stock: usize,
    pub lanes: usize,
    pub history: RefCell<Vec<Call>>,
    /// When all buckets were taken last.
    full_at: Cell<Option<u64>>,
    next_value: Cell<u64>,
    /// Lanes whose owners are dead and not recovered.
    pub dead: RefCell<BTreeSet<usize>>,
    pub violation: RefCell<Option<String>>,
}

/// Where the map is said to lie.
const OFFSET: u64 = 4096;

impl World {
    pub fn new((capacity, stock): (usize, usize), lanes: usize) -> Self {
        Self {
            memory: Box::new(Memory::new_zeroed()),
            capacity,
            stock,
            lanes,
            history: RefCell::default(),
            full_at: Cell::new(None),
            next_value: Cell::new(0),
            dead: RefCell::default(),
            violation: RefCell::default(),
        }
    }

    pub fn violate(&self, what: impl Into<String>) {
        self.violation.borrow_mut().get_or_insert(what.into());
    }

    pub fn table(&self) -> Table<'_, Self> {
        Table(self)
    }

    fn buckets(&self) -> Buckets {
        Buckets::for_capacity(self.capacity)
    }

    /// Buckets that are taken, without one of them.
    fn taken_but(&self, slot: usize) -> usize {
        let words = self.memory.words[..self.capacity].iter().enumerate();
        let others = words.filter(|(other, _)| *other != slot);
        others
            .filter(|(_, word)| self.is_taken(word.load(SeqCst)))
            .count()
    }

    fn is_taken(&self, word: u64) -> bool {
        self.buckets().state(word) != State::Empty
    }

    fn is_full(&self) -> bool {
        self.taken_but(usize::MAX) >= self.stock
    }

    /// A bucket changed: no key is there twice, no entry is half written.
    pub fn observe(&self, slot: usize, old: u64, new: u64) {
        quietly(|| {
            let taken =
                self.taken_but(slot) + usize::from(self.is_taken(old) || self.is_taken(new));
            if taken >= self.stock {
                self.full_at.set(Some(now()));
            }
            if self.buckets().state(new) != State::Member {
                return;
            }
            let members = (0..self.capacity).filter_map(|slot| self.table().member(slot));
            let mut keys: Vec<_> = members.map(|(key, _)| key).collect();
            keys.sort_unstable();
            if keys.windows(2).any(|pair| pair[0] == pair[1]) {
                self.violate("two entries of one key");
            }
            if let Some((_, [value, twice])) = self.table().member(slot)
                && value != twice
            {
                self.violate("a half-written entry");
            }
        });
    }

    /// A value that nobody has written yet.
    pub fn value(&self) -> u64 {
        let value = self.next_value.get() + 1;
        self.next_value.set(value);
        value
    }

    /// Runs an operation and writes down what it gave.
    pub fn run(&self, lane: usize, key: u64, op: Op) -> Got {
        let began = now();
        let index = self.history.borrow().len();
        self.history.borrow_mut().push(Call {
            began,
            ended: None,
            key,
            op,
        });
        let got = self.operate(lane, key, op);
        let got = got.unwrap_or_else(|stop| match stop {
            Stop::Full { .. } => {
                let since = self.full_at.get();
                if since.is_none_or(|since| since < began) && !quietly(|| self.is_full()) {
                    self.violate("full although there was room throughout");
                }
                Got::Full
            }
            Stop::Corrupt => {
                self.violate(format!("{op:?}: corrupt"));
                Got::Full
            }
        });
        self.history.borrow_mut()[index].ended = Some((now(), got));
        got
    }

    fn whole(&self, value: Option<Value>) -> Option<u64> {
        let [value, twice] = value?;
        if value != twice {
            self.violate("torn");
        }
        Some(value)
    }

    fn operate(&self, lane: usize, key: u64, op: Op) -> Result<Got, Stop> {
        let table = self.table();
        let value = match op {
            Op::Get => table.get(&table.seek(key))?,
            Op::Insert(value) => table.insert(lane, key, &[value; 2])?,
            Op::Add(value) => table.add(lane, key, &[value; 2])?,
            Op::Update(value) => {
                let before = table.update(lane, key, |_| Some([value; 2]))?;
                before.map(|(Ok(before) | Err(before))| before)
            }
            Op::Exchange(old, new) => {
                let done = table.compare_exchange(lane, key, &[old; 2], &[new; 2])?;
                return Ok(Got::Exchanged(done.map(|done| done.is_ok())));
            }
            Op::Remove => table.remove(key)?,
        };
        Ok(Got::Value(self.whole(value)))
    }

    /// Settles the lanes of the dead, as whoever attaches does.
    pub fn recover_all(&self) {
        let dead: Vec<_> = self.dead.borrow().iter().copied().collect();
        for lane in dead {
            self.recover(lane);
        }
    }

    /// Settles one lane; true where there is nothing left to do.
    pub fn recover(&self, lane: usize) -> bool {
        if !self.dead.borrow_mut().remove(&lane) {
            return true;
        }
        let mut sweep = Sweep {
            world: self,
            lane,
            settled: false,
        };
        let records = &self.memory.records[..self.lanes];
        sweep.settled = settle_lane(&self, records, lane, &self) == Settled::Clean;
        sweep.settled
    }
}

/// The right to sweep a lane: it comes back when its holder is killed.
struct Sweep<'a> {
    world: &'a World,
    lane: usize,
    settled: bool,
}

impl Drop for Sweep<'_> {
    fn drop(&mut self) {
        if !self.settled {
            self.world.dead.borrow_mut().insert(self.lane);
        }
    }
}

impl Parts for World {
    type Key = u64;
    type Value = Value;
    type Entries = Entries<u64, Value>;
    type Capacity = Dynamic;

    fn exchange(&self) -> Exchange<'_, Dynamic> {
        Exchange {
            words: &self.memory.words[..self.capacity],
            signals: &self.memory.signals,
            lines: &self.memory.lines[..self.lanes],
            records: &self.memory.records[..self.lanes],
            place: Place::new(OFFSET, self.capacity),
        }
    }
    fn bounds(&self) -> &[AtomicU64] {
        &self.memory.bounds[..self.capacity]
    }
    fn stock(&self) -> usize {
        self.stock
    }
    fn entries(&self) -> &Entries<u64, Value> {
        self.memory.entries.entries()
    }
}

/// Nobody sleeps in a map.
impl Kernel for &World {
    fn sleep(&self, _: &AtomicU32, _: u32, _: Duration) {}
    fn wake_all(&self, _: &AtomicU32) {}
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
