//! `sync` but for the mutex: permits, readers and writers, signals, a run, and an arrival.

use crate::scenario::{Pair, Scenario, World};
use crate::tracee::Turn;
use shm_runtime::sync::{Guard, OwnerDied, TryLockError};
use shm_runtime::{Segment, ShmLayout};
use std::time::Duration;

/// Somebody else does something, forgets its guards, and leaves.
fn leaving(world: &Segment<World>, what: impl FnOnce(&World)) {
    let other = World::open(Segment::name(world)).unwrap();
    what(&other);
}

fn nothing(_: &Segment<World>) {}

/// How many permits there are.
fn permits(world: &Segment<World>) -> String {
    let taken: Vec<_> = (0..3).map_while(|_| world.permits.try_acquire()).collect();
    taken.len().to_string()
}

/// All are the dead one's.
fn permits_left(world: &Segment<World>) {
    leaving(world, |other| {
        for _ in 0..2 {
            core::mem::forget(other.permits.acquire());
        }
    });
}

fn acquire(world: &Segment<World>, turn: &Turn) {
    turn.run(|| drop(world.permits.try_acquire().unwrap()));
}

/// The value, by one who writes.
fn value(world: &Segment<World>) -> String {
    let value = |guard: Guard<'_, Pair>| match guard.get() {
        [value, twice] if value == twice => value.to_string(),
        [value, twice] => format!("torn {value}/{twice}"),
    };
    match world.table.try_write() {
        Ok(guard) => value(guard),
        Err(TryLockError::OwnerDied(died)) => format!("died {}", value(died.into_inner())),
        Err(TryLockError::WouldBlock) => "locked".to_owned(),
    }
}

fn one(world: &Segment<World>) {
    world.table.write().unwrap().set([1; 2]);
}

fn readers_left(world: &Segment<World>) {
    one(world);
    leaving(world, |other| core::mem::forget(other.table.read()));
}

fn read(world: &Segment<World>, turn: &Turn) {
    turn.run(|| drop(world.table.read()));
}

fn write(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        let mut guard = world.table.write().unwrap_or_else(OwnerDied::into_inner);
        guard.set([7; 2]);
        guard.mark_consistent();
    });
}

/// The count, and what one more makes of it.
fn count(world: &Segment<World>) -> String {
    let before = world.signal.count();
    world.signal.raise();
    format!("{before} then {}", world.signal.count())
}

fn raise(world: &Segment<World>, turn: &Turn) {
    turn.run(|| world.signal.raise());
}

/// Whether it is done, and if not, what one finds who does it.
fn how_done(world: &Segment<World>) -> String {
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

fn call(world: &Segment<World>, turn: &Turn) {
    turn.run(|| world.once.call_once(|_| ()));
}

/// Whether one more opens it.
fn arrive_too(world: &Segment<World>) -> String {
    match world.gate.wait(Duration::ZERO) {
        Ok(_) => "open".to_owned(),
        Err(_) => "closed".to_owned(),
    }
}

fn arrive(world: &Segment<World>, turn: &Turn) {
    turn.run(|| _ = world.gate.wait(Duration::ZERO));
}

const ACQUIRE: Scenario = Scenario {
    name: "semaphore.acquire and release, free",
    set_up: nothing,
    operation: acquire,
    observe: permits,
    before: "2",
    after: "2",
    partly: &[],
    withheld: &["1"],
};

const WRITE: Scenario = Scenario {
    name: "rwlock.write and set, free",
    set_up: one,
    operation: write,
    observe: value,
    before: "1",
    after: "7",
    partly: &["died 1", "died torn 7/1", "died 7"],
    withheld: &["locked"],
};

pub const SCENARIOS: &[Scenario] = &[
    ACQUIRE,
    Scenario {
        name: "semaphore.acquire and release, all the dead one's",
        set_up: permits_left,
        ..ACQUIRE
    },
    WRITE,
    Scenario {
        name: "rwlock.write and set, reader dead",
        set_up: readers_left,
        ..WRITE
    },
    Scenario {
        name: "rwlock.read, free",
        operation: read,
        after: "1",
        partly: &[],
        ..WRITE
    },
    Scenario {
        name: "signal.raise",
        set_up: nothing,
        operation: raise,
        observe: count,
        before: "0 then 1",
        after: "1 then 2",
        partly: &["0 then 2"], // it counts with the next
        withheld: &[],
    },
    Scenario {
        name: "once.call_once",
        set_up: nothing,
        operation: call,
        observe: how_done,
        before: "new",
        after: "done",
        partly: &["interrupted"],
        withheld: &["busy"],
    },
    Scenario {
        name: "barrier.wait, alone",
        set_up: nothing,
        operation: arrive,
        observe: arrive_too,
        before: "closed",
        after: "closed",
        partly: &[],
        withheld: &["open"],
    },
];
