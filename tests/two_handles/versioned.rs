//! `Versioned`: stored, updated and watched through either handle.

use super::{Model, runs};
use proptest::prelude::*;
use shm_runtime::{ShmLayout, Versioned};
use std::time::Duration;

type Value = [u32; 3];

#[derive(Debug, ShmLayout)]
#[shm(lanes = 4)]
pub(super) struct Board {
    latest: Versioned<Value>,
}

#[derive(Clone, Debug)]
pub(super) enum Op {
    Store(Value),
    Update(u32),
    Watch,
}

/// The value and its version.
#[derive(Debug, Default)]
pub(super) struct Expected {
    value: Value,
    version: u64,
}

impl Model for Expected {
    type Schema = Board;
    type Op = Op;
    /// The version that the handle has seen.
    type Held<'a> = u64;

    fn any() -> BoxedStrategy<Op> {
        prop_oneof![
            any::<Value>().prop_map(Op::Store),
            any::<u32>().prop_map(Op::Update),
            Just(Op::Watch),
        ]
        .boxed()
    }

    fn run(
        &mut self,
        Board { latest }: &Board,
        seen: &mut u64,
        op: &Op,
    ) -> Result<(), TestCaseError> {
        match *op {
            Op::Store(value) => {
                latest.store(value).expect("a lane");
                (self.value, self.version) = (value, self.version + 1);
            }
            Op::Update(by) => {
                let before = latest.update(|value| {
                    let before = *value;
                    value[1] = value[1].wrapping_add(by);
                    before
                });
                prop_assert_eq!(before, Ok(self.value));
                self.value[1] = self.value[1].wrapping_add(by);
                self.version += 1;
            }
            Op::Watch => {
                let changed = (*seen != self.version).then_some((self.version, self.value));
                prop_assert_eq!(latest.changed_since(*seen), changed);
                prop_assert_eq!(latest.wait_change(*seen, Duration::ZERO).ok(), changed);
                *seen = self.version;
            }
        }
        Ok(())
    }

    fn compare(&self, Board { latest }: &Board) -> Result<(), TestCaseError> {
        prop_assert_eq!(latest.load(), self.value);
        prop_assert_eq!(latest.try_load(), Ok(self.value));
        prop_assert_eq!(latest.version(), self.version);
        Ok(())
    }
}

#[test]
fn a_latest_value_is_one_value_through_two_handles() {
    runs::<Expected>("two-versioned");
}
