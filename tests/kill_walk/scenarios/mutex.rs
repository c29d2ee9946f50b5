//! `sync::Mutex<Pair>`: locked by nobody, by one who died, in doubt.

use crate::family::{BLOCKED, Exceptions, Family, Operation, State, Step};
use crate::scenario::{Pair, Scenario, World, leaving};
use crate::tracee::Turn;
use shm_runtime::Segment;
use shm_runtime::sync::{Guard, LockWaitError, MutexGuard, OwnerDied, TryLockError};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

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
    leaving(world, |other| {
        core::mem::forget(other.mutex.lock().unwrap());
    });
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

/// What an attempt to lock gave.
pub type Attempt<'w> = Result<Guard<'w, Pair>, TryLockError<Guard<'w, Pair>>>;

/// What to note of an attempt, and the guard: zero where it is locked, 2 where the owner died.
fn opened(attempt: Attempt<'_>) -> (u64, Option<Guard<'_, Pair>>) {
    match attempt {
        Ok(guard) => (1, Some(guard)),
        Err(TryLockError::OwnerDied(died)) => (2, Some(died.into_inner())),
        Err(TryLockError::WouldBlock) => (0, None),
    }
}

/// How long who waits with a time-out waits here, where each is stopped at every instruction.
pub const SHORT: Duration = Duration::from_millis(1);

/// What came of a wait, as of an attempt.
pub fn in_time<G>(wait: Result<G, LockWaitError<G>>) -> Result<G, TryLockError<G>> {
    wait.map_err(|why| match why {
        LockWaitError::OwnerDied(died) => TryLockError::OwnerDied(died),
        LockWaitError::Timeout => TryLockError::WouldBlock,
    })
}

/// Sets the value, if the attempt gives the lock.
pub fn try_set(attempt: Attempt<'_>, turn: &Turn) {
    let (note, guard) = opened(attempt);
    turn.note(note);
    if let Some(mut guard) = guard {
        guard.set([7; 2]);
        guard.mark_consistent();
    }
}

/// Lock, set a half, set the other, unlock. Who may not lock notes `refused`.
pub fn set_steps<'w>(
    turn: Turn,
    refused: u64,
    attempt: impl Fn() -> Attempt<'w> + 'w,
) -> Vec<Step<'w>> {
    let held = Rc::new(RefCell::new(None));
    let lock = {
        let held = held.clone();
        move || {
            let (note, guard) = opened(attempt());
            turn.note(if guard.is_some() { note } else { refused });
            *held.borrow_mut() = guard;
            held.borrow().is_some()
        }
    };
    let set = |change: fn(&mut Pair)| -> Step<'w> {
        let held = held.clone();
        Box::new(move || {
            let mut held = held.borrow_mut();
            held.iter_mut().for_each(|guard| guard.update(change));
            true
        })
    };
    let halves = [set(|value| value[0] = 7), set(|value| value[1] = 7)];
    let unlock = move || {
        let guard = held.borrow_mut().take();
        guard
            .into_iter()
            .for_each(|mut guard| guard.mark_consistent());
        false
    };
    let [first, second] = halves;
    vec![Box::new(lock), first, second, Box::new(unlock)]
}

/// Locks and looks at the value.
fn look(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        let (note, guard) = opened(world.mutex.try_lock());
        turn.note(note * 100 + guard.map_or(0, |guard| guard.get()[0]));
    });
}

fn look_steps(world: &Segment<World>, turn: Turn) -> Vec<Step<'_>> {
    let held = Rc::new(RefCell::new(None));
    let lock = {
        let held = held.clone();
        move || {
            let (note, guard) = opened(world.mutex.try_lock());
            turn.note(note * 100 + guard.as_ref().map_or(0, |guard| guard.get()[0]));
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

pub const FAMILY: Family = Family {
    structure: "mutex",
    states: &[
        State::new("free", one),
        State::new("owner dead", orphaned),
        State::new("in doubt", doubtful),
    ],
    operations: &[
        Operation::in_steps(
            "try_lock and set",
            |world, turn| turn.run(|| try_set(world.mutex.try_lock(), turn)),
            |world, turn| set_steps(turn, 0, || world.mutex.try_lock()),
        ),
        Operation::in_steps("try_lock and look", look, look_steps),
        Operation::in_steps(
            "lock_wait and set",
            |world, turn| turn.run(|| try_set(in_time(world.mutex.lock_wait(SHORT)), turn)),
            |world, turn| set_steps(turn, 0, || world.mutex.try_lock()),
        )
        .with_a_time_out(),
        Operation::in_steps(
            "lock and set",
            |world, turn| turn.run(|| try_set(world.mutex.lock().map_err(Into::into), turn)),
            |world, turn| set_steps(turn, BLOCKED, || world.mutex.try_lock()),
        )
        .that_waits(),
    ],
    observe,
    exceptions: Exceptions {
        apart: true, // the owner is the attachment
        ..Exceptions::NONE
    },
};
