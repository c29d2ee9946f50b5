//! `sync::RwLock<Pair>`: read and written, free, by one who died, beside readers who died.

use super::mutex::{Attempt, SHORT, in_time, set_steps, try_set};
use crate::family::{BLOCKED, Besides, Exceptions, Family, Operation, Outcome, State, Step};
use crate::scenario::{Pair, Scenario, World, leaving};
use crate::tracee::Turn;
use shm_runtime::Segment;
use shm_runtime::sync::{Guard, OwnerDied, RwLockReadGuard, TryLockError};
use std::cell::RefCell;
use std::rc::Rc;

/// The value, by one who writes.
fn observe(world: &Segment<World>) -> String {
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

fn reader_left(world: &Segment<World>) {
    one(world);
    leaving(world, |other| core::mem::forget(other.table.read()));
}

fn writer_left(world: &Segment<World>) {
    one(world);
    leaving(world, |other| core::mem::forget(other.table.write()));
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

/// Somebody who lives reads, and goes on reading.
fn kept_reading(world: &Segment<World>) {
    one(world);
    core::mem::forget(world.table.read());
}

/// Waits, and gives up.
fn write_in_time(world: &Segment<World>, turn: &Turn) {
    turn.run(|| try_set(in_time(world.table.write_wait(SHORT)), turn));
}

/// The value, by one who reads.
fn observe_by_reading(world: &Segment<World>) -> String {
    match world.table.try_read() {
        Ok(guard) => guard.get()[0].to_string(),
        Err(TryLockError::OwnerDied(died)) => format!("died {}", died.into_inner().get()[0]),
        Err(TryLockError::WouldBlock) => "locked".to_owned(),
    }
}

const WRITE: Scenario = Scenario {
    name: "rwlock.write and set, free",
    set_up: one,
    operation: write,
    observe,
    before: "1",
    after: "7",
    partly: &["died 1", "died torn 7/1", "died 7"],
    withheld: &["locked"],
};

pub const SCENARIOS: &[Scenario] = &[
    WRITE,
    Scenario {
        name: "rwlock.write and set, reader dead",
        set_up: reader_left,
        ..WRITE
    },
    Scenario {
        name: "rwlock.write and set, writer dead",
        set_up: writer_left,
        before: "died 1",
        partly: &["died torn 7/1", "died 7"],
        ..WRITE
    },
    Scenario {
        name: "rwlock.write_wait, read by another",
        set_up: kept_reading,
        operation: write_in_time,
        observe: observe_by_reading,
        after: "1",
        partly: &["died 1"],
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
        name: "rwlock.read, writer dead",
        set_up: writer_left,
        operation: read,
        before: "died 1",
        after: "died 1",
        partly: &[],
        ..WRITE
    },
];

type Reading<'w> = Result<RwLockReadGuard<'w, Pair>, TryLockError<RwLockReadGuard<'w, Pair>>>;

/// What to note of an attempt to read, and the guard: as of one to lock, and the value.
fn opened(reading: Reading<'_>) -> (u64, Option<RwLockReadGuard<'_, Pair>>) {
    let (note, guard) = match reading {
        Ok(guard) => (1, guard),
        Err(TryLockError::OwnerDied(died)) => (2, died.into_inner()),
        Err(TryLockError::WouldBlock) => return (0, None),
    };
    let [value, twice] = guard.get();
    (note * 10_000 + value * 100 + twice, Some(guard))
}

/// Read, and unlock. Who may not read notes `refused`.
fn read_steps(world: &Segment<World>, turn: Turn, refused: u64) -> Vec<Step<'_>> {
    let held = Rc::new(RefCell::new(None));
    let lock = {
        let held = held.clone();
        move || {
            let (note, guard) = opened(world.table.try_read());
            turn.note(if guard.is_some() { note } else { refused });
            *held.borrow_mut() = guard;
            held.borrow().is_some()
        }
    };
    let unlock = move || {
        drop(held.borrow_mut().take());
        false
    };
    vec![Box::new(lock), Box::new(unlock)]
}

fn note_read(reading: Reading<'_>, turn: &Turn) {
    let (note, guard) = opened(reading);
    turn.note(note);
    drop(guard);
}

fn try_write(world: &Segment<World>) -> Attempt<'_> {
    world.table.try_write()
}

/// One who tries to write, or waits too short, may keep others from the lock that it does not get itself: then neither gets it.
fn besides(pair: &crate::family::Pair) -> Besides {
    let verbs = pair.operations.map(|operation| operation.verb);
    let reads = |verb: &str| ["try_read", "read_wait"].contains(&verb);
    let writes = |verb: &str| ["try_write and set", "write_wait and set"].contains(&verb);
    if !verbs.into_iter().any(reads) || !verbs.into_iter().any(writes) {
        return Besides::default();
    }
    let seen = match pair.state.name {
        "writer dead" => "died 1",
        _ => "1",
    };
    let neither = Outcome {
        notes: [0, 0],
        seen: seen.to_owned(),
    };
    Besides {
        both: vec![neither],
        ..Besides::default()
    }
}

pub const FAMILY: Family = Family {
    structure: "rwlock",
    states: &[
        State::new("free", one),
        State::new("reader dead", reader_left),
        State::new("writer dead", writer_left),
    ],
    operations: &[
        Operation::in_steps(
            "try_write and set",
            |world, turn| turn.run(|| try_set(try_write(world), turn)),
            |world, turn| set_steps(turn, 0, || try_write(world)),
        ),
        Operation::in_steps(
            "try_read",
            |world, turn| turn.run(|| note_read(world.table.try_read(), turn)),
            |world, turn| read_steps(world, turn, 0),
        ),
        Operation::in_steps(
            "write_wait and set",
            |world, turn| turn.run(|| try_set(in_time(world.table.write_wait(SHORT)), turn)),
            |world, turn| set_steps(turn, 0, || try_write(world)),
        )
        .with_a_time_out(),
        Operation::in_steps(
            "read_wait",
            |world, turn| turn.run(|| note_read(in_time(world.table.read_wait(SHORT)), turn)),
            |world, turn| read_steps(world, turn, 0),
        )
        .with_a_time_out(),
        Operation::in_steps(
            "write and set",
            |world, turn| turn.run(|| try_set(world.table.write().map_err(Into::into), turn)),
            |world, turn| set_steps(turn, BLOCKED, || try_write(world)),
        )
        .that_waits(),
        Operation::in_steps(
            "read",
            |world, turn| turn.run(|| note_read(world.table.read().map_err(Into::into), turn)),
            |world, turn| read_steps(world, turn, BLOCKED),
        )
        .that_waits(),
    ],
    observe,
    exceptions: Exceptions {
        apart: true, // the owner is the attachment
        besides,
        ..Exceptions::NONE
    },
};
