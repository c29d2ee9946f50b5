//! `Array` and `Atomic`.

use super::{Model, runs};
use proptest::prelude::*;
use shm_runtime::{Array, Atomic, ShmLayout};

const LEN: usize = 9;

#[derive(Debug, ShmLayout)]
#[shm(lanes = 4)]
pub(super) struct Numbers {
    many: Array<i32, LEN>,
    one: Atomic<u64>,
}

#[derive(Clone, Debug)]
pub(super) enum Op {
    Set(usize, i32),
    Swap(usize, i32),
    Exchange(usize, i32, i32),
    Add(usize, i32),
    Least(usize, i32),
    Write(usize, Vec<i32>),
    CopyWithin(usize, usize, usize),
    Fill(i32),
    StoreOne(u64),
    ExchangeOne(u64, u64),
    AddOne(u64),
    FlipOne(u64),
    DoubleOne,
    TakeFromOne(u64),
}

#[derive(Debug, Default)]
pub(super) struct Expected {
    many: [i32; LEN],
    one: u64,
}

impl Model for Expected {
    type Schema = Numbers;
    type Op = Op;
    type Held<'a> = ();

    fn any() -> BoxedStrategy<Op> {
        let place = || 0..LEN;
        prop_oneof![
            (place(), any::<i32>()).prop_map(|(i, value)| Op::Set(i, value)),
            (place(), 0..3).prop_map(|(i, value)| Op::Swap(i, value)),
            (place(), 0..3, 0..3).prop_map(|(i, old, new)| Op::Exchange(i, old, new)),
            (place(), any::<i32>()).prop_map(|(i, value)| Op::Add(i, value)),
            (place(), any::<i32>()).prop_map(|(i, value)| Op::Least(i, value)),
            (place(), proptest::collection::vec(any::<i32>(), 0..LEN))
                .prop_map(|(i, values)| Op::Write(i, values)),
            (place(), place(), place()).prop_map(|(i, end, to)| Op::CopyWithin(i, end, to)),
            any::<i32>().prop_map(Op::Fill),
            (0_u64..3).prop_map(Op::StoreOne),
            (0_u64..3, 0_u64..3).prop_map(|(old, new)| Op::ExchangeOne(old, new)),
            any::<u64>().prop_map(Op::AddOne),
            any::<u64>().prop_map(Op::FlipOne),
            Just(Op::DoubleOne),
            any::<u64>().prop_map(Op::TakeFromOne),
        ]
        .boxed()
    }

    fn run(
        &mut self,
        Numbers { many, one }: &Numbers,
        (): &mut (),
        op: &Op,
    ) -> Result<(), TestCaseError> {
        match *op {
            Op::Set(i, value) => {
                many.set(i, value);
                self.many[i] = value;
            }
            Op::Swap(i, value) => {
                let before = core::mem::replace(&mut self.many[i], value);
                prop_assert_eq!(many.swap(i, value), before);
            }
            Op::Exchange(i, old, new) => {
                let before = self.many[i];
                let expected = if before == old { Ok(old) } else { Err(before) };
                prop_assert_eq!(many.compare_exchange(i, old, new), expected);
                if before == old {
                    self.many[i] = new;
                }
            }
            Op::Add(i, value) => {
                prop_assert_eq!(many.fetch_add(i, value), self.many[i]);
                self.many[i] = self.many[i].wrapping_add(value);
            }
            Op::Least(i, value) => {
                prop_assert_eq!(many.fetch_min(i, value), self.many[i]);
                self.many[i] = self.many[i].min(value);
            }
            Op::Write(i, ref values) => {
                let count = values.len().min(LEN - i);
                many.write_from(i, &values[..count]);
                self.many[i..i + count].copy_from_slice(&values[..count]);
            }
            Op::CopyWithin(start, end, to) => {
                let (start, end) = (start.min(end), start.max(end));
                let to = to.min(LEN - (end - start));
                many.copy_within(start..end, to);
                self.many.copy_within(start..end, to);
            }
            Op::Fill(value) => {
                many.fill(value);
                self.many.fill(value);
            }
            Op::StoreOne(value) => {
                one.store(value);
                self.one = value;
            }
            Op::ExchangeOne(old, new) => {
                let expected = if self.one == old {
                    Ok(old)
                } else {
                    Err(self.one)
                };
                prop_assert_eq!(one.compare_exchange(old, new), expected);
                self.one = if expected.is_ok() { new } else { self.one };
            }
            Op::AddOne(value) => {
                prop_assert_eq!(one.fetch_add(value), self.one);
                self.one = self.one.wrapping_add(value);
            }
            Op::FlipOne(value) => {
                prop_assert_eq!(one.fetch_xor(value), self.one);
                self.one ^= value;
            }
            Op::DoubleOne => {
                prop_assert_eq!(one.update(|value| value.wrapping_mul(2)), self.one);
                self.one = self.one.wrapping_mul(2);
            }
            Op::TakeFromOne(value) => {
                let left = self.one.checked_sub(value);
                let expected = left.map(|_| self.one).ok_or(self.one);
                prop_assert_eq!(one.fetch_update(|one| one.checked_sub(value)), expected);
                self.one = left.unwrap_or(self.one);
            }
        }
        Ok(())
    }

    fn compare(&self, Numbers { many, one }: &Numbers) -> Result<(), TestCaseError> {
        prop_assert!(many.iter().eq(self.many), "{:?}", self.many);
        prop_assert_eq!(one.load(), self.one);
        Ok(())
    }
}

#[test]
fn numbers_are_the_same_through_two_handles() {
    runs::<Expected>("two-numbers");
}
