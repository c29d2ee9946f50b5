//! `Map`: edges (A) and (B) of the exchange, (V) of a removal, and the one order of claims, raises and marks with the looks behind them.

use super::kill::{at_every_access, killed};
use super::{Awake, assert_caught, explore};
use crate::memory::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed},
};
use crate::memory::entries::{Entries, EntryGroups};
use crate::memory::exchange::{Dynamic, Exchange, Line};
use crate::memory::hash::hash;
use crate::memory::lane::{LaneRecord, Place};
use crate::memory::recovery::{Arena, Settled, settle_lane};
use crate::memory::shared::Shared;
use crate::memory::signals::Signals;
use crate::seeded::Bug;
use crate::structures::map::table::{Parts, Stop, Table};
use loom::thread::spawn;
use std::sync::Arc;
use zerocopy::FromZeros;

/// Lanes: the victim's, the living one's, and the recoverer's.
pub const LANES: usize = 3;
pub const DEAD: usize = 0;
pub const LIVING: usize = 1;
pub const OWN: usize = 2;
/// Most buckets.
const WORDS: usize = 8;
/// Buckets that a bound reaches at least.
const NEAR: usize = 4;
/// Where the map is said to lie.
const OFFSET: u64 = 4096;

/// A value twice, so that a torn one shows.
type Value = [u64; 2];

#[derive(FromZeros)]
#[repr(C)]
struct Memory {
    records: [LaneRecord; LANES],
    signals: Signals,
    words: [AtomicU64; WORDS],
    lines: [Line; LANES],
    bounds: [AtomicU64; WORDS],
    entries: EntryGroups<u64, Value, WORDS, LANES, 2>,
}

/// A map, or a large one.
pub struct World {
    memory: Box<Memory>,
    capacity: usize,
    /// Buckets that come with a node: fewer than all in a large map.
    stock: usize,
}

impl World {
    /// A map in which there are so many of [`keys`], the first ones.
    fn new(capacity: usize, filled: usize) -> Arc<Self> {
        Self::furnished(capacity, capacity, |world| {
            for key in keys(filled) {
                assert_eq!(world.add(OWN, key, key), None);
            }
        })
    }

    /// A map with what `furnish` does to it before the threads start.
    pub fn furnished(capacity: usize, stock: usize, furnish: impl FnOnce(&Self)) -> Arc<Self> {
        let world = Self {
            memory: Memory::new_box_zeroed().expect("memory"),
            capacity,
            stock,
        };
        furnish(&world);
        let memory = &world.memory;
        memory.records.enrol();
        memory.words[..capacity].iter().for_each(Shared::enrol);
        memory.lines.enrol();
        memory.bounds[..capacity].iter().for_each(Shared::enrol);
        memory.entries.enrol();
        Arc::new(world)
    }

    fn table(&self) -> Table<'_, Self> {
        Table(self)
    }

    /// Inserts a key that is not there; the value that it has if it is.
    pub fn add(&self, lane: usize, key: u64, value: u64) -> Option<u64> {
        let before = self.table().add(lane, key, &[value; 2]);
        whole(before.expect("there is room"))
    }

    /// Inserts a key or replaces its value; the value before.
    pub fn try_insert(&self, lane: usize, key: u64, value: u64) -> Result<Option<u64>, Stop> {
        let before = self.table().insert(lane, key, &[value; 2]);
        before.map(whole)
    }

    /// As [`Self::try_insert`], where there is room.
    pub fn insert(&self, lane: usize, key: u64, value: u64) -> Option<u64> {
        let before = self.try_insert(lane, key, value);
        before.expect("there is room")
    }

    pub fn remove(&self, key: u64) -> Option<u64> {
        whole(self.table().remove(key).expect("it makes sense"))
    }

    pub fn get(&self, key: u64) -> Option<u64> {
        let table = self.table();
        whole(table.get(&table.seek(key)).expect("it makes sense"))
    }

    /// Settles the lane of the dead one; false where that has to be tried again.
    pub fn recover(&self) -> bool {
        settle_lane(&self, &self.memory.records, DEAD, &Awake) == Settled::Clean
    }

    /// No key is there twice, and each that is there is found.
    pub fn assert_keys(&self) {
        let members = (0..self.capacity).filter_map(|slot| self.table().member(slot));
        let mut keys: Vec<_> = members.map(|(key, _)| key).collect();
        keys.sort_unstable();
        assert!(keys.is_sorted_by(|one, next| one < next), "twice: {keys:?}");
        for key in keys {
            assert!(self.get(key).is_some(), "{key} is not found");
        }
    }

    fn node_in(&self, word: usize) -> usize {
        let exchange = Parts::exchange(self);
        let value = exchange.word(word).expect("a word").load(Acquire);
        exchange.node_in(word, value).expect("a node")
    }

    fn spare(&self, lane: usize) -> usize {
        let exchange = Parts::exchange(self);
        let own = exchange.own(lane).expect("a lane");
        exchange.spare(&own).expect("a node")
    }

    /// Whether a lane's spare is a blank, and whether what is on its shelf is one.
    pub fn blanks(&self, lane: usize) -> [bool; 2] {
        let is_blank = |node| (self.stock..self.capacity).contains(&node);
        let shelf = Parts::exchange(self).shelf(lane);
        [self.spare(lane), self.node_in(shelf)].map(is_blank)
    }

    /// Every node is in one place, now that nobody is in the middle of anything.
    pub fn assert_nodes(&self) {
        let exchange = Parts::exchange(self);
        let words = (0..self.capacity + LANES).map(|word| self.node_in(word));
        let spares = (0..LANES).map(|lane| self.spare(lane));
        let mut nodes: Vec<_> = words.chain(spares).collect();
        nodes.sort_unstable();
        assert_eq!(nodes, (0..exchange.nodes()).collect::<Vec<_>>(), "nodes");
    }
}

fn whole(value: Option<Value>) -> Option<u64> {
    let [value, twice] = value?;
    assert_eq!(value, twice, "torn");
    Some(value)
}

/// Keys whose home is the first bucket, however many buckets there are.
pub fn keys(count: usize) -> Vec<u64> {
    let at_home = |key: &u64| hash(&key.to_ne_bytes()).is_multiple_of(WORDS as u64);
    (1..).filter(at_home).take(count).collect()
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
            lines: &self.memory.lines,
            records: &self.memory.records,
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

impl Arena for &World {
    fn exchange(&self, place: Place, lanes: usize) -> Option<(&Signals, &[AtomicU64], &[Line])> {
        let memory = &self.memory;
        let words = memory.words.get(..place.capacity() as usize)?;
        (place.offset() == OFFSET).then_some((&memory.signals, words, memory.lines.get(..lanes)?))
    }
}

/// One replaces a value, so that a node is filled again under the other's copy.
fn one_key() {
    let world = World::new(1, 0);
    let key = keys(1)[0];
    let other = Arc::clone(&world);
    let writer = spawn(move || {
        for value in 1..=3 {
            assert_eq!(
                other.insert(LIVING, key, value),
                (value > 1).then(|| value - 1)
            );
        }
    });
    let (first, second) = (world.get(key), world.get(key));
    assert!(
        first <= second && second <= Some(3),
        "{first:?}, {second:?}"
    );
    writer.join().expect("it ended");
    assert_eq!(world.get(key), Some(3));
    world.assert_nodes();
}

/// Two insert one key, into two buckets: one of them passes by a bucket that the other then empties and claims.
fn one_key_in_two_buckets() {
    let world = World::new(2, 1);
    let [there, key] = keys(2)[..] else {
        panic!("two keys")
    };
    let other = Arc::clone(&world);
    let inserter = spawn(move || other.add(DEAD, key, 1));
    assert_eq!(world.remove(there), Some(there));
    let second = world.add(OWN, key, 2);
    let first = inserter.join().expect("it ended");
    let expected = [(None, Some(1)), (Some(2), None)];
    assert!(expected.contains(&(first, second)), "{first:?}, {second:?}");
    world.assert_keys();
    world.assert_nodes();
}

/// One inserts a key far from its home, while the other removes one there and lowers the bound.
fn a_bound_that_is_lowered() {
    let world = World::new(WORDS, NEAR + 1);
    let keys = keys(NEAR + 2);
    let (gone, key) = (keys[NEAR], keys[NEAR + 1]);
    let other = Arc::clone(&world);
    let inserter = spawn(move || assert_eq!(other.add(LIVING, key, 1), None));
    assert_eq!(world.remove(gone), Some(gone));
    inserter.join().expect("it ended");
    assert_eq!(world.get(key), Some(1), "it is beyond the bound");
    world.assert_keys();
    world.assert_nodes();
}

/// Two insert one key, one of them beyond the bound that the other looks within.
fn a_bound_that_is_raised() {
    let world = World::new(WORDS, NEAR);
    let keys = keys(NEAR + 1);
    let (gone, key) = (keys[0], keys[NEAR]);
    let other = Arc::clone(&world);
    let inserter = spawn(move || other.add(LIVING, key, 1));
    assert_eq!(world.remove(gone), Some(gone));
    let second = world.add(OWN, key, 2);
    let first = inserter.join().expect("it ended");
    let expected = [(None, Some(1)), (Some(2), None)];
    assert!(expected.contains(&(first, second)), "{first:?}, {second:?}");
    world.assert_keys();
    world.assert_nodes();
}

/// A key stands for a lock: who removes it unlocks, and who inserts it next sees what was done before.
fn a_key_as_a_lock() {
    let world = World::new(2, 1);
    let key = keys(1)[0];
    let done = Arc::new(AtomicU64::new(0));
    done.enrol();
    let (other, does) = (Arc::clone(&world), Arc::clone(&done));
    let owner = spawn(move || {
        does.store(1, Relaxed);
        other.remove(key)
    });
    if world.add(OWN, key, 2).is_none() {
        assert_eq!(done.load(Relaxed), 1, "what was done is missed");
    }
    assert_eq!(owner.join().expect("it ended"), Some(key));
    world.assert_keys();
}

/// An insertion is killed before its access number `accesses`, beside one who inserts the same key, and recovered;
/// whether it came to its end.
fn a_killed_insertion(accesses: usize) -> bool {
    let world = World::new(2, 0);
    let key = keys(1)[0];
    let (dead, lives) = (Arc::clone(&world), Arc::clone(&world));
    let dead = spawn(move || killed(accesses, || _ = dead.insert(DEAD, key, 100)));
    let lives = spawn(move || lives.insert(LIVING, key, 200));
    let ended = dead.join().expect("it was killed");
    world.recover();
    let before = lives.join().expect("it ended");
    assert!(world.recover(), "nobody is in the middle of anything");
    let now = world.get(key);
    assert!(before.is_none_or(|value| value == 100), "{before:?}");
    assert!(now == Some(200) || now == Some(100), "lost: {now:?}");
    world.assert_keys();
    world.assert_nodes();
    assert_eq!(world.remove(key), now);
    let free = world.table().len();
    assert_eq!(free, 0, "a bucket of the dead stays taken");
    ended
}

#[test]
fn p1_an_entry_is_whole_and_current() {
    explore(3, one_key);
}

#[test]
fn p1_a_key_is_inserted_once() {
    explore(2, one_key_in_two_buckets);
}

#[test]
fn p1_a_key_beyond_a_lowered_bound_is_found() {
    explore(2, a_bound_that_is_lowered);
}

#[test]
fn p1_a_key_beyond_a_raised_bound_is_inserted_once() {
    explore(2, a_bound_that_is_raised);
}

#[test]
fn p1_a_key_that_is_inserted_again_brings_what_was_done_before() {
    explore(3, a_key_as_a_lock);
}

#[test]
fn p1_a_killed_insertion_is_settled_beside_one_who_goes_on() {
    at_every_access(1, a_killed_insertion);
}

#[test]
fn missing_edges_are_caught() {
    for bug in [Bug::RelaxedExchange, Bug::RelaxedRefill, Bug::NoSecondLook] {
        assert_caught(bug, "weak::map::p1_an_entry_is_whole_and_current");
    }
    assert_caught(
        Bug::RelaxedTurn,
        "weak::map::p1_a_key_that_is_inserted_again_brings_what_was_done_before",
    );
    for bug in [Bug::UnorderedClaim, Bug::UnorderedLooks] {
        assert_caught(bug, "weak::map::p1_a_key_is_inserted_once");
    }
    for bug in [Bug::UnorderedBound, Bug::UnorderedMark] {
        assert_caught(bug, "weak::map::p1_a_key_beyond_a_lowered_bound_is_found");
    }
    for bug in [Bug::UnorderedBound, Bug::UnorderedRaise] {
        assert_caught(
            bug,
            "weak::map::p1_a_key_beyond_a_raised_bound_is_inserted_once",
        );
    }
}
