//! `VersionedArray<u64, 3>`: published and edited, before the first frame and when a buffer is used again.

use crate::scenario::{Scenario, World};
use crate::tracee::Turn;
use shm_runtime::Segment;

/// The latest frame and its number, and whether the next writer goes on from there.
fn observe(world: &Segment<World>) -> String {
    let (frames, mut frame) = (&world.frames, [0; 3]);
    let number = frames.read_into(&mut frame);
    let seen = format!("{number}: {} {} {}", frame[0], frame[1], frame[2]);
    let Ok(mut writer) = frames.writer() else {
        return seen; // somebody who is stopped has the role
    };
    for next in 1..5 {
        if writer.publish(&[next; 3]) != Some(number + next) {
            return format!("{seen}, and then not {next}");
        }
        if frames.read_into(&mut frame) != number + next || frame != [next; 3] {
            return format!("{seen}, and then {frame:?}");
        }
    }
    seen
}

fn new(_: &Segment<World>) {}

fn wrapped(world: &Segment<World>) {
    let mut writer = world.frames.writer().unwrap();
    for value in 1..=4 {
        writer.publish(&[value; 3]).unwrap();
    }
}

fn publish(world: &Segment<World>, turn: &Turn) {
    let mut writer = world.frames.writer().unwrap();
    turn.run(|| _ = writer.publish(&[7, 8, 9]).unwrap());
}

fn edit(world: &Segment<World>, turn: &Turn) {
    let mut writer = world.frames.writer().unwrap();
    turn.run(|| writer.edit(|frame| frame.set(1, 8)).unwrap());
}

fn claim(world: &Segment<World>, turn: &Turn) {
    turn.run(|| drop(world.frames.writer().unwrap()));
}

const PUBLISH: Scenario = Scenario {
    name: "versioned_array.publish, new",
    set_up: new,
    operation: publish,
    observe,
    before: "0: 0 0 0",
    after: "1: 7 8 9",
    partly: &[],
    withheld: &[],
};

pub const SCENARIOS: &[Scenario] = &[
    PUBLISH,
    Scenario {
        name: "versioned_array.publish, wrapped",
        set_up: wrapped,
        before: "4: 4 4 4",
        after: "5: 7 8 9",
        ..PUBLISH
    },
    Scenario {
        name: "versioned_array.edit, wrapped",
        set_up: wrapped,
        operation: edit,
        before: "4: 4 4 4",
        after: "5: 4 8 4",
        ..PUBLISH
    },
    Scenario {
        name: "versioned_array.writer, wrapped",
        set_up: wrapped,
        operation: claim,
        before: "4: 4 4 4",
        after: "4: 4 4 4",
        ..PUBLISH
    },
];
