//! `Set<u64, 2>`: keys come, go and are looked for, in an empty set, a full one, and one that was used.

use crate::family::{Exceptions, Family, Operation, State};
use crate::scenario::{Scenario, World};
use crate::tracee::Turn;
use shm_runtime::Segment;

pub fn keys(world: &Segment<World>) -> String {
    Segment::recover(world);
    let mut keys: Vec<_> = world.set.iter().collect();
    keys.sort_unstable();
    keys.iter().map(|key| format!("{key} ")).collect()
}

/// The keys in order, and how many fit in when all are out.
fn observe(world: &Segment<World>) -> String {
    let seen = keys(world);
    (0..9).for_each(|key| _ = world.set.remove(key));
    let room = (100..109)
        .take_while(|&key| world.set.insert(key) == Ok(true))
        .count();
    (100..109).for_each(|key| _ = world.set.remove(key));
    format!("{seen}| {room}")
}

fn empty(_: &Segment<World>) {}

fn full(world: &Segment<World>) {
    assert_eq!(
        (world.set.insert(1), world.set.insert(2)),
        (Ok(true), Ok(true))
    );
}

/// Nodes are not where they were at first.
fn used(world: &Segment<World>) {
    for key in 3..7 {
        assert_eq!(world.set.insert(key), Ok(true));
        assert!(world.set.remove(key));
    }
    assert_eq!(world.set.insert(1), Ok(true));
}

fn insert(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(world.set.insert(7).map_or(99, u64::from)));
}

fn remove(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(u64::from(world.set.remove(1))));
}

fn contains(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(u64::from(world.set.contains(1))));
}

const INSERT: Scenario = Scenario {
    name: "set.insert, empty",
    set_up: empty,
    operation: insert,
    observe,
    before: "| 2",
    after: "7 | 2",
    partly: &[],
    withheld: &["| 1"], // as a map's
};

pub const SCENARIOS: &[Scenario] = &[
    INSERT,
    Scenario {
        name: "set.remove, full",
        set_up: full,
        operation: remove,
        before: "1 2 | 2",
        after: "2 | 2",
        withheld: &[],
        ..INSERT
    },
];

/// While an inserter is stopped, its bucket is withheld: the keys alone.
pub const FAMILY: Family = Family {
    structure: "set",
    states: &[
        State::new("empty", empty),
        State::new("full", full),
        State::new("used", used),
    ],
    operations: &[
        Operation::single("insert", insert),
        Operation::single("remove", remove),
        Operation::single("contains", contains),
    ],
    observe: keys,
    exceptions: Exceptions::NONE,
};
