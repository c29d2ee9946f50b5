//! `sync::Mutex<Pair>`: locked by nobody, by one who died, in doubt.

use crate::scenario::{Pair, Scenario, World};
use crate::tracee::Turn;
use shm_runtime::Segment;
use shm_runtime::sync::{MutexGuard, OwnerDied, TryLockError};

/// The value, or what is known of it.
fn observe(world: &Segment<World>) -> String {
    let value = |guard: MutexGuard<'_, Pair>| match guard.get() {
        [value, twice] if value == twice => value.to_string(),
        [value, twice] => format!("torn {value}/{twice}"),
    };
    match world.mutex.try_lock() {
        Ok(guard) => value(guard),
        Err(TryLockError::OwnerDied(died)) => format!("died {}", value(died.into_inner())),
        Err(TryLockError::WouldBlock) => "locked".to_owned(),
    }
}

fn one(world: &Segment<World>) {
    world.mutex.lock().unwrap().set([1; 2]);
}

/// Another attachment leaves with the lock.
fn orphaned(world: &Segment<World>) {
    one(world);
    let name = Segment::name(world);
    let other = <World as shm_runtime::ShmLayout>::open(name).unwrap();
    core::mem::forget(other.mutex.lock().unwrap());
}

/// The same, and somebody was told and left it at that.
fn doubtful(world: &Segment<World>) {
    orphaned(world);
    drop(world.mutex.lock().unwrap_err());
}

fn set(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        let mut guard = world.mutex.lock().unwrap_or_else(OwnerDied::into_inner);
        guard.set([7; 2]);
        guard.mark_consistent();
    });
}

fn try_and_leave(world: &Segment<World>, turn: &Turn) {
    turn.run(|| drop(world.mutex.try_lock()));
}

const SET: Scenario = Scenario {
    name: "mutex.lock and set, free",
    set_up: one,
    operation: set,
    observe,
    before: "1",
    after: "7",
    partly: &["died 1", "died torn 7/1", "died 7"],
    withheld: &["locked"],
};

pub const SCENARIOS: &[Scenario] = &[
    SET,
    Scenario {
        name: "mutex.lock and set, owner dead",
        set_up: orphaned,
        before: "died 1",
        partly: &["died torn 7/1", "died 7"],
        ..SET
    },
    Scenario {
        name: "mutex.lock and set, in doubt",
        set_up: doubtful,
        before: "died 1",
        partly: &["died torn 7/1", "died 7"],
        ..SET
    },
    Scenario {
        name: "mutex.try_lock, free",
        operation: try_and_leave,
        after: "1",
        partly: &["died 1"],
        ..SET
    },
    Scenario {
        name: "mutex.try_lock, owner dead",
        set_up: orphaned,
        operation: try_and_leave,
        before: "died 1",
        after: "died 1",
        partly: &[],
        ..SET
    },
];
