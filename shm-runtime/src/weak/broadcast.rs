//! `Broadcast`: edges (A) and (B) of the exchange, and (H) of the hint.

use super::kill::{at_every_access, killed};
use super::{Awake, assert_caught, explore};
use crate::memory::atomic::{AtomicU64, Ordering::Acquire};
use crate::memory::cell::{CellArray, Cells};
use crate::memory::exchange::{Dynamic, Exchange, Line};
use crate::memory::lane::{LaneRecord, Place};
use crate::memory::recovery::{Arena, Settled, settle_lane};
use crate::memory::shared::Shared;
use crate::memory::signals::{Kernel, Signals};
use crate::seeded::Bug;
use crate::structures::broadcast::ring::{Got, Parts, Ring};
use loom::thread::spawn;
use std::sync::Arc;
use zerocopy::FromZeros;

/// Lanes: the victim's, the living one's, and the recoverer's.
const LANES: usize = 3;
const DEAD: usize = 0;
const LIVING: usize = 1;
const OWN: usize = 2;
/// Messages that are kept.
const WORDS: usize = 2;
/// Where the ring is said to lie.
const OFFSET: u64 = 4096;

#[derive(FromZeros)]
#[repr(C)]
struct Memory {
    records: [LaneRecord; LANES],
    signals: Signals,
    words: [AtomicU64; WORDS],
    lines: [Line; LANES],
    cells: CellArray<[u64; 2], { WORDS + LANES }>,
    tail: AtomicU64,
}

struct World {
    memory: Box<Memory>,
}

impl World {
    fn new() -> Arc<Self> {
        let memory = Memory::new_box_zeroed().expect("memory");
        memory.records.enrol(); // nobody sleeps: the signals are at rest
        memory.words.enrol();
        memory.lines.enrol();
        memory.cells.enrol();
        memory.tail.enrol();
        Arc::new(Self { memory })
    }

    fn send(&self, lane: usize, value: u64) {
        assert_eq!(Ring(self).send(lane, [value; 2]), Ok(()));
    }

    /// One attempt to receive: the message's ticket and value, if there is one that is not gone.
    fn recv(&self, cursor: &mut u64) -> Got<u64> {
        match Ring(self).recv(cursor).expect("it makes sense") {
            Got::Message([value, twice]) => {
                assert_eq!(value, twice, "torn");
                Got::Message(value)
            }
            Got::Nothing => Got::Nothing,
            Got::Missed(missed) => Got::Missed(missed),
        }
    }

    /// All that is left to receive.
    fn drain(&self, mut cursor: u64) -> Vec<u64> {
        let mut all = Vec::new();
        loop {
            match self.recv(&mut cursor) {
                Got::Message(value) => all.push(value),
                Got::Nothing => return all,
                Got::Missed(_) => {}
            }
        }
    }

    /// Every node is in one place, now that nobody is in the middle of anything.
    fn assert_nodes(&self) {
        let exchange = Parts::exchange(self);
        let words = (0..WORDS).map(|word| exchange.named(word, exchange.words[word].load(Acquire)));
        let own = |lane| exchange.own(lane).expect("a lane");
        let spares = (0..LANES).map(|lane| exchange.spare_named(&own(lane)));
        let mut nodes: Vec<_> = words.chain(spares).collect();
        nodes.sort_unstable();
        assert_eq!(nodes, (0..WORDS + LANES).collect::<Vec<_>>(), "nodes");
    }
}

impl Parts for World {
    type Element = [u64; 2];
    type Cells = Cells<[u64; 2]>;
    type Capacity = Dynamic;

    fn exchange(&self) -> Exchange<'_, Dynamic> {
        Exchange {
            words: &self.memory.words,
            signals: &self.memory.signals,
            lines: &self.memory.lines,
            records: &self.memory.records,
            place: Place::new(OFFSET, WORDS),
        }
    }
    fn cells(&self) -> &Cells<[u64; 2]> {
        self.memory.cells.cells()
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
        let Memory { signals, words, .. } = &*self.memory;
        let lines = self.memory.lines.get(..lanes)?;
        (place == Place::new(OFFSET, WORDS)).then_some((signals, words, lines))
    }
}

/// One sends more than is kept, so that a node is filled again under the other's copy.
fn one_sender() {
    let world = World::new();
    let other = Arc::clone(&world);
    let sender = spawn(move || (0..4).for_each(|value| other.send(LIVING, value)));
    let mut cursor = 0;
    for _ in 0..3 {
        let before = cursor;
        match world.recv(&mut cursor) {
            Got::Message(value) => assert_eq!((value, cursor), (before, before + 1), "another one"),
            Got::Nothing => assert_eq!(cursor, before),
            Got::Missed(missed) => assert_eq!(cursor, before + missed),
        }
    }
    sender.join().expect("it ended");
    assert_eq!(world.drain(0), [2, 3], "the last ones");
    world.assert_nodes();
}

/// Who has sent a message finds it: what was sent before it is there too, and nothing is out of order.
fn two_senders() {
    let world = World::new();
    let other = Arc::clone(&world);
    let first = spawn(move || (0..3).for_each(|value| other.send(LIVING, value)));
    world.send(OWN, 100);
    let mut seen = Vec::new();
    let mut cursor = 0;
    while !seen.contains(&100) {
        match world.recv(&mut cursor) {
            Got::Message(value) => seen.push(value),
            Got::Nothing => panic!("there is more"),
            Got::Missed(_) => break,
        }
    }
    first.join().expect("it ended");
    let mut others: Vec<_> = seen.into_iter().chain(world.drain(cursor)).collect();
    others.retain(|value| *value != 100);
    assert!(others.is_sorted_by(|one, next| one < next), "{others:?}");
    assert_eq!(
        others.last(),
        Some(&2),
        "the last one is there, whoever was last"
    );
    world.assert_nodes();
}

/// A sender is killed before its access number `accesses`, beside one who goes on, and recovered; whether it came to
/// its end.
fn a_killed_sender(accesses: usize) -> bool {
    let world = World::new();
    let (dead, lives) = (Arc::clone(&world), Arc::clone(&world));
    let dead = spawn(move || killed(accesses, || dead.send(DEAD, 100)));
    let lives = spawn(move || {
        lives.send(LIVING, 1);
        lives.send(LIVING, 2);
    });
    let ended = dead.join().expect("it was killed");
    let recover = || settle_lane(&&*world, &world.memory.records, DEAD, &Awake);
    recover();
    lives.join().expect("it ended");
    assert_eq!(
        recover(),
        Settled::Clean,
        "nobody is in the middle of anything"
    );
    world.assert_nodes();
    world.send(OWN, 3);
    let sent = Ring(&*world).sent();
    let all = world.drain(0);
    assert!(sent == 3 + u64::from(ended) || sent == 4, "lost: {sent}");
    assert!(
        [&[2, 3][..], &[100, 3]].contains(&&all[..]),
        "out of order: {all:?}"
    );
    ended
}

#[test]
fn p1_a_message_is_whole_and_the_next_one() {
    explore(3, one_sender);
}

#[test]
fn p1_what_was_sent_is_a_sequence_for_all() {
    explore(3, two_senders);
}

#[test]
fn p1_a_killed_send_is_settled_beside_one_who_goes_on() {
    at_every_access(2, a_killed_sender);
}

#[test]
fn missing_edges_are_caught() {
    assert_caught(
        Bug::RelaxedHint,
        "weak::broadcast::p1_what_was_sent_is_a_sequence_for_all",
    );
    for bug in [Bug::RelaxedExchange, Bug::RelaxedRefill, Bug::ReadUnchecked] {
        assert_caught(
            bug,
            "weak::broadcast::p1_a_message_is_whole_and_the_next_one",
        );
    }
}
