//! `VersionedArray<u64, 3>`: published and edited, before the first frame and when a buffer is used again; and read
//! in place while a writer comes back to the frame's buffer.

use crate::family::{Besides, Exceptions, Family, Operation, Pair, State, Step};
use crate::scenario::{Scenario, World, by_the_dead};
use crate::tracee::Turn;
use shm_runtime::{FrameWriter, Segment, Snapshot};
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
        name: "versioned_array.publish three, wrapped",
        set_up: wrapped,
        operation: publish_three,
        before: "4: 4 4 4",
        after: "7: 31 32 33",
        partly: &["5: 11 12 13", "6: 21 22 23"],
        ..PUBLISH
    },
    Scenario {
        name: "versioned_array.snapshot, wrapped",
        set_up: wrapped,
        operation: hold,
        before: "4: 4 4 4",
        after: "4: 4 4 4",
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

/// Claim the role, write a frame or several, and give the role back.
fn write_steps<'w>(world: &'w Segment<World>, turn: Turn, acts: &[Act]) -> Vec<Step<'w>> {
    let role = Rc::new(RefCell::new(None));
    let claim = {
        let role = role.clone();
        move || {
            *role.borrow_mut() = world.frames.writer().ok();
            turn.note(TAKEN);
            role.borrow().is_some()
        }
    };
    let act = |act: &Act| -> Step<'w> {
        let (role, act) = (role.clone(), *act);
        Box::new(move || {
            let frame = role.borrow_mut().as_mut().and_then(act);
            turn.note(frame.unwrap_or(0));
            true
        })
    };
    let mut steps: Vec<Step<'w>> = vec![Box::new(claim)];
    steps.extend(acts.iter().map(act));
    steps.push(Box::new(move || {
        *role.borrow_mut() = None;
        false
    }));
    steps
}

macro_rules! writing {
    ($verb:literal, $act:ident) => {
        Operation::in_steps(
            $verb,
            |world, turn| write(world, turn, $act),
            |world, turn| write_steps(world, turn, &[$act]),
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

/// Three frames: the last one goes where a reader may still look at the one before the first.
const THREE: [Act; 3] = [
    |writer| writer.publish(&[11, 12, 13]),
    |writer| writer.publish(&[21, 22, 23]),
    |writer| writer.publish(&[31, 32, 33]),
];

fn publish_three(world: &Segment<World>, turn: &Turn) {
    write(world, turn, |writer| {
        THREE.map(|act| act(writer)).into_iter().flatten().last()
    });
}

/// What is noted of a frame that was outrun.
const OUTRUN: u64 = 98;

/// Looks at a frame in place. Whether it is valid says whether all were its elements; each is some frame's even if
/// not, and so is a copy that was made after it.
fn look(frame: &Snapshot<'_, u64, 3>) -> u64 {
    let elements = [0, 1, 2].map(|i| frame.get(i));
    let is_valid = frame.still_valid();
    for (value, i) in elements.into_iter().zip(1..) {
        assert!(value <= 4 || value % 10 == i, "{elements:?}");
    }
    let mut copy = [0; 3];
    if frame.read_into(0, &mut copy).is_ok() {
        assert!(is_valid && copy == elements, "{elements:?}, then {copy:?}");
    }
    match is_valid {
        true => digits(frame.version(), elements),
        false => OUTRUN,
    }
}

fn hold(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(look(&world.frames.snapshot())));
}

fn hold_steps(world: &Segment<World>, turn: Turn) -> Vec<Step<'_>> {
    let held = Rc::new(RefCell::new(None));
    let take = {
        let held = held.clone();
        move || {
            *held.borrow_mut() = Some(world.frames.snapshot());
            true
        }
    };
    let look = move || {
        held.borrow()
            .iter()
            .for_each(|frame| turn.note(look(frame)));
        false
    };
    vec![Box::new(take), Box::new(look)]
}

/// A writer that has begun the third frame has outrun who looks at the one before the first.
fn begun(pair: &Pair) -> Besides {
    if pair.operations.map(|operation| operation.verb) != ["publish three", "snapshot"] {
        return Besides::default();
    }
    let second = match pair.state.name {
        "new" => 2,
        _ => 6,
    };
    let outrun = vec![(OUTRUN, format!("{second}: 21 22 23"))];
    Besides {
        killed: outrun.clone(),
        stopped: outrun,
        ..Besides::default()
    }
}

pub const IN_PLACE: Family = Family {
    structure: "versioned_array",
    states: &[State::new("new", new), State::new("wrapped", wrapped)],
    operations: &[
        Operation::in_steps("snapshot", hold, hold_steps),
        Operation::in_steps("publish three", publish_three, |world, turn| {
            write_steps(world, turn, &THREE)
        })
        .not_in_handlers(), // as above
    ],
    observe,
    exceptions: Exceptions {
        besides: begun,
        ..Exceptions::NONE
    },
};
