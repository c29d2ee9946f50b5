//! `sync::Signal`: raised never, once, by one who died in it.

use crate::family::{Besides, Exceptions, Family, Operation, Outcome, Pair, State};
use crate::scenario::{Scenario, World};
use crate::tracee::Turn;
use crate::walk::die_in;
use shm_runtime::Segment;

/// The count, and what one more makes of it.
fn observe(world: &Segment<World>) -> String {
    let before = world.signal.count();
    world.signal.raise();
    format!("{before} then {}", world.signal.count())
}

fn new(_: &Segment<World>) {}

fn raised(world: &Segment<World>) {
    world.signal.raise();
}

/// Somebody died who had announced that it raises.
fn announced(world: &Segment<World>) {
    die_in(world, raise, 1);
}

fn raise(world: &Segment<World>, turn: &Turn) {
    turn.run(|| world.signal.raise());
}

fn count(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(world.signal.count()));
}

const RAISE: Scenario = Scenario {
    name: "signal.raise",
    set_up: new,
    operation: raise,
    observe,
    before: "0 then 1",
    after: "1 then 2",
    partly: &["0 then 2"], // it counts with the next
    withheld: &[],
};

pub const SCENARIOS: &[Scenario] = &[
    RAISE,
    Scenario {
        name: "signal.raise, announced",
        set_up: announced,
        before: "0 then 2",
        after: "2 then 3",
        partly: &["1 then 3"], // the one before is counted
        ..RAISE
    },
];

/// Who does not come to its end may count with the next, and who raises counts that one first.
fn besides(pair: &Pair) -> Besides {
    let raises = pair.operations.map(|operation| operation.verb == "raise");
    let pending = || (0..4).map(|count| format!("{count} then {}", count + 2));
    let noted = if raises[1] { 0..=0 } else { 0..=2 };
    let of_first: Vec<_> = noted
        .flat_map(|note| pending().map(move |seen| (note, seen)))
        .filter(|_| raises[0])
        .collect();
    let both = [[0, 1], [1, 0]].map(|notes| Outcome {
        notes,
        seen: "2 then 3".to_owned(),
    });
    let in_between = |outcome: &Outcome| {
        let counts = [0, 1].map(|which| outcome.notes[which] == 1);
        pair.state.name == "announced" && counts == raises.map(|raises| !raises)
    };
    Besides {
        both: both.into_iter().filter(in_between).collect(),
        killed: of_first.clone(),
        stopped: of_first,
        neither: pending().filter(|_| raises.contains(&true)).collect(),
    }
}

pub const FAMILY: Family = Family {
    structure: "signal",
    states: &[
        State::new("new", new),
        State::new("raised", raised),
        State::new("announced", announced),
    ],
    operations: &[
        Operation::single("raise", raise),
        Operation::single("count", count),
    ],
    observe,
    exceptions: Exceptions {
        besides,
        ..Exceptions::NONE
    },
};
