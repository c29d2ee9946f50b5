//! `Stack`: pushed and popped through either handle.

use super::{Model, runs};
use proptest::prelude::*;
use shm_runtime::{ShmLayout, Stack};

const CAPACITY: usize = 5;

#[derive(Debug, ShmLayout)]
#[shm(lanes = 4)]
pub(super) struct Pile {
    stack: Stack<u32, CAPACITY>,
}

#[derive(Clone, Debug)]
pub(super) enum Op {
    Push(u32),
    PushMany(Vec<u32>),
    Pop,
    PopMany(usize),
}

#[derive(Debug, Default)]
pub(super) struct Expected(Vec<u32>);

impl Model for Expected {
    type Schema = Pile;
    type Op = Op;
    type Held<'a> = ();

    fn any() -> BoxedStrategy<Op> {
        prop_oneof![
            4 => any::<u32>().prop_map(Op::Push),
            1 => proptest::collection::vec(any::<u32>(), 0..8).prop_map(Op::PushMany),
            3 => Just(Op::Pop),
            1 => (0_usize..8).prop_map(Op::PopMany),
        ]
        .boxed()
    }

    fn run(&mut self, Pile { stack }: &Pile, (): &mut (), op: &Op) -> Result<(), TestCaseError> {
        let room = CAPACITY - self.0.len();
        match op {
            Op::Push(value) => {
                let full = stack.push(*value).err().map(|full| full.0);
                prop_assert_eq!(full, (room == 0).then_some(*value));
                self.0.extend((room > 0).then_some(value));
            }
            Op::PushMany(values) => {
                let count = values.len().min(room);
                prop_assert_eq!(stack.push_slice(values), count);
                self.0.extend(&values[..count]);
            }
            Op::Pop => prop_assert_eq!(stack.pop(), self.0.pop()),
            Op::PopMany(count) => {
                let mut out = vec![0; *count];
                let expected: Vec<_> = (0..*count).map_while(|_| self.0.pop()).collect();
                prop_assert_eq!(stack.pop_slice(&mut out), expected.len());
                prop_assert_eq!(&out[..expected.len()], &expected[..]);
            }
        }
        Ok(())
    }

    fn compare(&self, Pile { stack }: &Pile) -> Result<(), TestCaseError> {
        prop_assert_eq!(stack.len(), self.0.len());
        prop_assert_eq!(stack.peek(), self.0.last().copied());
        prop_assert_eq!(stack.is_empty(), self.0.is_empty());
        prop_assert_eq!(stack.is_full(), self.0.len() == CAPACITY);
        Ok(())
    }
}

#[test]
fn a_stack_is_one_stack_through_two_handles() {
    runs::<Expected>("two-stack");
}
