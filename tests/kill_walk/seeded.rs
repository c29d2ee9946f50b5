//! The walk proves something only if it fails where it should: operations that are broken on purpose.

use super::family::{Exceptions, Family, Operation, Pair, State};
use super::scenario::{Scenario, World};
use super::scenarios::{self, WAITING};
use super::tracee::Turn;
use super::{alone, asleep, budget, interrupt, pairs, pin, walk};
use shm_runtime::Segment;

/// Two steps that pass for one: what somebody adds in between is lost.
fn add_in_two_steps(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        let now = world.counter.load();
        world.counter.store(now + 1);
    });
}

/// A lock: whoever is stopped with it stops everybody.
fn add_under_a_lock(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        while world.cells.compare_exchange(0, 0, 1).is_err() {}
        add_one(world);
        world.cells.set(0, 0);
    });
}

fn add_one(world: &Segment<World>) {
    world.counter.fetch_add(1);
}

static BROKEN: Family = Family {
    structure: "broken",
    states: &[State::new("zero", |_| ())],
    operations: &[
        Operation::single("add in two steps", add_in_two_steps),
        Operation::single("add under a lock", add_under_a_lock),
    ],
    observe: |world| world.counter.load().to_string(),
    exceptions: Exceptions::NONE,
};

fn twice(operation: &'static Operation) -> Pair {
    Pair {
        family: &BROKEN,
        state: &BROKEN.states[0],
        operations: [operation; 2],
    }
}

#[test]
fn a_lost_update_is_caught() {
    let _alone = alone();
    pin::pin();
    let pair = twice(&BROKEN.operations[0]);
    let caught = pairs::duel(&pair).unwrap_err();
    assert!(caught.contains("first at"), "{caught}");
    assert!(caught.contains("seen: \"1\""), "{caught}");
    let caught = interrupt::interrupt(&pair, interrupt::SIGNALS, true).unwrap_err();
    assert!(caught.contains("seen: \"1\""), "{caught}");
}

#[test]
fn a_lock_is_caught() {
    let _alone = alone();
    pin::pin();
    let caught = budget::hold(&twice(&BROKEN.operations[1])).unwrap_err();
    assert!(caught.contains("first stopped at"), "{caught}");
    assert!(caught.contains("second takes more than"), "{caught}");
}

#[test]
fn an_operation_in_two_halves_is_caught() {
    let _alone = alone();
    pin::pin();
    let all = scenarios::all(false).into_iter();
    let halves = { all }.find(|scenario| scenario.name == "queue.push_slice, empty");
    let one_step = Scenario {
        partly: &[],
        ..halves.unwrap()
    };
    let caught = walk::walk(&one_step, false).unwrap_err();
    assert!(caught.contains("stopped at step"), "{caught}");
    assert!(caught.contains("saw `7 | 2`"), "{caught}");
}

/// Who could go on and sleeps is found asleep: here everybody who sleeps counts as one who could.
#[test]
fn a_sleeper_that_sleeps_on_is_caught() {
    let _alone = alone();
    pin::pin();
    let waiting = asleep::Waiting {
        is_ready: |_| true,
        ..WAITING[0]
    };
    let caught = asleep::kill_wakers(&waiting, false).unwrap_err();
    assert!(caught.contains("the sleeper sleeps on"), "{caught}");
}
