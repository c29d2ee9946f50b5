//! `RwLock`: the register of [`super::mutex`], and those who read it.

use super::super::battle::Field;
use super::super::history::Actor;
use super::super::spec::{Call, Spec};
use super::mutex::{
    Guarded, LOCK, LONG, Locked, READ, SOUND, State, TOLD, TRY_SHARED, answer, change,
};
use super::weighted;
use shm_runtime::sync::{LockWaitError, RwLock, RwLockReadGuard, TryLockError};
use shm_runtime::{Segment, ShmLayout};

/// The segment.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 64)]
pub struct Table {
    lock: RwLock<[u64; 2]>,
}

/// A register that many read.
#[derive(Debug)]
pub struct Shared;

impl Spec for Shared {
    type State = State;

    fn start(&self) -> State {
        Guarded.start()
    }

    fn step(&self, state: &State, call: &Call, next: &mut Vec<State>) {
        Guarded.step(state, call, next);
    }

    fn name(&self, what: u32) -> &'static str {
        Guarded.name(what)
    }
}

fn write<'a>(lock: &'a RwLock<[u64; 2]>, what: u32, actor: &mut Actor) -> Locked<'a> {
    let write = || match what {
        LOCK => match lock.write_wait(LONG) {
            Ok(guard) => Some((guard, false)),
            Err(LockWaitError::OwnerDied(died)) => Some((died.into_inner(), true)),
            Err(LockWaitError::Timeout) => panic!("slept through"),
        },
        _ => match lock.try_write() {
            Ok(guard) => Some((guard, false)),
            Err(TryLockError::OwnerDied(died)) => Some((died.into_inner(), true)),
            Err(TryLockError::WouldBlock) => None,
        },
    };
    actor.call((0, what), [0; 2], write, answer)
}

fn read(lock: &RwLock<[u64; 2]>, actor: &mut Actor) {
    let hesitates = actor.random.below(2) == 0;
    let read = || {
        let value = |guard: &RwLockReadGuard<'_, [u64; 2]>| {
            let value = guard.get();
            if hesitates {
                std::thread::yield_now();
            }
            assert_eq!(guard.get(), value, "it changed while it was read");
            value
        };
        match lock.read_wait(LONG) {
            Ok(guard) => {
                let [value, twice] = value(&guard);
                assert_eq!(value, twice, "half changed, and nobody was told");
                [SOUND, value]
            }
            Err(LockWaitError::OwnerDied(died)) => {
                value(died.get_ref());
                [TOLD, 0]
            }
            Err(LockWaitError::Timeout) => panic!("slept through"),
        }
    };
    actor.call((0, READ), [0; 2], read, |answer| *answer);
}

impl Field for Shared {
    type Schema = Table;
    const NAME: &'static str = "rwlock";
    const BLOCKS: bool = true;

    fn act(&self, table: &Table, actor: &mut Actor) {
        actor.dither();
        let what = weighted(&mut actor.random, &[(3, READ), (2, LOCK), (1, TRY_SHARED)]);
        if what == READ {
            return read(&table.lock, actor);
        }
        let leaves_doubt = actor.random.below(4) == 0;
        let locked = write(&table.lock, what, actor);
        change(locked, leaves_doubt, actor);
    }

    fn drain(&self, table: &Segment<Table>, referee: &mut Actor) {
        for _ in 0..2 {
            let locked = write(&table.lock, LOCK, referee);
            change(locked, false, referee);
            read(&table.lock, referee);
        }
    }

    fn restore(&self, table: &Segment<Table>) {
        let mut guard = table.lock.write().expect("it was settled");
        guard.set([0; 2]);
    }

    fn examine(&self, table: &Segment<Table>) {
        crate::assert_lanes_are_back(table);
        assert_eq!(table.lock.readers(), 0, "the writer forgot the dead");
    }
}
