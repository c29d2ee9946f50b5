//! Operations that wait with a time-out, and those who hold what they wait for.

use super::waiting::{nothing, one_permit, process, unlocking};
use crate::scenario::{Pair, World};
use crate::timeouts::{DIED, GAVE_UP, GOT, TIME, Timed};
use crate::tracee::Turn;
use shm_runtime::Segment;
use shm_runtime::sync::{LockWaitError, TryLockError};
use std::time::Duration;

/// What to note of a wait for a lock.
fn outcome<G>(wait: Result<G, LockWaitError<G>>, value: impl Fn(&G) -> Pair) -> u64 {
    match wait {
        Ok(guard) => match value(&guard) {
            [value, twice] if value == twice => GOT,
            _ => 0,
        },
        Err(LockWaitError::OwnerDied(_)) => DIED,
        Err(LockWaitError::Timeout) => GAVE_UP,
    }
}

fn lock_wait(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(outcome(world.mutex.lock_wait(TIME), |guard| guard.get())));
}

fn read_wait(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(outcome(world.table.read_wait(TIME), |guard| guard.get())));
}

fn write_wait(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(outcome(world.table.write_wait(TIME), |guard| guard.get())));
}

fn acquire_wait(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        let got = world.permits.acquire_wait(TIME).is_ok();
        turn.note(if got { GOT } else { GAVE_UP });
    });
}

fn call_once_wait(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        let done = world.once.call_once_wait(TIME, |_| ()).is_ok();
        turn.note(if done { GOT } else { GAVE_UP });
    });
}

fn hold_mutex(world: &Segment<World>, turn: &Turn) {
    unlocking(turn, world.mutex.lock().unwrap(), |guard| guard.set([7; 2]));
}

fn hold_writer(world: &Segment<World>, turn: &Turn) {
    unlocking(turn, world.table.write().unwrap(), |guard| {
        guard.set([7; 2]);
    });
}

fn hold_reader(world: &Segment<World>, turn: &Turn) {
    unlocking(turn, world.table.read().unwrap(), |_| ());
}

fn hold_permit(world: &Segment<World>, turn: &Turn) {
    unlocking(turn, world.permits.acquire(), |_| ());
}

const fn is_refused<G>(attempt: &Result<G, TryLockError<G>>) -> bool {
    matches!(attempt, Err(TryLockError::WouldBlock))
}

const WRITE_WAIT: Timed = Timed {
    waiter: process("rwlock.write_wait", nothing, write_wait),
    holder: process("a reader", nothing, hold_reader),
    is_free: |world| !is_refused(&world.table.try_write()),
};

pub const TIMED: &[Timed] = &[
    Timed {
        waiter: process("mutex.lock_wait", nothing, lock_wait),
        holder: process("an owner", nothing, hold_mutex),
        is_free: |world| !is_refused(&world.mutex.try_lock()),
    },
    Timed {
        waiter: process("rwlock.read_wait", nothing, read_wait),
        holder: process("a writer", nothing, hold_writer),
        is_free: |world| !is_refused(&world.table.try_read()),
    },
    WRITE_WAIT,
    Timed {
        holder: process("a writer", nothing, hold_writer),
        ..WRITE_WAIT
    },
    Timed {
        waiter: process("semaphore.acquire_wait", one_permit, acquire_wait),
        holder: process("an owner", one_permit, hold_permit),
        is_free: |world| world.permits.try_acquire().is_some(),
    },
    Timed {
        waiter: process("once.call_once_wait", nothing, call_once_wait),
        holder: process("a runner", nothing, super::once::run_on),
        is_free: |world| world.once.call_once_wait(Duration::ZERO, |_| ()).is_ok(),
    },
];
