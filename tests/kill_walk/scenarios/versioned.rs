//! `Versioned<Pair>`: each operation on a new value, and on one whose nodes are not where they were at first.

use crate::family::{Exceptions, Family, Operation, State};
use crate::scenario::{Pair, Scenario, World};
use crate::tracee::Turn;
use shm_runtime::Segment;

const fn pair(value: u64) -> Pair {
    [value, value]
}

/// The value, and whether every node still does its work: as many stores as there are nodes go through all of them.
fn observe(world: &Segment<World>) -> String {
    let (latest, [value, twice]) = (&world.latest, world.latest.load());
    if value != twice {
        return format!("torn {value}/{twice}");
    }
    let before = latest.version();
    for next in 100..140 {
        latest.store(pair(next)).unwrap();
        if latest.try_load() != Ok(pair(next)) {
            return format!("{value}, and then not {next}");
        }
    }
    match latest.version() - before {
        40 => value.to_string(),
        other => format!("{value}, and 40 stores made {other} versions"),
    }
}

fn new(_: &Segment<World>) {}

fn stored(world: &Segment<World>) {
    for value in [3, 2, 1] {
        world.latest.store(pair(value)).unwrap();
    }
}

fn store(world: &Segment<World>, turn: &Turn) {
    turn.run(|| world.latest.store(pair(7)).unwrap());
}

fn update(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        let change = |value: &mut Pair| value.iter_mut().for_each(|half| *half += 7);
        world.latest.update(change).unwrap();
    });
}

fn load(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(world.latest.load()[0]));
}

const STORE: Scenario = Scenario {
    name: "versioned.store, new",
    set_up: new,
    operation: store,
    observe,
    before: "0",
    after: "7",
    partly: &[],
    withheld: &[],
};

pub const SCENARIOS: &[Scenario] = &[
    STORE,
    Scenario {
        name: "versioned.store, stored",
        set_up: stored,
        before: "1",
        ..STORE
    },
    Scenario {
        name: "versioned.update, new",
        operation: update,
        ..STORE
    },
    Scenario {
        name: "versioned.update, stored",
        set_up: stored,
        operation: update,
        before: "1",
        after: "8",
        ..STORE
    },
    Scenario {
        name: "versioned.load, stored",
        set_up: stored,
        operation: load,
        before: "1",
        after: "1",
        ..STORE
    },
];

pub const FAMILY: Family = Family {
    structure: "versioned",
    states: &[State::new("new", new), State::new("stored", stored)],
    operations: &[
        Operation::single("store", store),
        Operation::single("update", update),
        Operation::single("load", load),
    ],
    observe,
    exceptions: Exceptions::NONE,
};
