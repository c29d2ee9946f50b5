//! `Queue`: pushed, popped, loaned, taken and given back, through either handle.

use super::{Model, runs};
use proptest::prelude::*;
use shm_runtime::{Queue, ShmLayout, Taken};
use std::collections::VecDeque;

const CAPACITY: usize = 4;
/// Elements that a handle holds at most.
const HELD: usize = 3;

#[derive(Debug, ShmLayout)]
#[shm(lanes = 16)]
pub(super) struct Line {
    queue: Queue<u64, CAPACITY>,
}

#[derive(Clone, Debug)]
pub(super) enum Op {
    Push(u64),
    PushMany(Vec<u64>),
    Lend(u64),
    Pop,
    PopMany(usize),
    Take,
    Done,
    Back,
}

/// The oldest first; elements that came back go before all others, in an order that nobody promises.
#[derive(Debug, Default)]
pub(super) struct Expected {
    queue: VecDeque<u64>,
    back: Vec<u64>,
}

impl Expected {
    fn room(&self) -> usize {
        CAPACITY - self.queue.len()
    }

    fn leave(&mut self, got: Option<u64>) -> Result<(), TestCaseError> {
        if self.back.is_empty() {
            prop_assert_eq!(got, self.queue.pop_front());
            return Ok(());
        }
        let place = got.and_then(|got| self.back.iter().position(|&back| back == got));
        prop_assert!(place.is_some(), "{:?} came before {:?}", got, self.back);
        self.back.swap_remove(place.unwrap_or(0));
        Ok(())
    }
}

impl Model for Expected {
    type Schema = Line;
    type Op = Op;
    type Held<'a> = Vec<Taken<'a, u64, CAPACITY>>;

    fn any() -> BoxedStrategy<Op> {
        prop_oneof![
            4 => any::<u64>().prop_map(Op::Push),
            1 => proptest::collection::vec(any::<u64>(), 0..7).prop_map(Op::PushMany),
            1 => any::<u64>().prop_map(Op::Lend),
            3 => Just(Op::Pop),
            1 => (0_usize..7).prop_map(Op::PopMany),
            3 => Just(Op::Take),
            1 => Just(Op::Done),
            2 => Just(Op::Back),
        ]
        .boxed()
    }

    fn run<'a>(
        &mut self,
        Line { queue }: &'a Line,
        held: &mut Self::Held<'a>,
        op: &Op,
    ) -> Result<(), TestCaseError> {
        match op {
            Op::Push(value) => {
                prop_assert_eq!(queue.push(*value).is_ok(), self.room() > 0);
                self.queue.extend((self.room() > 0).then_some(value));
            }
            Op::PushMany(values) => {
                let count = values.len().min(self.room());
                prop_assert_eq!(queue.push_slice(values), count);
                self.queue.extend(&values[..count]);
            }
            Op::Lend(value) => {
                let mut loan = queue.loan().expect("a lane");
                loan.write(*value);
                prop_assert_eq!(loan.get(), *value);
                prop_assert_eq!(loan.commit().is_ok(), self.room() > 0);
                self.queue.extend((self.room() > 0).then_some(value));
            }
            Op::Pop => self.leave(queue.pop())?,
            Op::PopMany(count) => {
                let mut out = vec![0; *count];
                let expected = (self.back.len() + self.queue.len()).min(*count);
                prop_assert_eq!(queue.pop_slice(&mut out), expected);
                for &got in &out[..expected] {
                    self.leave(Some(got))?;
                }
            }
            Op::Take if held.len() < HELD => {
                let taken = queue.take().expect("a lane");
                self.leave(taken.as_ref().map(Taken::get))?;
                held.extend(taken);
            }
            Op::Take => {}
            Op::Done => {
                if let Some(taken) = held.pop() {
                    taken.done();
                }
            }
            Op::Back => {
                if let Some(taken) = held.pop() {
                    self.back.push(taken.get());
                }
            }
        }
        Ok(())
    }

    fn compare(&self, Line { queue }: &Line) -> Result<(), TestCaseError> {
        prop_assert_eq!(queue.len(), self.queue.len());
        prop_assert_eq!(queue.peek(), self.queue.front().copied());
        if !self.back.is_empty() {
            prop_assert!(!queue.is_empty());
        }
        Ok(())
    }
}

#[test]
fn a_queue_is_one_queue_through_two_handles() {
    runs::<Expected>("two-queue");
}
