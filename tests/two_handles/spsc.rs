//! `Spsc`: the roles wander between the handles.

use super::{Model, runs};
use proptest::prelude::*;
use shm_runtime::{Consumer, Producer, ShmLayout, Spsc};
use std::collections::VecDeque;

const CAPACITY: usize = 4;

#[derive(Debug, ShmLayout)]
#[shm(lanes = 4)]
pub(super) struct Pair {
    audio: Spsc<u32, CAPACITY>,
}

#[derive(Clone, Debug)]
pub(super) enum Op {
    Claim(bool),
    GiveUp(bool),
    Push(u32),
    PushMany(Vec<u32>),
    /// Fills a chunk as far as there is room, one by one and then the rest.
    Fill(Vec<u32>, usize),
    Pop,
    PopMany(usize),
    /// Reads a chunk of so many, and leaves those behind the first so many.
    Drain(usize, usize),
}

/// The elements, and which roles are taken: the producer's, the consumer's.
#[derive(Debug, Default)]
pub(super) struct Expected {
    queue: VecDeque<u32>,
    taken: [bool; 2],
}

#[derive(Default)]
pub(super) struct Roles {
    producer: Option<Producer<u32, CAPACITY>>,
    consumer: Option<Consumer<u32, CAPACITY>>,
}

impl Model for Expected {
    type Schema = Pair;
    type Op = Op;
    type Held<'a> = Roles;

    fn any() -> BoxedStrategy<Op> {
        prop_oneof![
            2 => any::<bool>().prop_map(Op::Claim),
            1 => any::<bool>().prop_map(Op::GiveUp),
            4 => any::<u32>().prop_map(Op::Push),
            2 => proptest::collection::vec(any::<u32>(), 0..7).prop_map(Op::PushMany),
            2 => (proptest::collection::vec(any::<u32>(), 0..7), 0_usize..7)
                .prop_map(|(values, single)| Op::Fill(values, single)),
            2 => (0_usize..7, 0_usize..7).prop_map(|(count, taken)| Op::Drain(count, taken)),
            3 => Just(Op::Pop),
            2 => (0_usize..7).prop_map(Op::PopMany),
        ]
        .boxed()
    }

    fn run(
        &mut self,
        Pair { audio }: &Pair,
        held: &mut Roles,
        op: &Op,
    ) -> Result<(), TestCaseError> {
        let room = CAPACITY - self.queue.len();
        match (op, &mut held.producer, &mut held.consumer) {
            (Op::Claim(true), None, _) => {
                held.producer = audio.producer().ok();
                prop_assert_eq!(held.producer.is_some(), !self.taken[0]);
                self.taken[0] = true;
            }
            (Op::Claim(false), _, None) => {
                held.consumer = audio.consumer().ok();
                prop_assert_eq!(held.consumer.is_some(), !self.taken[1]);
                self.taken[1] = true;
            }
            (Op::GiveUp(true), producer @ Some(_), _) => {
                *producer = None;
                self.taken[0] = false;
            }
            (Op::GiveUp(false), _, consumer @ Some(_)) => {
                *consumer = None;
                self.taken[1] = false;
            }
            (Op::Push(value), Some(producer), _) => {
                prop_assert_eq!(producer.push(*value).is_ok(), room > 0);
                self.queue.extend((room > 0).then_some(value));
            }
            (Op::PushMany(values), Some(producer), _) => {
                let count = values.len().min(room);
                prop_assert_eq!(producer.push_slice(values), count);
                self.queue.extend(&values[..count]);
            }
            (Op::Fill(values, single), Some(producer), _) => {
                let mut chunk = producer.write_chunk(values.len());
                let values = &values[..values.len().min(room)];
                prop_assert!(chunk.len() >= values.len());
                let (single, rest) = values.split_at((*single).min(values.len()));
                chunk.set_slice(single.len(), rest);
                for (i, &value) in single.iter().enumerate() {
                    chunk.set(i, value);
                }
                chunk.commit(values.len());
                self.queue.extend(values);
            }
            (Op::Drain(count, taken), _, Some(consumer)) => {
                let chunk = consumer.read_chunk(*count);
                let expected = self.queue.iter().copied().take(*count);
                prop_assert!(chunk.iter().eq(expected));
                let mut out = vec![0; chunk.len()];
                chunk.get_slice(0, &mut out);
                prop_assert!(chunk.iter().eq(out));
                let taken = (*taken).min(chunk.len());
                chunk.commit(taken);
                self.queue.drain(..taken);
            }
            (Op::Pop, _, Some(consumer)) => {
                prop_assert_eq!(consumer.pop(), self.queue.pop_front());
            }
            (Op::PopMany(count), _, Some(consumer)) => {
                let mut out = vec![0; *count];
                let expected: Vec<_> = self.queue.drain(..self.queue.len().min(*count)).collect();
                prop_assert_eq!(consumer.pop_slice(&mut out), expected.len());
                prop_assert_eq!(&out[..expected.len()], &expected[..]);
            }
            _ => {}
        }
        Ok(())
    }

    fn compare(&self, Pair { audio }: &Pair) -> Result<(), TestCaseError> {
        prop_assert_eq!(audio.len(), self.queue.len());
        prop_assert_eq!(audio.is_empty(), self.queue.is_empty());
        Ok(())
    }
}

#[test]
fn a_pair_is_one_queue_through_two_handles() {
    runs::<Expected>("two-spsc");
}
