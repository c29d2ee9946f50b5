//! `Broadcast`: sent and received through either handle.

use super::{Model, runs};
use proptest::prelude::*;
use shm_runtime::{Broadcast, Missed, RecvError, ShmLayout, Start, Subscriber};
use std::time::Duration;

const CAPACITY: usize = 4;

#[derive(Debug, ShmLayout)]
#[shm(lanes = 4)]
pub(super) struct Market {
    quotes: Broadcast<u32, CAPACITY>,
}

#[derive(Clone, Debug)]
pub(super) enum Op {
    Send(u32),
    Subscribe(bool),
    Recv,
    RecvWait,
}

/// All messages.
#[derive(Debug, Default)]
pub(super) struct Expected {
    sent: Vec<u32>,
}

impl Expected {
    /// What a subscriber at `position` gets, and where it is then.
    fn recv(&self, position: usize) -> (Result<Option<u32>, Missed>, usize) {
        let count = self.sent.len();
        if count <= position + CAPACITY {
            let message = self.sent.get(position).copied();
            return (Ok(message), position + usize::from(message.is_some()));
        }
        // the last message at the place of the one that is gone says how far the others are
        let last = position + (count - 1 - position) / CAPACITY * CAPACITY;
        let oldest = last + 1 - CAPACITY;
        (Err(Missed((oldest - position) as u64)), oldest)
    }
}

impl Model for Expected {
    type Schema = Market;
    type Op = Op;
    type Held<'a> = Option<Subscriber<u32, CAPACITY>>;

    fn any() -> BoxedStrategy<Op> {
        prop_oneof![
            4 => any::<u32>().prop_map(Op::Send),
            1 => any::<bool>().prop_map(Op::Subscribe),
            3 => Just(Op::Recv),
            1 => Just(Op::RecvWait),
        ]
        .boxed()
    }

    fn run(
        &mut self,
        Market { quotes }: &Market,
        held: &mut Self::Held<'_>,
        op: &Op,
    ) -> Result<(), TestCaseError> {
        let count = self.sent.len();
        match (op, held) {
            (Op::Send(value), _) => {
                quotes.send(*value).expect("a lane");
                self.sent.push(*value);
            }
            (Op::Subscribe(oldest), held) => {
                let kept = if *oldest { CAPACITY.min(count) } else { 0 };
                let start = if *oldest {
                    Start::Oldest
                } else {
                    Start::Newest
                };
                let reader = held.insert(quotes.subscribe(start));
                prop_assert_eq!(reader.position(), (count - kept) as u64);
            }
            (_, None) => {}
            (op, Some(reader)) => {
                let before = reader.missed();
                let (expected, position) = self.recv(reader.position() as usize);
                if let Op::Recv = op {
                    prop_assert_eq!(reader.recv(), expected);
                } else {
                    let expected = expected
                        .map_err(RecvError::from)
                        .and_then(|got| got.ok_or(RecvError::Timeout));
                    prop_assert_eq!(reader.recv_wait(Duration::ZERO), expected);
                }
                prop_assert_eq!(reader.position(), position as u64);
                let missed = expected.err().map_or(0, |Missed(count)| count);
                prop_assert_eq!(reader.missed() - before, missed);
            }
        }
        Ok(())
    }

    fn compare(&self, Market { quotes }: &Market) -> Result<(), TestCaseError> {
        prop_assert_eq!(quotes.sent(), self.sent.len() as u64);
        Ok(())
    }
}

#[test]
fn a_broadcast_is_one_list_through_two_handles() {
    runs::<Expected>("two-broadcast");
}
