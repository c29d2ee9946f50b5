//! `Stack`: edges (A) and (B) of two lists, and the rows that tell who did what.

use super::kill::{at_every_access, killed};
use super::{Awake, assert_caught, explore};
use crate::memory::atomic::AtomicU64;
use crate::memory::cell::{CellArray, Cells};
use crate::memory::exchange::{Line, Words};
use crate::memory::lane::{LaneRecord, Place};
use crate::memory::recovery::{Arena, Settled, settle_lane};
use crate::memory::shared::Shared;
use crate::memory::signals::Signals;
use crate::memory::two_lists::{Link, Stop, TwoLists, Way};
use crate::seeded::Bug;
use crate::structures::stack::lifo::Lifo;
use loom::thread::spawn;
use std::sync::Arc;
use zerocopy::FromZeros;

/// Lanes: the victim's, the living one's, and the recoverer's.
const LANES: usize = 3;
const DEAD: usize = 0;
const LIVING: usize = 1;
const OWN: usize = 2;
/// Most elements.
const ELEMENTS: usize = 2;
/// Where the stack is said to lie.
const OFFSET: u64 = 4096;

#[derive(FromZeros)]
#[repr(C)]
struct Memory {
    records: [LaneRecord; LANES],
    head: Words<1>,
    lines: [Line; LANES],
    rows: [AtomicU64; LANES * LANES],
    links: [Link; LANES + ELEMENTS],
    cells: CellArray<[u64; 2], { LANES + ELEMENTS }>,
}

struct World {
    memory: Box<Memory>,
}

impl World {
    fn new() -> Arc<Self> {
        let memory = Memory::new_box_zeroed().expect("memory");
        memory.records.enrol();
        memory.head.words.enrol(); // nobody sleeps: the signals are at rest
        memory.lines.enrol();
        memory.rows.enrol();
        memory.links.enrol();
        memory.cells.enrol();
        Arc::new(Self { memory })
    }

    fn lifo(&self) -> Lifo<'_, Cells<[u64; 2]>, Awake> {
        let memory = &self.memory;
        Lifo {
            lists: TwoLists {
                heads: &memory.head.words[0],
                signals: &memory.head.signals,
                lines: &memory.lines,
                rows: &memory.rows,
                links: &memory.links,
                records: &memory.records,
                place: Place::new(OFFSET, 1),
            },
            cells: memory.cells.cells(),
            kernel: Awake,
        }
    }

    /// Whether `value` was pushed.
    fn push(&self, lane: usize, value: u64) -> bool {
        match self.lifo().push(lane, [value; 2]) {
            Ok(()) => true,
            Err(Stop::None) => false,
            Err(Stop::Corrupt) => panic!("push: corrupt"),
        }
    }

    fn pop(&self, lane: usize) -> Option<u64> {
        whole(self.lifo().pop(lane))
    }

    fn peek(&self) -> Option<u64> {
        whole(self.lifo().peek())
    }

    /// Pushes numbers from `first` on (`+`), and pops (`-`); says what it popped, and what it has pushed for certain.
    fn play(&self, lane: usize, script: &str, first: u64) -> (Vec<u64>, Vec<u64>) {
        let (mut popped, mut pushed) = (Vec::new(), Vec::new());
        for (step, value) in script.chars().zip(first..) {
            match step {
                '+' if self.push(lane, value) => pushed.push(value),
                '+' => {}
                _ => popped.extend(self.pop(lane)),
            }
        }
        (popped, pushed)
    }

    /// All that is left, from the last in on.
    fn drain(&self, lane: usize) -> Vec<u64> {
        core::iter::from_fn(|| self.pop(lane)).collect()
    }

    /// Every node is in one place, and the length is right, now that nobody is in the middle of anything.
    fn assert_nodes(&self) {
        let lists = self.lifo().lists;
        let filled = lists.nodes(Way::Pop);
        assert_eq!(lists.len(), Ok(filled.len()), "length");
        let spares = (0..LANES).map(|lane| lists.begin(lane).expect("a lane").spare);
        let mut nodes: Vec<_> = spares.chain(filled).chain(lists.nodes(Way::Push)).collect();
        nodes.sort_unstable();
        assert_eq!(nodes, (0..LANES + ELEMENTS).collect::<Vec<_>>(), "nodes");
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

impl Arena for &World {
    fn exchange(&self, place: Place, lanes: usize) -> Option<(&Signals, &[AtomicU64], &[Line])> {
        let Words { signals, words } = &self.memory.head;
        let lines = self.memory.lines.get(..lanes)?;
        (place == Place::new(OFFSET, 1)).then_some((signals, words, lines))
    }

    fn rows(&self, _: Place, lanes: usize) -> Option<&[AtomicU64]> {
        self.memory.rows.get(..lanes * lanes)
    }
}

/// Two push, one pops.
fn two_pushers() {
    let world = World::new();
    let pushers = [DEAD, LIVING].map(|lane| {
        let other = Arc::clone(&world);
        spawn(move || assert!(other.push(lane, lane as u64 + 1), "there is room"))
    });
    let popped = world.pop(OWN);
    for pusher in pushers {
        pusher.join().expect("it ended");
    }
    world.assert_nodes();
    let mut all: Vec<_> = popped.into_iter().chain(world.drain(OWN)).collect();
    all.sort_unstable();
    assert_eq!(all, [1, 2], "each once");
}

/// One looks at an element whose node is used again meanwhile.
fn a_node_that_is_used_again() {
    let world = World::new();
    assert!(world.push(LIVING, 1));
    let other = Arc::clone(&world);
    let looker = spawn(move || {
        let seen = other.peek();
        assert!(
            seen.is_none_or(|value| (1..=3).contains(&value)),
            "{seen:?}"
        );
    });
    for value in [2, 3] {
        assert_eq!(world.pop(LIVING), Some(value - 1));
        assert!(world.push(LIVING, value));
    }
    looker.join().expect("it ended");
    world.assert_nodes();
}

/// Who does what: who is killed, who goes on beside it, and who recovers it after an operation or two.
#[derive(Clone, Copy)]
struct Scene {
    victim: &'static str,
    living: &'static str,
    own: &'static str,
}

/// The victim is killed before its access number `accesses`; whether it came to its end before.
fn play_out(scene: Scene, accesses: usize) -> bool {
    let world = World::new();
    let (dead, lives) = (Arc::clone(&world), Arc::clone(&world));
    let dead = spawn(move || killed(accesses, || _ = dead.play(DEAD, scene.victim, 100)));
    let lives = spawn(move || lives.play(LIVING, scene.living, 200));
    let ended = dead.join().expect("it was killed");
    let (mut popped, mut pushed) = world.play(OWN, scene.own, 300);
    let recovered = settle_lane(&&*world, &world.memory.records, DEAD, &Awake);
    assert_eq!(recovered, Settled::Clean, "it is never put off");
    let (other, more) = lives.join().expect("it ended");
    world.assert_nodes();
    popped.extend(other);
    popped.extend(world.drain(OWN));
    popped.sort_unstable();
    assert!(
        popped.is_sorted_by(|one, next| one < next),
        "twice: {popped:?}"
    );
    pushed.extend(more);
    let lost = pushed
        .iter()
        .filter(|value| !popped.contains(value))
        .count();
    let swallowed = scene.victim.matches('-').count(); // by pops that nobody was told of
    assert!(lost <= swallowed, "lost: {pushed:?}, {popped:?}");
    ended
}

#[test]
fn p1_two_pushers_and_a_popper_lose_nothing() {
    explore(3, two_pushers);
}

#[test]
fn p1_what_is_read_in_a_node_that_is_used_again_is_thrown_away() {
    explore(2, a_node_that_is_used_again);
}

#[test]
fn p1_a_killed_push_is_settled_beside_one_who_goes_on() {
    let scene = Scene {
        victim: "+",
        living: "+-",
        own: "",
    };
    at_every_access(2, move |accesses| play_out(scene, accesses));
}

#[test]
fn p1_a_killed_pop_is_settled_by_the_rows_of_others() {
    let scene = Scene {
        victim: "+-",
        living: "+",
        own: "-",
    };
    at_every_access(1, move |accesses| play_out(scene, accesses));
}

#[test]
fn missing_edges_are_caught() {
    assert_caught(
        Bug::RelaxedHeads,
        "weak::stack::p1_two_pushers_and_a_popper_lose_nothing",
    );
    assert_caught(
        Bug::RelaxedBegin,
        "weak::stack::p1_what_is_read_in_a_node_that_is_used_again_is_thrown_away",
    );
    for bug in [Bug::RelaxedSettle, Bug::RowAfterExchange] {
        assert_caught(
            bug,
            "weak::stack::p1_a_killed_push_is_settled_beside_one_who_goes_on",
        );
    }
}
