//! `VersionedArray<u64, 3>`: published and edited, before the first frame and when a buffer is used again.

use crate::family::{Exceptions, Family, Operation, State, Step};
use crate::scenario::{Scenario, World, by_the_dead};
use crate::tracee::Turn;
use shm_runtime::{FrameWriter, Segment};
use std::cell::RefCell;
use std::rc::Rc;

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

/// Somebody died in the role, and left a frame half written.
fn half_written(world: &Segment<World>) {
    wrapped(world);
    by_the_dead(world, |own| {
        let mut writer = own.frames.writer().unwrap();
        writer.edit(|frame| {
            frame.set(0, 6);
            // SAFETY: ends the child at once.
            unsafe { libc::_exit(0) };
        });
    });
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

/// What is noted where somebody has the role.
const TAKEN: u64 = 99;

/// What is done in the role.
type Act = fn(&mut FrameWriter<u64, 3>) -> Option<u64>;

fn publish_frame(writer: &mut FrameWriter<u64, 3>) -> Option<u64> {
    writer.publish(&[7, 8, 9])
}

fn edit_frame(writer: &mut FrameWriter<u64, 3>) -> Option<u64> {
    writer.edit(|frame| frame.set(1, frame.get(1) + 8))?;
    Some(writer.version())
}

fn write(world: &Segment<World>, turn: &Turn, act: Act) {
    turn.run(|| {
        let frame = world.frames.writer().map(|mut writer| act(&mut writer));
        turn.note(frame.map_or(TAKEN, |frame| frame.unwrap_or(0)));
    });
}

/// Claim the role, write a frame, and give the role back.
fn write_steps(world: &Segment<World>, turn: Turn, act: Act) -> Vec<Step<'_>> {
    let role = Rc::new(RefCell::new(None));
    let claim = {
        let role = role.clone();
        move || {
            *role.borrow_mut() = world.frames.writer().ok();
            turn.note(TAKEN);
            role.borrow().is_some()
        }
    };
    let act = {
        let role = role.clone();
        move || {
            let frame = role.borrow_mut().as_mut().and_then(act);
            turn.note(frame.unwrap_or(0));
            true
        }
    };
    let release = move || {
        *role.borrow_mut() = None;
        false
    };
    vec![Box::new(claim), Box::new(act), Box::new(release)]
}

macro_rules! writing {
    ($verb:literal, $act:ident) => {
        Operation::in_steps(
            $verb,
            |world, turn| write(world, turn, $act),
            |world, turn| write_steps(world, turn, $act),
        )
        .not_in_handlers() // a claim that is refused allocates
    };
}

/// A frame as digits, behind its number.
fn digits(number: u64, frame: impl IntoIterator<Item = u64>) -> u64 {
    frame
        .into_iter()
        .fold(number, |digits, value| digits * 100 + value)
}

fn read(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        let mut frame = [0; 3];
        let number = world.frames.read_into(&mut frame);
        turn.note(digits(number, frame));
    });
}

fn snapshot(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        let read =
            |frame: &shm_runtime::Snapshot<'_, u64, 3>| digits(frame.version(), frame.iter());
        turn.note(world.frames.try_snapshot(read).unwrap_or(TAKEN));
    });
}

pub const FAMILY: Family = Family {
    structure: "versioned_array",
    states: &[
        State::new("new", new),
        State::new("wrapped", wrapped),
        State::new("half written", half_written),
    ],
    operations: &[
        writing!("publish", publish_frame),
        writing!("edit", edit_frame),
        Operation::single("read_into", read),
        Operation::single("try_snapshot", snapshot),
    ],
    observe,
    exceptions: Exceptions::NONE,
};
