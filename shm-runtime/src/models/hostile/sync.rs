//! `sync`: locks, owners, and counts of any number.

use super::{Bounded, Family, attack};
use crate::sync::{
    Barrier, Guard, LockWaitError, Mutex, Once, RwLock, Semaphore, Signal, TryLockError,
};
use crate::{Element, Segment};
use core::time::Duration;

const LANES: usize = 4;
/// One look at a word, its owner and its sleepers.
const LOOK: u64 = 16;
/// One look at the words of all participants, with a question for each.
const ALL: u64 = LANES as u64 * LOOK;
/// Most that one attempt takes that tries again where it meets the dead.
const TRY: u64 = 64 * LOOK;
/// A waiting call without time: the attempts before it would sleep, and one round.
const WAIT: u64 = 66 * ALL;
const NOW: Duration = Duration::ZERO;

#[derive(Debug, crate::ShmLayout)]
#[shm(lanes = 4)]
struct Locks {
    mutex: Mutex<[u64; 2]>,
    table: RwLock<[u64; 2]>,
    permits: Semaphore<3>,
    barrier: Barrier<2>,
    once: Once,
    signal: Signal,
}

#[derive(Default)]
struct Attacked {
    /// Locks that were somebody's, or a dead one's.
    noticed: u64,
}

/// The guard, if there is one.
fn guard<G>(locked: Result<G, TryLockError<G>>) -> Option<G> {
    locked.map_or_else(TryLockError::into_inner, Some)
}

fn change<T: Element>(guard: Option<Guard<'_, T>>, bounded: &mut Bounded) {
    if let Some(mut guard) = guard {
        bounded.run("set", LOOK, || guard.set(T::zeroed()));
        bounded.run("get", LOOK, || guard.get());
        guard.mark_consistent();
        bounded.run("unlock", LOOK, || drop(guard));
    }
}

impl Attacked {
    fn mutex(&mut self, mutex: &Mutex<[u64; 2]>, bounded: &mut Bounded, rare: bool) {
        for _ in 0..2 {
            let locked = bounded.run("mutex.try_lock", TRY, || mutex.try_lock());
            self.noticed += u64::from(locked.is_err());
            change(guard(locked), bounded);
        }
        if rare {
            let locked = bounded.run("mutex.lock_wait", WAIT, || mutex.lock_wait(NOW));
            self.noticed += u64::from(matches!(locked, Err(LockWaitError::Timeout)));
        }
    }

    fn table(&mut self, table: &RwLock<[u64; 2]>, bounded: &mut Bounded, rare: bool) {
        bounded.run("rwlock.readers", ALL, || table.readers());
        for _ in 0..2 {
            let read = bounded.run("rwlock.try_read", TRY, || table.try_read());
            if let Some(read) = guard(read) {
                bounded.run("get", LOOK, || read.get());
                bounded.run("rwlock.leave", LOOK, || drop(read));
            }
            let locked = bounded.run("rwlock.try_write", TRY + 4 * ALL, || table.try_write());
            self.noticed += u64::from(locked.is_err());
            change(guard(locked), bounded);
        }
        if rare {
            drop(bounded.run("rwlock.read_wait", WAIT, || table.read_wait(NOW)));
            drop(bounded.run("rwlock.write_wait", 2 * WAIT, || table.write_wait(NOW)));
        }
    }

    fn others(&mut self, locks: &Segment<Locks>, bounded: &mut Bounded, rare: bool) {
        let permits = &locks.permits;
        let free = bounded.run("semaphore.available", LOOK, || permits.available());
        assert!(free <= 3);
        let permit = bounded.run("semaphore.try_acquire", 3 * TRY, || permits.try_acquire());
        self.noticed += u64::from(permit.is_none());
        bounded.run("semaphore.release", LOOK, || drop(permit));
        bounded.run("signal.raise", LOOK, || locks.signal.raise());
        bounded.run("signal.count", LOOK, || locks.signal.count());
        bounded.run("once.is_completed", LOOK, || locks.once.is_completed());
        if rare {
            let since = locks.signal.count();
            let _ = bounded.run("signal.wait", WAIT, || locks.signal.wait(since, NOW));
            drop(bounded.run("semaphore.acquire_wait", WAIT, || permits.acquire_wait(NOW)));
            let passed = bounded.run("barrier.wait", 4 * WAIT, || locks.barrier.wait(NOW));
            self.noticed += u64::from(passed.is_ok());
            let called = || locks.once.call_once_wait(NOW, |_| ());
            let called = bounded.run("once.call_once_wait", WAIT, called);
            self.noticed += u64::from(called.is_err());
        }
    }
}

impl Family for Attacked {
    type Schema = Locks;
    const NAME: &'static str = "sync";
    const RARELY: u64 = 16;
    const PLACES: &'static [&'static str] = &[
        "mutex",
        "table",
        "permits",
        "barrier",
        "once",
        "signal",
        "@participants",
    ];

    fn fill(&mut self, locks: &Segment<Locks>, state: u64) {
        match state % 4 {
            1 => core::mem::forget(locks.mutex.try_lock()),
            2 => core::mem::forget(locks.table.try_read()),
            3 => core::mem::forget((locks.permits.try_acquire(), locks.table.try_write())),
            _ => locks.signal.raise(),
        }
    }

    fn operate(&mut self, locks: &Segment<Locks>, bounded: &mut Bounded, rare: bool) {
        self.mutex(&locks.mutex, bounded, rare);
        self.table(&locks.table, bounded, rare);
        self.others(locks, bounded, rare);
    }

    fn noticed(&self, _: &Segment<Locks>) -> u64 {
        self.noticed
    }
}

#[test]
fn p6_blocking_primitives_of_hostile_words_end_every_operation() {
    attack(Attacked::default(), 2);
}
