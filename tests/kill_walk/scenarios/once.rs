//! `sync::Once`: run by nobody, by one who died in it, to the end.

use crate::family::{Besides, Exceptions, Family, Operation, Outcome, Pair, State};
use crate::scenario::{Scenario, World};
use crate::tracee::Turn;
use crate::walk::die_in;
use shm_runtime::Segment;
use std::time::Duration;

/// Whether it is done, and if not, what one finds who does it.
fn observe(world: &Segment<World>) -> String {
    let mut how = "busy";
    let called = world.once.call_once_wait(Duration::ZERO, |state| {
        how = match state.is_interrupted() {
            true => "interrupted",
            false => "new",
        };
    });
    match called {
        Ok(()) if how == "busy" => "done".to_owned(),
        _ => how.to_owned(),
    }
}

fn new(_: &Segment<World>) {}

/// Somebody died in it.
fn interrupted(world: &Segment<World>) {
    die_in(world, call, 1);
}

fn done(world: &Segment<World>) {
    world.once.call_once(|_| ());
}

/// What is noted: it was done by somebody else, by this one as the first, by this one after a death; zero where
/// another is at it.
const DONE: u64 = 1;
const RAN: u64 = 2;
const RAN_AGAIN: u64 = 3;

pub fn call(world: &Segment<World>, turn: &Turn) {
    run(turn, |run| {
        world.once.call_once(run);
        Ok(())
    });
}

fn call_at_once(world: &Segment<World>, turn: &Turn) {
    run(turn, |run| world.once.call_once_wait(Duration::ZERO, run));
}

/// It is in the middle of its run before its turn, and comes to its end in it.
pub fn run_on(world: &Segment<World>, turn: &Turn) {
    world.once.call_once(|_| turn.begin());
    turn.end();
}

type Run<'a> = &'a mut dyn FnMut(&shm_runtime::sync::OnceState);

fn run(turn: &Turn, call: impl Fn(Run<'_>) -> Result<(), shm_runtime::Timeout>) {
    turn.run(|| {
        let mut how = DONE;
        let called = call(&mut |state| {
            how = match state.is_interrupted() {
                true => RAN_AGAIN,
                false => RAN,
            };
        });
        turn.note(if called.is_ok() { how } else { 0 });
    });
}

const CALL: Scenario = Scenario {
    name: "once.call_once",
    set_up: new,
    operation: call,
    observe,
    before: "new",
    after: "done",
    partly: &["interrupted"],
    withheld: &["busy"],
};

pub const SCENARIOS: &[Scenario] = &[
    CALL,
    Scenario {
        name: "once.call_once, interrupted",
        set_up: interrupted,
        before: "interrupted",
        partly: &[],
        ..CALL
    },
];

/// One is in the middle of it, which it is alone only.
fn besides(pair: &Pair) -> Besides {
    let ran = match pair.state.name {
        "new" => RAN,
        "interrupted" => RAN_AGAIN,
        _ => return Besides::default(),
    };
    let [busy, interrupted, done] = ["busy", "interrupted", "done"].map(str::to_owned);
    let both = [[ran, 0], [0, ran]].map(|notes| Outcome {
        notes,
        seen: done.clone(),
    });
    let killed = vec![
        (RAN_AGAIN, done.clone()),
        (0, interrupted.clone()),
        (0, done.clone()),
    ];
    Besides {
        both: both.into(),
        killed,
        stopped: vec![(0, busy.clone())],
        neither: vec![busy, interrupted, done],
    }
}

pub const FAMILY: Family = Family {
    structure: "once",
    states: &[
        State::new("new", new),
        State::new("interrupted", interrupted),
        State::new("done", done),
    ],
    operations: &[
        Operation {
            spins: true, // a few looks before its time, which is none, is up
            ..Operation::single("call_once_wait", call_at_once)
        },
        Operation::single("call_once", call).that_waits(),
    ],
    observe,
    exceptions: Exceptions {
        besides,
        ..Exceptions::NONE
    },
};
