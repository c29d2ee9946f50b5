//! `VersionedArray`: the role wanders between the handles, and both see the same frames.

use super::{Model, runs};
use proptest::prelude::*;
use shm_runtime::{FrameWriter, ShmLayout, VersionedArray};
use std::time::Duration;

const LEN: usize = 3;

#[derive(Debug, ShmLayout)]
#[shm(lanes = 4)]
pub(super) struct Sea {
    depth: VersionedArray<u16, LEN>,
}

#[derive(Clone, Debug)]
pub(super) enum Op {
    Claim,
    GiveUp,
    Publish([u16; LEN]),
    Edit(usize, u16),
    Panic(u16),
    Watch,
}

/// The latest frame, and whether somebody has the role.
#[derive(Debug, Default)]
pub(super) struct Expected {
    number: u64,
    frame: [u16; LEN],
    taken: bool,
}

#[derive(Default)]
pub(super) struct Held {
    writer: Option<FrameWriter<u16, LEN>>,
    seen: u64,
}

impl Model for Expected {
    type Schema = Sea;
    type Op = Op;
    type Held<'a> = Held;

    fn any() -> BoxedStrategy<Op> {
        prop_oneof![
            2 => Just(Op::Claim),
            1 => Just(Op::GiveUp),
            4 => any::<[u16; LEN]>().prop_map(Op::Publish),
            2 => (0..LEN, any::<u16>()).prop_map(|(i, value)| Op::Edit(i, value)),
            1 => any::<u16>().prop_map(Op::Panic),
            2 => Just(Op::Watch),
        ]
        .boxed()
    }

    fn run(&mut self, Sea { depth }: &Sea, held: &mut Held, op: &Op) -> Result<(), TestCaseError> {
        match (op, &mut held.writer) {
            (Op::Claim, None) => {
                held.writer = depth.writer().ok();
                prop_assert_eq!(held.writer.is_some(), !self.taken);
                self.taken = true;
            }
            (Op::GiveUp, writer @ Some(_)) => {
                *writer = None;
                self.taken = false;
            }
            (Op::Publish(frame), Some(writer)) => {
                (self.number, self.frame) = (self.number + 1, *frame);
                prop_assert_eq!(writer.publish(frame), Some(self.number));
            }
            (Op::Edit(i, value), Some(writer)) => {
                let before = self.frame;
                let was = writer.edit(|frame| {
                    let was = [0, 1, 2].map(|i| frame.get(i));
                    frame.set(*i, *value);
                    was
                });
                prop_assert_eq!(was, Some(before));
                (self.number, self.frame[*i]) = (self.number + 1, *value);
            }
            (Op::Panic(value), Some(writer)) => {
                let edit = || writer.edit(|frame| frame.set(LEN, *value));
                let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(edit));
                prop_assert!(caught.is_err());
            }
            (Op::Watch, _) => {
                let changed = depth.wait_change(held.seen, Duration::ZERO).ok();
                let expected = (held.seen != self.number).then_some(self.number);
                prop_assert_eq!(changed.map(|frame| frame.version()), expected);
                prop_assert_eq!(depth.age(held.seen), self.number - held.seen);
                held.seen = self.number;
            }
            _ => {}
        }
        Ok(())
    }

    fn compare(&self, Sea { depth }: &Sea) -> Result<(), TestCaseError> {
        let mut frame = [0; LEN];
        prop_assert_eq!(depth.read_into(&mut frame), self.number);
        prop_assert_eq!(frame, self.frame);
        prop_assert_eq!(depth.snapshot().to_vec(), Ok(self.frame.to_vec()));
        let sum = depth.try_snapshot(|frame| frame.iter().map(u32::from).sum::<u32>());
        prop_assert_eq!(sum, Ok(self.frame.map(u32::from).into_iter().sum()));
        Ok(())
    }
}

#[test]
fn frames_are_the_same_through_two_handles() {
    runs::<Expected>("two-frames");
}
