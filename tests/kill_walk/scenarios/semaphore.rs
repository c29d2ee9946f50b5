//! `sync::Semaphore<2>`: permits free, one left, all a dead one's.

use crate::family::{BLOCKED, Exceptions, Family, Operation, State, Step};
use crate::scenario::{Scenario, World, leaving};
use crate::tracee::Turn;
use shm_runtime::Segment;
use std::cell::RefCell;
use std::rc::Rc;

/// How many permits there are.
fn observe(world: &Segment<World>) -> String {
    let taken: Vec<_> = (0..3).map_while(|_| world.permits.try_acquire()).collect();
    taken.len().to_string()
}

fn free(_: &Segment<World>) {}

/// Somebody who lives has the other.
fn one_left(world: &Segment<World>) {
    core::mem::forget(world.permits.acquire());
}

/// All are the dead one's.
fn left_behind(world: &Segment<World>) {
    leaving(world, |other| {
        for _ in 0..2 {
            core::mem::forget(other.permits.acquire());
        }
    });
}

fn acquire(world: &Segment<World>, turn: &Turn) {
    turn.run(|| drop(world.permits.try_acquire().unwrap()));
}

const ACQUIRE: Scenario = Scenario {
    name: "semaphore.acquire and release, free",
    set_up: free,
    operation: acquire,
    observe,
    before: "2",
    after: "2",
    partly: &[],
    withheld: &["1"],
};

pub const SCENARIOS: &[Scenario] = &[
    ACQUIRE,
    Scenario {
        name: "semaphore.acquire and release, all the dead one's",
        set_up: left_behind,
        ..ACQUIRE
    },
];

fn try_acquire(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        let permit = world.permits.try_acquire();
        turn.note(u64::from(permit.is_some()));
        drop(permit);
    });
}

fn wait(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        let permit = world.permits.acquire();
        turn.note(1);
        permit.release();
    });
}

/// Acquire, and give back. Who finds none notes `refused`.
fn steps(world: &Segment<World>, turn: Turn, refused: u64) -> Vec<Step<'_>> {
    let held = Rc::new(RefCell::new(None));
    let acquire = {
        let held = held.clone();
        move || {
            let permit = world.permits.try_acquire();
            turn.note(if permit.is_some() { 1 } else { refused });
            *held.borrow_mut() = permit;
            held.borrow().is_some()
        }
    };
    let release = move || {
        drop(held.borrow_mut().take());
        false
    };
    vec![Box::new(acquire), Box::new(release)]
}

pub const FAMILY: Family = Family {
    structure: "semaphore",
    states: &[
        State::new("free", free),
        State::new("one left", one_left),
        State::new("all the dead one's", left_behind),
    ],
    operations: &[
        Operation::in_steps("try_acquire and release", try_acquire, |world, turn| {
            steps(world, turn, 0)
        }),
        Operation::in_steps("acquire and release", wait, |world, turn| {
            steps(world, turn, BLOCKED)
        })
        .that_waits(),
    ],
    observe,
    exceptions: Exceptions {
        apart: true, // the owner is the attachment
        ..Exceptions::NONE
    },
};
