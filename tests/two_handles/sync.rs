//! What `sync` says to those who never wait.

use super::{Model, runs};
use proptest::prelude::*;
use shm_runtime::ShmLayout;
use shm_runtime::sync::{
    Barrier, Mutex, MutexGuard, Once, Permit, RwLock, RwLockReadGuard, RwLockWriteGuard, Semaphore,
    Signal, TryLockError,
};
use std::time::Duration;

const PERMITS: usize = 3;

#[derive(ShmLayout)]
#[shm(lanes = 4)]
pub(super) struct Locks {
    mutex: Mutex<[u32; 3]>,
    table: RwLock<[u32; 3]>,
    permits: Semaphore<PERMITS>,
    alone: Barrier<1>,
    pair: Barrier<2>,
    once: Once,
    signal: Signal,
}

#[derive(Clone, Debug)]
pub(super) enum Op {
    Lock,
    Set(u32),
    Unlock,
    Read,
    Leave,
    Write,
    SetTable(u32),
    UnlockTable,
    Acquire,
    Release,
    Arrive,
    Run,
    Raise,
}

#[derive(Default)]
pub(super) struct Held<'a> {
    mutex: Option<MutexGuard<'a, [u32; 3]>>,
    reads: Vec<RwLockReadGuard<'a, [u32; 3]>>,
    write: Option<RwLockWriteGuard<'a, [u32; 3]>>,
    permits: Vec<Permit<'a, PERMITS>>,
}

#[derive(Debug, Default)]
pub(super) struct Expected {
    locked: bool,
    value: u32,
    readers: usize,
    writes: bool,
    table: u32,
    taken: usize,
    is_run: bool,
    raised: u64,
}

/// A guard, or whether it would block.
fn guard<G>(locked: Result<G, TryLockError<G>>) -> Result<Option<G>, TestCaseError> {
    match locked {
        Ok(guard) => Ok(Some(guard)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(died) => Err(TestCaseError::fail(died.to_string())),
    }
}

impl Expected {
    fn run_table<'a>(
        &mut self,
        table: &'a RwLock<[u32; 3]>,
        held: &mut Held<'a>,
        op: &Op,
    ) -> Result<(), TestCaseError> {
        match *op {
            Op::Read => {
                let read = guard(table.try_read())?;
                prop_assert_eq!(read.is_none(), self.writes);
                if let Some(read) = read {
                    prop_assert_eq!(read.get(), [self.table; 3]);
                    self.readers += 1;
                    held.reads.push(read);
                }
            }
            Op::Leave => self.readers -= usize::from(held.reads.pop().is_some()),
            Op::Write => {
                let write = guard(table.try_write())?;
                prop_assert_eq!(write.is_none(), self.writes || self.readers > 0);
                if write.is_some() {
                    self.writes = true;
                    held.write = write;
                }
            }
            Op::SetTable(value) => {
                if let Some(write) = &mut held.write {
                    write.set([value; 3]);
                    self.table = value;
                }
            }
            _ => {
                if held.write.take().is_some() {
                    self.writes = false;
                }
            }
        }
        Ok(())
    }
}

impl Model for Expected {
    type Schema = Locks;
    type Op = Op;
    type Held<'a> = Held<'a>;

    fn any() -> BoxedStrategy<Op> {
        prop_oneof![
            Just(Op::Lock),
            any::<u32>().prop_map(Op::Set),
            Just(Op::Unlock),
            Just(Op::Read),
            Just(Op::Leave),
            Just(Op::Write),
            any::<u32>().prop_map(Op::SetTable),
            Just(Op::UnlockTable),
            Just(Op::Acquire),
            Just(Op::Release),
            Just(Op::Arrive),
            Just(Op::Run),
            Just(Op::Raise),
        ]
        .boxed()
    }

    fn run<'a>(
        &mut self,
        locks: &'a Locks,
        held: &mut Held<'a>,
        op: &Op,
    ) -> Result<(), TestCaseError> {
        match *op {
            Op::Lock => {
                let locked = guard(locks.mutex.try_lock())?;
                prop_assert_eq!(locked.is_none(), self.locked);
                if let Some(guard) = locked {
                    prop_assert_eq!(guard.get(), [self.value; 3]);
                    self.locked = true;
                    held.mutex = Some(guard);
                }
            }
            Op::Set(value) => {
                if let Some(guard) = &mut held.mutex {
                    guard.set([value; 3]);
                    self.value = value;
                }
            }
            Op::Unlock => {
                if held.mutex.take().is_some() {
                    self.locked = false;
                }
            }
            Op::Acquire => {
                let permit = locks.permits.try_acquire();
                prop_assert_eq!(permit.is_none(), self.taken == PERMITS);
                self.taken += usize::from(permit.is_some());
                held.permits.extend(permit);
            }
            Op::Release => self.taken -= usize::from(held.permits.pop().is_some()),
            Op::Arrive => {
                let passed = locks.alone.wait(Duration::ZERO);
                prop_assert!(passed.is_ok_and(|passed| passed.is_leader()));
                prop_assert!(locks.pair.wait(Duration::ZERO).is_err());
            }
            Op::Run => {
                let mut runs = false;
                locks.once.call_once(|_| runs = true);
                prop_assert_eq!(runs, !self.is_run);
                self.is_run = true;
            }
            Op::Raise => {
                locks.signal.raise();
                self.raised += 1;
                let waited = locks.signal.wait(self.raised - 1, Duration::ZERO);
                prop_assert_eq!(waited, Ok(self.raised));
            }
            _ => self.run_table(&locks.table, held, op)?,
        }
        Ok(())
    }

    fn compare(&self, locks: &Locks) -> Result<(), TestCaseError> {
        let locked = guard(locks.mutex.try_lock())?;
        prop_assert_eq!(locked.is_none(), self.locked);
        if let Some(guard) = locked {
            prop_assert_eq!(guard.get(), [self.value; 3]);
        }
        prop_assert_eq!(locks.table.readers(), self.readers);
        let read = guard(locks.table.try_read())?;
        prop_assert_eq!(read.is_none(), self.writes);
        prop_assert_eq!(locks.permits.available(), PERMITS - self.taken);
        prop_assert_eq!(locks.once.is_completed(), self.is_run);
        prop_assert_eq!(locks.signal.count(), self.raised);
        Ok(())
    }
}

#[test]
fn blocking_primitives_are_the_same_through_two_handles() {
    runs::<Expected>("two-sync");
}
