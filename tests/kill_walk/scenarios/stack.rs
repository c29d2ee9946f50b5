//! `Stack<Pair, 2>`: each operation over the states empty, one, full, and after some use.

use crate::family::{Exceptions, Family, Operation, State, Step};
use crate::scenario::{Pair, Scenario, World};
use crate::tracee::Turn;
use shm_runtime::Segment;

const fn pair(value: u64) -> Pair {
    [value, value]
}

fn drain(world: &Segment<World>, seen: &mut Vec<String>) {
    while let Some([value, twice]) = world.stack.pop() {
        seen.push(if value == twice {
            value.to_string()
        } else {
            format!("torn {value}/{twice}")
        });
        if seen.len() > 9 {
            return seen.push("more than there is room for".to_owned());
        }
    }
}

/// How many there are, the elements from the top, and how many fit in when all are out.
fn observe(world: &Segment<World>) -> String {
    let mut seen = vec![format!("{}:", world.stack.len())];
    drain(world, &mut seen);
    Segment::recover(world);
    let room = (0..9)
        .take_while(|&value| world.stack.push(pair(100 + value)).is_ok())
        .count();
    let mut rest = Vec::new();
    drain(world, &mut rest);
    let expected: Vec<_> = (0..room as u64)
        .rev()
        .map(|value| (100 + value).to_string())
        .collect();
    if rest != expected {
        seen.push(format!("then {rest:?}"));
    }
    format!("{} | {room}", seen.join(" "))
}

fn empty(_: &Segment<World>) {}

fn one(world: &Segment<World>) {
    world.stack.push(pair(1)).unwrap();
}

fn full(world: &Segment<World>) {
    one(world);
    world.stack.push(pair(2)).unwrap();
}

/// Nodes are not where they were at first.
fn used(world: &Segment<World>) {
    for value in 10..15 {
        full(world);
        world.stack.pop().unwrap();
        assert_eq!(world.stack.pop(), Some(pair(1)));
        world.stack.push(pair(value)).unwrap();
        world.stack.pop().unwrap();
    }
    one(world);
}

fn push(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(u64::from(world.stack.push(pair(7)).is_ok())));
}

fn pop(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(world.stack.pop().map_or(0, |[value, _]| value)));
}

fn peek(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(world.stack.peek().map_or(0, |[value, _]| value)));
}

fn look(world: &Segment<World>, turn: &Turn) {
    turn.run(|| _ = (world.stack.peek(), world.stack.len()));
}

fn push_slice(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(world.stack.push_slice(&[pair(7), pair(8), pair(9)]) as u64));
}

fn push_steps(world: &Segment<World>, turn: Turn) -> Vec<Step<'_>> {
    let step = |value| -> Step<'_> {
        Box::new(move || {
            let pushed = world.stack.push(pair(value)).is_ok();
            turn.note(turn.noted() + u64::from(pushed));
            pushed
        })
    };
    [7, 8, 9].map(step).into()
}

/// Notes the elements as digits.
fn pop_slice(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        let mut out = [pair(0); 3];
        let count = world.stack.pop_slice(&mut out);
        let popped = out[..count].iter();
        turn.note(popped.fold(0, |digits, [value, _]| digits * 10 + value));
    });
}

fn pop_steps(world: &Segment<World>, turn: Turn) -> Vec<Step<'_>> {
    let step = |()| -> Step<'_> {
        Box::new(move || {
            let popped = world.stack.pop();
            turn.note(popped.map_or(turn.noted(), |[value, _]| turn.noted() * 10 + value));
            popped.is_some()
        })
    };
    [(); 3].map(step).into()
}

const PUSH: Scenario = Scenario {
    name: "stack.push, empty",
    set_up: empty,
    operation: push,
    observe,
    before: "0: | 2",
    after: "1: 7 | 2",
    partly: &[],
    withheld: &[],
};

pub const SCENARIOS: &[Scenario] = &[
    PUSH,
    Scenario {
        name: "stack.push, one",
        set_up: one,
        before: "1: 1 | 2",
        after: "2: 7 1 | 2",
        ..PUSH
    },
    Scenario {
        name: "stack.push, used",
        set_up: used,
        before: "1: 1 | 2",
        after: "2: 7 1 | 2",
        ..PUSH
    },
    Scenario {
        name: "stack.push, full",
        set_up: full,
        before: "2: 2 1 | 2",
        after: "2: 2 1 | 2",
        ..PUSH
    },
    Scenario {
        name: "stack.pop, empty",
        operation: pop,
        after: "0: | 2",
        ..PUSH
    },
    Scenario {
        name: "stack.pop, used",
        set_up: used,
        operation: pop,
        before: "1: 1 | 2",
        after: "0: | 2",
        ..PUSH
    },
    Scenario {
        name: "stack.pop, full",
        set_up: full,
        operation: pop,
        before: "2: 2 1 | 2",
        after: "1: 1 | 2",
        ..PUSH
    },
    Scenario {
        name: "stack.peek and len, full",
        set_up: full,
        operation: look,
        before: "2: 2 1 | 2",
        after: "2: 2 1 | 2",
        ..PUSH
    },
    Scenario {
        name: "stack.push_slice, empty",
        operation: push_slice,
        after: "2: 8 7 | 2",
        partly: &["1: 7 | 2"],
        ..PUSH
    },
    Scenario {
        name: "stack.pop_slice, full",
        set_up: full,
        operation: pop_slice,
        before: "2: 2 1 | 2",
        after: "0: | 2",
        partly: &["1: 1 | 2"],
        ..PUSH
    },
];

pub const FAMILY: Family = Family {
    structure: "stack",
    states: &[
        State::new("empty", empty),
        State::new("one", one),
        State::new("full", full),
        State::new("used", used),
    ],
    operations: &[
        Operation::single("push", push),
        Operation::single("pop", pop),
        Operation::single("peek", peek),
        Operation::in_steps("push_slice", push_slice, push_steps),
        Operation::in_steps("pop_slice", pop_slice, pop_steps),
    ],
    observe,
    exceptions: Exceptions::NONE,
};
