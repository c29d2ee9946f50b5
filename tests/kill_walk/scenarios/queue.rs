//! `Queue<Pair, 2>`: each operation over the states empty, one, full, wrapped, with a returned element.

use crate::family::{Exceptions, Family, Operation, State, Step};
use crate::scenario::{Pair, Scenario, World};
use crate::tracee::Turn;
use crate::walk::die_in;
use shm_runtime::{Segment, Taken};
use std::cell::Cell;
use std::rc::Rc;

const fn pair(value: u64) -> Pair {
    [value, value]
}

fn drain(world: &Segment<World>, seen: &mut Vec<String>) {
    while let Some([value, twice]) = world.queue.pop() {
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

/// The elements in order, and how many fit in when all are out.
fn observe(world: &Segment<World>) -> String {
    let mut seen = Vec::new();
    drain(world, &mut seen);
    Segment::recover(world);
    drain(world, &mut seen);
    let room = (0..9)
        .take_while(|&value| world.queue.push(pair(100 + value)).is_ok())
        .count();
    let mut rest = Vec::new();
    drain(world, &mut rest);
    let expected: Vec<_> = (0..room as u64)
        .map(|value| (100 + value).to_string())
        .collect();
    if rest != expected {
        seen.push(format!("then {rest:?}"));
    }
    format!(
        "{}| {room}",
        seen.iter()
            .map(|value| format!("{value} "))
            .collect::<String>()
    )
}

fn empty(_: &Segment<World>) {}

fn one(world: &Segment<World>) {
    world.queue.push(pair(1)).unwrap();
}

fn full(world: &Segment<World>) {
    one(world);
    world.queue.push(pair(2)).unwrap();
}

/// Nodes are not where they were at first, and the positions are in a later lap.
fn wrapped(world: &Segment<World>) {
    for value in 10..15 {
        world.queue.push(pair(value)).unwrap();
        assert_eq!(world.queue.pop(), Some(pair(value)));
    }
    one(world);
}

/// One element came back, one is in its place.
fn returned(world: &Segment<World>) {
    full(world);
    drop(world.queue.take().unwrap());
}

/// An element as a number to note: zero is none.
fn noted(element: Option<Pair>) -> u64 {
    element.map_or(0, |[value, _]| value)
}

/// Somebody died while pushing, and somebody else while recovering that.
fn half_recovered(world: &Segment<World>) {
    one(world);
    die_in(world, push, 6);
    die_in(world, recover, 1);
}

fn recover(world: &Segment<World>, turn: &Turn) {
    turn.run(|| _ = Segment::recover(world));
}

fn push(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(u64::from(world.queue.push(pair(7)).is_ok())));
}

fn pop(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(noted(world.queue.pop())));
}

fn peek(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(noted(world.queue.peek())));
}

fn push_slice(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(world.queue.push_slice(&[pair(7), pair(8), pair(9)]) as u64));
}

/// Notes the elements as digits.
fn pop_slice(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        let mut out = [pair(0); 3];
        let count = world.queue.pop_slice(&mut out);
        turn.note(
            out[..count]
                .iter()
                .fold(0, |digits, [value, _]| digits * 10 + value),
        );
    });
}

fn loan(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        let mut loan = world.queue.loan().unwrap();
        loan.write(pair(7));
        turn.note(u64::from(loan.commit().is_ok()));
    });
}

/// Writes a place that nobody gets to see.
fn loan_and_drop(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        let mut loan = world.queue.loan().unwrap();
        loan.write(pair(7));
        turn.note(noted(Some(loan.get())));
    });
}

/// The same while another place is written, and that one committed.
fn two_loans(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        let [mut dropped, mut loan] = [(); 2].map(|()| world.queue.loan().unwrap());
        dropped.write(pair(7));
        loan.write(pair(8));
        turn.note(u64::from(loan.commit().is_ok()));
        drop(dropped);
    });
}

fn take_done(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        let taken = world.queue.take().unwrap();
        turn.note(noted(taken.as_ref().map(|taken| taken.get())));
        if let Some(taken) = taken {
            taken.done();
        }
    });
}

fn take_back(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        let taken = world.queue.take().unwrap();
        turn.note(noted(taken.as_ref().map(|taken| taken.get())));
        drop(taken);
    });
}

const PUSH: Scenario = Scenario {
    name: "queue.push, empty",
    set_up: empty,
    operation: push,
    observe,
    before: "| 2",
    after: "7 | 2",
    partly: &[],
    withheld: &[],
};

pub const SCENARIOS: &[Scenario] = &[
    PUSH,
    Scenario {
        name: "queue.push, one",
        set_up: one,
        before: "1 | 2",
        after: "1 7 | 2",
        ..PUSH
    },
    Scenario {
        name: "queue.push, wrapped",
        set_up: wrapped,
        before: "1 | 2",
        after: "1 7 | 2",
        ..PUSH
    },
    Scenario {
        name: "queue.push, full",
        set_up: full,
        before: "1 2 | 2",
        after: "1 2 | 2",
        ..PUSH
    },
    Scenario {
        name: "queue.pop, empty",
        operation: pop,
        after: "| 2",
        ..PUSH
    },
    Scenario {
        name: "queue.pop, full",
        set_up: full,
        operation: pop,
        before: "1 2 | 2",
        after: "2 | 2",
        ..PUSH
    },
    Scenario {
        name: "queue.pop, wrapped",
        set_up: wrapped,
        operation: pop,
        before: "1 | 2",
        after: "| 2",
        ..PUSH
    },
    Scenario {
        name: "queue.pop, returned",
        set_up: returned,
        operation: pop,
        before: "1 2 | 2",
        after: "2 | 2",
        ..PUSH
    },
    Scenario {
        name: "queue.peek, full",
        set_up: full,
        operation: peek,
        before: "1 2 | 2",
        after: "1 2 | 2",
        ..PUSH
    },
    Scenario {
        name: "queue.push_slice, one",
        set_up: one,
        operation: push_slice,
        before: "1 | 2",
        after: "1 7 | 2",
        ..PUSH
    },
    Scenario {
        name: "queue.push_slice, empty",
        operation: push_slice,
        after: "7 8 | 2",
        partly: &["7 | 2"],
        ..PUSH
    },
    Scenario {
        name: "queue.pop_slice, full",
        set_up: full,
        operation: pop_slice,
        before: "1 2 | 2",
        after: "| 2",
        partly: &["2 | 2"],
        ..PUSH
    },
    Scenario {
        name: "queue.loan and commit, one",
        set_up: one,
        operation: loan,
        before: "1 | 2",
        after: "1 7 | 2",
        ..PUSH
    },
    Scenario {
        name: "queue.loan and commit, full",
        set_up: full,
        operation: loan,
        before: "1 2 | 2",
        after: "1 2 | 2",
        ..PUSH
    },
    Scenario {
        name: "queue.loan and drop, one",
        set_up: one,
        operation: loan_and_drop,
        before: "1 | 2",
        after: "1 | 2",
        ..PUSH
    },
    Scenario {
        name: "queue.loan two and commit one, one",
        set_up: one,
        operation: two_loans,
        before: "1 | 2",
        after: "1 8 | 2",
        ..PUSH
    },
    Scenario {
        name: "queue.take and done, full",
        set_up: full,
        operation: take_done,
        before: "1 2 | 2",
        after: "2 | 2",
        partly: &["2 1 | 2"], // it comes back behind what was popped meanwhile
        ..PUSH
    },
    Scenario {
        name: "queue.take and drop, full",
        set_up: full,
        operation: take_back,
        before: "1 2 | 2",
        after: "1 2 | 2",
        partly: &["2 1 | 2"],
        withheld: &["2 | 2"],
        ..PUSH
    },
    Scenario {
        name: "queue.take and drop, returned",
        set_up: returned,
        operation: take_back,
        before: "1 2 | 2",
        after: "1 2 | 2",
        partly: &["2 1 | 2"],
        withheld: &["2 | 2"],
        ..PUSH
    },
];

pub const FAMILY: Family = Family {
    structure: "queue",
    states: &[
        State::new("empty", empty),
        State::new("one", one),
        State::new("full", full),
        State::new("wrapped", wrapped),
        State::new("returned", returned),
        State::new("half-recovered", half_recovered),
    ],
    operations: &[
        Operation::single("push", push),
        Operation::single("pop", pop),
        Operation::single("peek", peek),
        Operation::single("loan and commit", loan),
        Operation::in_steps("push_slice", push_slice, push_steps),
        Operation::in_steps("pop_slice", pop_slice, pop_steps),
        Operation::in_steps("take and done", take_done, done_steps),
        Operation::in_steps("take and drop", take_back, drop_steps),
    ],
    observe: observe_recovered,
    exceptions: Exceptions::NONE,
};

/// Loans that are dropped without a commit.
pub const DROPPED: Family = Family {
    structure: "queue",
    states: &[State::new("one", one), State::new("full", full)],
    operations: &[
        Operation::single("loan and drop", loan_and_drop),
        Operation::single("loan two and commit one", two_loans),
        Operation::single("pop", pop),
    ],
    observe: observe_recovered,
    exceptions: Exceptions::NONE,
};

/// As [`observe`], once the dead have given back what they held: where that comes is in [`SCENARIOS`].
fn observe_recovered(world: &Segment<World>) -> String {
    Segment::recover(world);
    observe(world)
}

fn push_steps(world: &Segment<World>, turn: Turn) -> Vec<Step<'_>> {
    let step = |value| -> Step<'_> {
        Box::new(move || {
            let pushed = world.queue.push(pair(value)).is_ok();
            turn.note(turn.noted() + u64::from(pushed));
            pushed
        })
    };
    [7, 8, 9].map(step).into()
}

fn pop_steps(world: &Segment<World>, turn: Turn) -> Vec<Step<'_>> {
    let step = |_| -> Step<'_> {
        Box::new(move || {
            let popped = world.queue.pop();
            turn.note(popped.map_or(turn.noted(), |[value, _]| turn.noted() * 10 + value));
            popped.is_some()
        })
    };
    [(); 3].map(step).into()
}

fn done_steps(world: &Segment<World>, turn: Turn) -> Vec<Step<'_>> {
    taking_steps(world, turn, |taken| taken.done())
}

fn drop_steps(world: &Segment<World>, turn: Turn) -> Vec<Step<'_>> {
    taking_steps(world, turn, drop)
}

fn taking_steps<'w>(
    world: &'w Segment<World>,
    turn: Turn,
    end: fn(Taken<'w, Pair, 2>),
) -> Vec<Step<'w>> {
    let held = Rc::new(Cell::new(None));
    let take = {
        let held = held.clone();
        move || {
            let taken = world.queue.take().unwrap();
            turn.note(noted(taken.as_ref().map(|taken| taken.get())));
            let is_there = taken.is_some();
            held.set(taken);
            is_there
        }
    };
    let end = move || {
        held.take().into_iter().for_each(end);
        false
    };
    vec![Box::new(take), Box::new(end)]
}
