//! A queue's memory and parts, for the models of the queue and of its recovery.

use super::Awake;
use crate::memory::atomic::{AtomicU64, Ordering::Acquire};
use crate::memory::cell::{CellArray, Cells};
use crate::memory::exchange::{Dynamic, Exchange, Line};
use crate::memory::lane::{LaneRecord, Place};
use crate::memory::recovery::{Arena, Settled, settle_lane};
use crate::memory::shared::Shared;
use crate::memory::signals::{Kernel, Signals};
use crate::structures::queue::ring::{Parts, Ring, Stop};
use zerocopy::FromZeros;

/// Lanes.
pub const LANES: usize = 3;
/// Most words.
const WORDS: usize = 2;
/// Where the queue is said to lie.
const OFFSET: u64 = 4096;

#[derive(FromZeros)]
#[repr(C)]
struct Memory {
    records: [LaneRecord; LANES],
    signals: Signals,
    lines: [Line; LANES],
    words: [AtomicU64; WORDS],
    cells: CellArray<[u64; 2], { WORDS + 2 * LANES }>,
    head: AtomicU64,
    tail: AtomicU64,
}

/// A queue of `capacity` elements, each a value twice, so that a torn one shows.
pub struct World {
    memory: Box<Memory>,
    capacity: usize,
}

impl World {
    /// An empty one, by the thread that starts the others.
    pub fn new(capacity: usize) -> Self {
        let memory = Memory::new_box_zeroed().expect("memory");
        memory.records.enrol();
        memory.signals.enrol();
        memory.lines.enrol();
        memory.words.enrol();
        memory.cells.enrol();
        memory.head.enrol();
        memory.tail.enrol();
        Self { memory, capacity }
    }

    fn ring(&self) -> Ring<'_, Self> {
        Ring(self)
    }

    /// Whether `value` was pushed.
    pub fn push(&self, lane: usize, value: u64) -> bool {
        let element = [value; 2];
        self.ring().push_at_once(lane, element)
            || match self.ring().push(lane, element, false) {
                Ok(()) => true,
                Err(Stop::None) => false,
                Err(Stop::Corrupt) => panic!("push: corrupt"),
            }
    }

    /// The value that was popped.
    pub fn pop(&self, lane: usize) -> Option<u64> {
        let at_once = self.ring().pop_at_once(lane).map(Ok);
        whole(at_once.unwrap_or_else(|| self.ring().pop(lane, false)))
    }

    /// The value that would be popped.
    pub fn peek(&self) -> Option<u64> {
        whole(self.ring().peek())
    }

    /// Takes a value and gives it back.
    pub fn take_and_drop(&self, lane: usize) {
        if self.ring().take(lane).is_ok() {
            self.ring().put_back(lane);
        }
    }

    /// All that is left, from the first on.
    pub fn drain(&self, lane: usize) -> Vec<u64> {
        core::iter::from_fn(|| self.pop(lane)).collect()
    }

    /// Settles the lane of one who is dead; whether that could be told.
    pub fn recover(&self, lane: usize) -> bool {
        settle_lane(&self, &self.memory.records, lane, &Awake) == Settled::Clean
    }

    /// Every node is in one place, now that nobody is in the middle of anything.
    pub fn assert_nodes(&self) {
        let exchange = self.exchange();
        let words = (0..self.capacity + LANES).map(|word| {
            let value = exchange.word(word).expect("a word").load(Acquire);
            exchange.node_in(word, value).expect("a node")
        });
        let spares = (0..LANES).map(|lane| {
            let own = exchange.own(lane).expect("a lane");
            exchange.spare(&own).expect("a node")
        });
        let mut nodes: Vec<_> = words.chain(spares).collect();
        nodes.sort_unstable();
        assert_eq!(nodes, (0..exchange.nodes()).collect::<Vec<_>>(), "nodes");
    }
}

fn whole(got: Result<[u64; 2], Stop>) -> Option<u64> {
    match got {
        Ok([value, twice]) => {
            assert_eq!(value, twice, "torn");
            Some(value)
        }
        Err(Stop::None) => None,
        Err(Stop::Corrupt) => panic!("pop: corrupt"),
    }
}

impl Parts for World {
    type Element = [u64; 2];
    type Cells = Cells<[u64; 2]>;
    type Capacity = Dynamic;

    fn exchange(&self) -> Exchange<'_, Dynamic> {
        Exchange {
            words: &self.memory.words[..self.capacity],
            signals: &self.memory.signals,
            lines: &self.memory.lines,
            records: &self.memory.records,
            place: Place::new(OFFSET, self.capacity),
        }
    }
    fn cells(&self) -> &Cells<[u64; 2]> {
        self.memory.cells.cells()
    }
    fn head(&self) -> &AtomicU64 {
        &self.memory.head
    }
    fn tail(&self) -> &AtomicU64 {
        &self.memory.tail
    }
    fn kernel(&self) -> impl Kernel {
        Awake
    }
}

impl Arena for &World {
    fn exchange(&self, place: Place, lanes: usize) -> Option<(&Signals, &[AtomicU64], &[Line])> {
        let memory = &self.memory;
        let words = memory.words.get(..place.capacity() as usize)?;
        (place.offset() == OFFSET).then_some((&memory.signals, words, memory.lines.get(..lanes)?))
    }
}
