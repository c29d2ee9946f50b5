//! `VersionedArray`: whole frames from the one who has the role; a successor takes it over from the dead.

use super::super::battle::Field;
use super::super::history::Actor;
use super::super::spec::{Call, DIED, SETTLED, Spec};
use crate::assert_lanes_are_back;
use core::cell::Cell;
use shm_runtime::{Segment, ShmLayout, VersionedArray};
use std::time::Duration;

const READ: u32 = 0;
const PUBLISH: u32 = 1;
const EDIT: u32 = 2;
const VERSION: u32 = 3;

/// Elements of a frame: more than one part of a copy.
const LEN: usize = 2500;
/// Calls for which a process keeps the role.
const TERM: usize = 8;

/// The segment.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 64)]
pub struct Sea {
    depth: VersionedArray<u64, LEN>,
}

/// A frame that is replaced as a whole: its number, and the value of all its elements.
#[derive(Debug, Default)]
pub struct Frames {
    /// Frames of the rounds before.
    base: Cell<u64>,
}

impl Spec for Frames {
    type State = (u64, u64);

    fn start(&self) -> (u64, u64) {
        (self.base.get(), 0)
    }

    fn step(&self, &(number, value): &(u64, u64), call: &Call, next: &mut Vec<(u64, u64)>) {
        let is = |answer: [u64; 2]| call.got.is_none_or(|got| got == answer);
        match call.what {
            DIED | SETTLED => next.push((number, value)),
            READ if is([number, value]) => next.push((number, value)),
            VERSION if is([number, 0]) => next.push((number, value)),
            PUBLISH if is([number + 1, 0]) => next.push((number + 1, call.with[0])),
            EDIT if is([number + 1, value]) => next.push((number + 1, call.with[0])),
            _ => {}
        }
    }

    fn name(&self, what: u32) -> &'static str {
        let names = ["read", "publish", "edit", "version"];
        names.get(what as usize).unwrap_or(&"(referee)")
    }
}

/// The value of all elements; torn frames have one that nobody wrote.
fn value(frame: &[u64]) -> u64 {
    match frame.iter().all(|&element| element == frame[0]) {
        true => frame[0],
        false => u64::MAX,
    }
}

fn read(sea: &Sea, actor: &mut Actor) {
    let mut frame = vec![0; LEN];
    let read = || {
        let number = sea.depth.read_into(&mut frame);
        [number, value(&frame)]
    };
    actor.call((0, READ), [0; 2], read, |got| *got);
}

/// Has the role for a while, if it can be had.
fn write(sea: &Sea, actor: &mut Actor) {
    let Ok(mut writer) = sea.depth.writer() else {
        return read(sea, actor);
    };
    for _ in 0..1 + actor.random.below(TERM as u64 - 1) {
        actor.dither();
        let new = actor.value();
        if actor.random.below(3) == 0 {
            let edit = || {
                let change = |frame: &mut shm_runtime::Frame<'_, u64, LEN>| {
                    let mut all = vec![0; LEN];
                    frame.read_into(0, &mut all);
                    frame.fill(new);
                    value(&all)
                };
                let before = writer.edit(change).expect("it has the role");
                [writer.version(), before]
            };
            actor.call((0, EDIT), [new, 0], edit, |got| *got);
        } else {
            let publish = || writer.publish(&[new; LEN]).expect("it has the role");
            actor.call((0, PUBLISH), [new, 0], publish, |number| [*number, 0]);
        }
    }
}

impl Field for Frames {
    type Schema = Sea;
    const NAME: &'static str = "versioned-array";

    fn act(&self, sea: &Sea, actor: &mut Actor) {
        actor.dither();
        match (actor.seat, actor.random.below(8)) {
            (0..3, _) => write(sea, actor),
            (_, 0) => {
                let version = || sea.depth.version();
                _ = actor.call((0, VERSION), [0; 2], version, |number| [*number, 0]);
            }
            (_, 1) => {
                let before = sea.depth.version();
                // nobody need publish: a timeout says nothing
                if let Ok(frame) = sea.depth.wait_change(before, Duration::from_micros(50)) {
                    assert!(frame.version() > before);
                }
            }
            (_, 2) => {
                // in place, and by chance whole
                let torn = |frame: &shm_runtime::Snapshot<'_, u64, LEN>| {
                    frame.iter().any(|element| element != frame.get(0))
                };
                assert_ne!(sea.depth.try_snapshot(torn), Ok(true), "torn");
            }
            _ => read(sea, actor),
        }
    }

    fn drain(&self, sea: &Segment<Sea>, referee: &mut Actor) {
        read(sea, referee);
    }

    fn restore(&self, sea: &Segment<Sea>) {
        let mut writer = sea.depth.writer().expect("nobody else is there");
        self.base
            .set(writer.publish(&[0; LEN]).expect("it has the role"));
    }

    fn examine(&self, sea: &Segment<Sea>) {
        assert_lanes_are_back(sea);
        let mut writer = sea.depth.writer().expect("nobody else is there");
        for number in 1..20 {
            writer.publish(&[number; LEN]);
            assert!(sea.depth.try_snapshot(|frame| frame.get(LEN - 1)) == Ok(number));
        }
        drop(writer);
        self.restore(sea);
    }
}
