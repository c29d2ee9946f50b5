//! `sync`: locks, owners, and counts of any number.

use super::{Bounded, Family, attack};
use crate::sync::{LockWaitError, Mutex};
use crate::{Segment, sync::TryLockError};
use core::time::Duration;

/// One look at a word, its owner and its sleepers.
const LOOK: u64 = 16;
/// Most that one attempt takes.
const TRY: u64 = 64 * LOOK;
/// A waiting call without time: the attempts before it would sleep, and one round.
const WAIT: u64 = 66 * LOOK;

#[derive(Debug, crate::ShmLayout)]
#[shm(lanes = 4)]
struct Locks {
    mutex: Mutex<[u64; 2]>,
}

#[derive(Default)]
struct Attacked {
    /// Locks that were somebody's, or a dead one's.
    noticed: u64,
}

impl Attacked {
    fn mutex(&mut self, mutex: &Mutex<[u64; 2]>, bounded: &mut Bounded, rare: bool) {
        for _ in 0..2 {
            let locked = bounded.run("try_lock", TRY, || mutex.try_lock());
            self.noticed += u64::from(locked.is_err());
            let guard = match locked {
                Ok(guard) => Some(guard),
                Err(TryLockError::OwnerDied(died)) => Some(died.into_inner()),
                Err(TryLockError::WouldBlock) => None,
            };
            if let Some(mut guard) = guard {
                bounded.run("set", LOOK, || guard.set([1; 2]));
                bounded.run("get", LOOK, || guard.get());
                guard.mark_consistent();
                bounded.run("unlock", LOOK, || drop(guard));
            }
        }
        if rare {
            let locked = bounded.run("lock_wait", WAIT, || mutex.lock_wait(Duration::ZERO));
            self.noticed += u64::from(matches!(locked, Err(LockWaitError::Timeout)));
        }
    }
}

impl Family for Attacked {
    type Schema = Locks;
    const NAME: &'static str = "sync";
    const RARELY: u64 = 16;
    const PLACES: &'static [&'static str] = &["mutex", "@participants"];

    fn fill(&mut self, locks: &Segment<Locks>, state: u64) {
        if state % 2 == 1 {
            core::mem::forget(locks.mutex.try_lock());
        }
    }

    fn operate(&mut self, locks: &Segment<Locks>, bounded: &mut Bounded, rare: bool) {
        self.mutex(&locks.mutex, bounded, rare);
    }

    fn noticed(&self, _: &Segment<Locks>) -> u64 {
        self.noticed
    }
}

#[test]
fn p6_blocking_primitives_of_hostile_words_end_every_operation() {
    attack(Attacked::default(), 3);
}
