//! What `sync` says to one who never waits.

use super::{Model, runs};
use proptest::prelude::*;
use shm_runtime::ShmLayout;
use shm_runtime::sync::{Mutex, MutexGuard, TryLockError};

#[derive(ShmLayout)]
#[shm(lanes = 4)]
pub(super) struct Locks {
    mutex: Mutex<[u32; 3]>,
}

#[derive(Clone, Debug)]
pub(super) enum Op {
    Lock,
    Set(u32),
    Unlock,
}

#[derive(Default)]
pub(super) struct Held<'a> {
    mutex: Option<MutexGuard<'a, [u32; 3]>>,
}

#[derive(Debug, Default)]
pub(super) struct Expected {
    locked: bool,
    value: u32,
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
            Op::Lock => match locks.mutex.try_lock() {
                Ok(guard) => {
                    prop_assert!(!self.locked);
                    prop_assert_eq!(guard.get(), [self.value; 3]);
                    self.locked = true;
                    held.mutex = Some(guard);
                }
                Err(TryLockError::WouldBlock) => prop_assert!(self.locked),
                Err(died) => prop_assert!(false, "{died}"),
            },
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
        }
        Ok(())
    }

    fn compare(&self, locks: &Locks) -> Result<(), TestCaseError> {
        let locked = locks.mutex.try_lock();
        prop_assert_eq!(locked.is_err(), self.locked);
        if let Ok(guard) = locked {
            prop_assert_eq!(guard.get(), [self.value; 3]);
        }
        Ok(())
    }
}

#[test]
fn locks_are_the_same_through_two_handles() {
    runs::<Expected>("two-sync");
}
