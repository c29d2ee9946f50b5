//! `sync::Barrier<2>`: a party that comes and goes, alone, beside another, beside one who died.

use crate::family::{Besides, Exceptions, Family, Operation, Outcome, Pair, State};
use crate::scenario::{Scenario, World};
use crate::tracee::Turn;
use crate::walk::die_in;
use shm_runtime::Segment;
use std::time::Duration;

/// Whether one more opens it.
fn observe(world: &Segment<World>) -> String {
    match world.gate.wait(Duration::ZERO) {
        Ok(_) => "open".to_owned(),
        Err(_) => "closed".to_owned(),
    }
}

fn new(_: &Segment<World>) {}

/// Somebody died who had arrived.
fn dead_party(world: &Segment<World>) {
    die_in(world, arrive, 2);
}

/// What is noted of who is let through, last or not; zero of who waited in vain.
const THROUGH: u64 = 1;
const LEADS: u64 = 2;

fn arrive(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        let note = match world.gate.wait(Duration::ZERO) {
            Ok(result) if result.is_leader() => LEADS,
            Ok(_) => THROUGH,
            Err(_) => 0,
        };
        turn.note(note);
    });
}

const ALONE: Scenario = Scenario {
    name: "barrier.wait, alone",
    set_up: new,
    operation: arrive,
    observe,
    before: "closed",
    after: "closed",
    partly: &[],
    withheld: &["open"],
};

pub const SCENARIOS: &[Scenario] = &[
    ALONE,
    Scenario {
        name: "barrier.wait, dead party",
        set_up: dead_party,
        ..ALONE
    },
];

/// Two who are there at a time are let through. In one process one after the other they are not.
fn besides(_: &Pair) -> Besides {
    let [open, closed] = ["open", "closed"].map(str::to_owned);
    let both = [[THROUGH, LEADS], [LEADS, THROUGH]].map(|notes| Outcome {
        notes,
        seen: closed.clone(),
    });
    Besides {
        both: both.into(),
        killed: vec![(LEADS, closed.clone())], // it came while the first lived
        stopped: vec![(LEADS, closed), (0, open.clone())],
        neither: vec![open],
    }
}

pub const FAMILY: Family = Family {
    structure: "barrier",
    states: &[State::new("new", new), State::new("dead party", dead_party)],
    operations: &[Operation::single("wait", arrive)],
    observe,
    exceptions: Exceptions {
        besides,
        ..Exceptions::NONE
    },
};
