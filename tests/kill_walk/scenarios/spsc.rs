//! `Spsc<Pair, 2>`: a role is claimed, used and given back.
//!
//! Roles are the exception from "stopped for ever": while their holder lives nobody else has them.

use crate::family::{Exceptions, Family, Operation, State, Step};
use crate::scenario::{Pair, Scenario, World};
use crate::tracee::Turn;
use shm_runtime::{Consumer, Producer, Segment};
use std::cell::RefCell;
use std::rc::Rc;

/// What is noted where somebody has the role.
const TAKEN: u64 = 99;

const fn pair(value: u64) -> Pair {
    [value, value]
}

fn drain(consumer: &mut Consumer<Pair, 2>) -> String {
    let mut seen = String::new();
    while let Some([value, twice]) = consumer.pop() {
        assert_eq!(value, twice, "torn");
        seen += &format!("{value} ");
        assert!(seen.len() < 32, "more than there is room for");
    }
    seen
}

/// The elements in order, and how many fit in when all are out; or who has a role.
fn observe(world: &Segment<World>) -> String {
    let Ok(mut consumer) = world.spsc.consumer() else {
        return "consumer taken".to_owned();
    };
    let seen = drain(&mut consumer);
    let Ok(mut producer) = world.spsc.producer() else {
        return format!("{seen}| producer taken");
    };
    let room = (100..109)
        .take_while(|&value| producer.push(pair(value)).is_ok())
        .count();
    let rest = drain(&mut consumer);
    let expected: String = (100..100 + room).map(|value| format!("{value} ")).collect();
    assert_eq!(rest, expected);
    format!("{seen}| {room}")
}

fn empty(_: &Segment<World>) {}

fn one(world: &Segment<World>) {
    world.spsc.producer().unwrap().push(pair(1)).unwrap();
}

fn full(world: &Segment<World>) {
    one(world);
    world.spsc.producer().unwrap().push(pair(2)).unwrap();
}

fn wrapped(world: &Segment<World>) {
    for value in 10..13 {
        world.spsc.producer().unwrap().push(pair(value)).unwrap();
        assert_eq!(world.spsc.consumer().unwrap().pop(), Some(pair(value)));
    }
    one(world);
}

/// What is done in a role; with how many elements at most.
type Act<R> = fn(&mut R, usize) -> u64;

fn produce(world: &Segment<World>, turn: &Turn, act: Act<Producer<Pair, 2>>) {
    turn.run(|| {
        turn.note(
            world
                .spsc
                .producer()
                .map_or(TAKEN, |mut role| act(&mut role, 2)),
        )
    });
}

fn consume(world: &Segment<World>, turn: &Turn, act: Act<Consumer<Pair, 2>>) {
    turn.run(|| {
        turn.note(
            world
                .spsc
                .consumer()
                .map_or(TAKEN, |mut role| act(&mut role, 2)),
        )
    });
}

/// Claim the role, look how many there are or fit in, do as many, and give the role back.
fn role_steps<'w, R: 'w, E>(
    turn: Turn,
    claim: impl Fn() -> Result<R, E> + 'w,
    look: fn(&mut R) -> usize,
    act: Act<R>,
) -> Vec<Step<'w>> {
    let role = Rc::new(RefCell::new(None));
    let [claimed, looked, used] = [role.clone(), role.clone(), role.clone()];
    let claim = move || {
        *claimed.borrow_mut() = claim().ok().map(|role| (role, 0));
        turn.note(TAKEN);
        claimed.borrow().is_some()
    };
    let look = move || {
        for (role, count) in looked.borrow_mut().iter_mut() {
            *count = look(role);
        }
        true
    };
    let act = move || {
        for (role, count) in used.borrow_mut().iter_mut() {
            turn.note(act(role, *count));
        }
        true
    };
    let release = move || {
        *role.borrow_mut() = None;
        false
    };
    vec![
        Box::new(claim),
        Box::new(look),
        Box::new(act),
        Box::new(release),
    ]
}

fn room(role: &mut Producer<Pair, 2>) -> usize {
    role.write_chunk(2).len()
}

fn filled(role: &mut Consumer<Pair, 2>) -> usize {
    role.read_chunk(2).len()
}

fn push_one(role: &mut Producer<Pair, 2>, _: usize) -> u64 {
    u64::from(role.push(pair(7)).is_ok())
}

fn push_two(role: &mut Producer<Pair, 2>, most: usize) -> u64 {
    role.push_slice(&[pair(7), pair(8)][..most]) as u64
}

fn write_two(role: &mut Producer<Pair, 2>, most: usize) -> u64 {
    let mut chunk = role.write_chunk(most);
    let count = chunk.len();
    (0..count).for_each(|i| chunk.set(i, pair(7 + i as u64)));
    chunk.commit(count);
    count as u64
}

fn pop_one(role: &mut Consumer<Pair, 2>, _: usize) -> u64 {
    role.pop().map_or(0, |[value, _]| value)
}

fn pop_two(role: &mut Consumer<Pair, 2>, most: usize) -> u64 {
    let mut out = [pair(0); 2];
    let count = role.pop_slice(&mut out[..most]);
    out[..count]
        .iter()
        .fold(0, |digits, [value, _]| digits * 10 + value)
}

fn read_two(role: &mut Consumer<Pair, 2>, most: usize) -> u64 {
    let chunk = role.read_chunk(most);
    let digits = chunk
        .iter()
        .fold(0, |digits, [value, _]| digits * 10 + value);
    let count = chunk.len();
    chunk.commit(count);
    digits
}

/// Writes a chunk that is not committed, so that nobody gets to see it, and pushes one element after it.
fn write_for_nothing(role: &mut Producer<Pair, 2>, most: usize) -> u64 {
    let mut chunk = role.write_chunk(most);
    let count = chunk.len();
    (0..count).for_each(|i| chunk.set(i, pair(7)));
    count as u64 * 10 + u64::from(role.push(pair(9)).is_ok())
}

/// Reads a chunk that is not committed, so that it stays, and pops its first element after that.
fn read_for_nothing(role: &mut Consumer<Pair, 2>, most: usize) -> u64 {
    let chunk = role.read_chunk(most);
    let digits = chunk
        .iter()
        .fold(0, |digits, [value, _]| digits * 10 + value);
    digits * 10 + pop_one(role, 0)
}

macro_rules! producing {
    ($verb:literal, $act:ident) => {
        Operation::in_steps(
            $verb,
            |world, turn| produce(world, turn, $act),
            |world, turn| role_steps(turn, || world.spsc.producer(), room, $act),
        )
        .not_in_handlers() // a claim that is refused allocates
    };
}

macro_rules! consuming {
    ($verb:literal, $act:ident) => {
        Operation::in_steps(
            $verb,
            |world, turn| consume(world, turn, $act),
            |world, turn| role_steps(turn, || world.spsc.consumer(), filled, $act),
        )
        .not_in_handlers() // as above
    };
}

const PUSH: Scenario = Scenario {
    name: "spsc.push, one",
    set_up: one,
    operation: |world, turn| produce(world, turn, push_one),
    observe,
    before: "1 | 2",
    after: "1 7 | 2",
    partly: &[],
    withheld: &["1 | producer taken", "1 7 | producer taken"],
};

pub const SCENARIOS: &[Scenario] = &[
    PUSH,
    Scenario {
        name: "spsc.push_slice, empty",
        set_up: empty,
        operation: |world, turn| produce(world, turn, push_two),
        before: "| 2",
        after: "7 8 | 2",
        withheld: &["| producer taken", "7 8 | producer taken"],
        ..PUSH
    },
    Scenario {
        name: "spsc.pop, full",
        set_up: full,
        operation: |world, turn| consume(world, turn, pop_one),
        before: "1 2 | 2",
        after: "2 | 2",
        withheld: &["consumer taken"],
        ..PUSH
    },
    Scenario {
        name: "spsc.pop_slice, full",
        set_up: full,
        operation: |world, turn| consume(world, turn, pop_two),
        before: "1 2 | 2",
        after: "| 2",
        withheld: &["consumer taken"],
        ..PUSH
    },
    Scenario {
        name: "spsc.write_chunk and drop, one",
        operation: |world, turn| produce(world, turn, write_for_nothing),
        after: "1 9 | 2",
        withheld: &["1 | producer taken", "1 9 | producer taken"],
        ..PUSH
    },
    Scenario {
        name: "spsc.read_chunk and drop, full",
        set_up: full,
        operation: |world, turn| consume(world, turn, read_for_nothing),
        before: "1 2 | 2",
        after: "2 | 2",
        withheld: &["consumer taken"],
        ..PUSH
    },
];

pub const FAMILY: Family = Family {
    structure: "spsc",
    states: &[
        State::new("empty", empty),
        State::new("one", one),
        State::new("full", full),
        State::new("wrapped", wrapped),
    ],
    operations: &[
        producing!("push", push_one),
        producing!("push_slice", push_two),
        producing!("write_chunk", write_two),
        consuming!("pop", pop_one),
        consuming!("pop_slice", pop_two),
        consuming!("read_chunk", read_two),
    ],
    observe,
    exceptions: Exceptions::NONE,
};

/// Chunks that are dropped without a commit.
pub const DROPPED: Family = Family {
    structure: "spsc",
    states: &[State::new("one", one), State::new("full", full)],
    operations: &[
        producing!("write_chunk and drop", write_for_nothing),
        consuming!("read_chunk and drop", read_for_nothing),
    ],
    observe,
    exceptions: Exceptions::NONE,
};
