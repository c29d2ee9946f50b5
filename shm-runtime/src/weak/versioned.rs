//! `Versioned`: edges (A) and (B) of the exchange, and (D) of the stamp.

use super::kill::{at_every_access, killed};
use super::{Awake, assert_caught, explore};
use crate::memory::atomic::{AtomicU64, Ordering::Acquire};
use crate::memory::exchange::{Exchange, Fixed, Line, Words};
use crate::memory::lane::{LaneRecord, Place};
use crate::memory::nodes::StampedNode;
use crate::memory::recovery::{Arena, Settled, settle_lane};
use crate::memory::shared::Shared;
use crate::memory::signals::{Kernel, Signals};
use crate::memory::stamp::StampedNodes;
use crate::seeded::Bug;
use crate::structures::versioned::latest::{Latest, Parts, Seen, Stop};
use loom::thread::spawn;
use std::sync::Arc;
use zerocopy::FromZeros;

/// Lanes: the victim's, the living one's, and the recoverer's.
const LANES: usize = 3;
const DEAD: usize = 0;
const LIVING: usize = 1;
const OWN: usize = 2;
/// Where the value is said to lie.
const OFFSET: u64 = 4096;

/// A value twice, so that a torn one shows.
type Value = [u64; 2];

#[derive(FromZeros)]
#[repr(C)]
struct Memory {
    records: [LaneRecord; LANES],
    exchange: Words<1>,
    lines: [Line; LANES],
    nodes: StampedNodes<Value, LANES>,
}

struct World {
    memory: Box<Memory>,
}

impl World {
    fn new() -> Arc<Self> {
        let memory = Memory::new_box_zeroed().expect("memory");
        memory.records.enrol();
        memory.exchange.words.enrol(); // nobody sleeps: the signals are at rest
        memory.lines.enrol();
        memory.nodes.enrol();
        Arc::new(Self { memory })
    }

    fn latest(&self) -> Latest<'_, Self> {
        Latest(self)
    }

    fn store(&self, lane: usize, value: u64) {
        assert_eq!(self.latest().store(lane, &[value; 2]), Ok(()));
    }

    /// One attempt to read it; none where writers were faster.
    fn try_load(&self) -> Option<Seen<Value>> {
        match self.latest().try_load() {
            Ok(seen) => {
                assert_eq!(seen.value[0], seen.value[1], "torn");
                Some(seen)
            }
            Err(Stop::Outrun) => None,
            Err(Stop::Corrupt) => panic!("load: corrupt"),
        }
    }

    fn load(&self) -> Seen<Value> {
        loop {
            if let Some(seen) = self.try_load() {
                return seen;
            }
        }
    }

    /// Adds to the value.
    fn add(&self, lane: usize, more: u64) {
        loop {
            let seen = self.load();
            let sum = seen.value[0] + more;
            if self.latest().replace(lane, seen.word, &[sum; 2]) == Ok(true) {
                return;
            }
        }
    }

    /// Every node is in one place, now that nobody is in the middle of anything.
    fn assert_nodes(&self) {
        let exchange = Parts::exchange(self);
        let word = exchange.words[0].load(Acquire);
        let spares =
            (0..LANES).map(|lane| exchange.spare_named(&exchange.own(lane).expect("a lane")));
        let mut nodes: Vec<_> = spares.chain([exchange.named(0, word)]).collect();
        nodes.sort_unstable();
        assert_eq!(nodes, (0..=LANES).collect::<Vec<_>>(), "nodes");
    }
}

impl Parts for World {
    type Element = Value;

    fn exchange(&self) -> Exchange<'_, Fixed<1>> {
        Exchange {
            words: &self.memory.exchange.words,
            signals: &self.memory.exchange.signals,
            lines: &self.memory.lines,
            records: &self.memory.records,
            place: Place::new(OFFSET, 1),
        }
    }
    fn node(&self, index: usize) -> Option<impl StampedNode<Value = Value>> {
        self.memory.nodes.as_slice().get(index)
    }
    fn kernel(&self) -> impl Kernel {
        Awake
    }
}

impl Arena for &World {
    fn exchange(&self, place: Place, lanes: usize) -> Option<(&Signals, &[AtomicU64], &[Line])> {
        let Words { signals, words } = &self.memory.exchange;
        let lines = self.memory.lines.get(..lanes)?;
        (place == Place::new(OFFSET, 1)).then_some((signals, words, lines))
    }
}

/// One stores, so that a node is filled again under the other's copy.
fn one_writer() {
    let world = World::new();
    let other = Arc::clone(&world);
    let writer = spawn(move || (1..=3).for_each(|value| other.store(LIVING, value)));
    let mut last = 0;
    for _ in 0..2 {
        let Some(seen) = world.try_load() else {
            continue;
        };
        assert_eq!(seen.value[0], seen.version, "another version's value");
        assert!(seen.version >= last, "the version went back");
        last = seen.version;
    }
    writer.join().expect("it ended");
    assert_eq!(world.load().value, [3; 2]);
    world.assert_nodes();
}

/// Two change what is there, and a third one replaces it.
fn three_writers() {
    let world = World::new();
    let others = [DEAD, LIVING].map(|lane| {
        let other = Arc::clone(&world);
        spawn(move || other.add(lane, 1))
    });
    world.store(OWN, 10);
    for other in others {
        other.join().expect("it ended");
    }
    let sum = world.load().value[0];
    assert!((10..=12).contains(&sum), "a change is lost: {sum}");
    world.assert_nodes();
}

/// The victim stores, and is killed before its access number `accesses`, beside one who updates, and one who
/// recovers it; whether it came to its end.
fn a_killed_store(accesses: usize) -> bool {
    let world = World::new();
    let (dead, lives) = (Arc::clone(&world), Arc::clone(&world));
    let dead = spawn(move || killed(accesses, || dead.store(DEAD, 100)));
    let lives = spawn(move || {
        lives.add(LIVING, 1);
        lives.add(LIVING, 1);
    });
    let ended = dead.join().expect("it was killed");
    let recover = || settle_lane(&&*world, &world.memory.records, DEAD, &Awake);
    let seen = world.load();
    recover();
    lives.join().expect("it ended");
    assert_eq!(
        recover(),
        Settled::Clean,
        "nobody is in the middle of anything"
    );
    world.assert_nodes();
    let now = world.load();
    let published = now.version == 3;
    let values: &[u64] = match published {
        true => &[100, 101, 102],
        false => &[2],
    };
    assert!(values.contains(&now.value[0]), "{now:?}");
    assert!(published || now.version == 2, "{now:?}");
    assert!(seen.version <= now.version);
    assert!(published || !ended, "an acknowledged store is lost");
    ended
}

#[test]
fn p1_a_value_is_whole_and_of_its_version() {
    explore(3, one_writer);
}

#[test]
fn p1_no_change_is_lost() {
    explore(3, three_writers);
}

#[test]
fn p1_a_killed_store_is_settled_beside_one_who_goes_on() {
    at_every_access(1, a_killed_store);
}

#[test]
fn missing_edges_are_caught() {
    for bug in [
        Bug::RelaxedExchange,
        Bug::RelaxedRefill,
        Bug::RelaxedDirty,
        Bug::FillUnmarked,
        Bug::ReadUnchecked,
    ] {
        assert_caught(
            bug,
            "weak::versioned::p1_a_value_is_whole_and_of_its_version",
        );
    }
}
