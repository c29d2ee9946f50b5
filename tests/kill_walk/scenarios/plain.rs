//! `Atomic<u64>` and `Array<u64, 4>`: memory, each element of which changes in one step.

use crate::family::{Exceptions, Family, Operation, State, Step};
use crate::scenario::{Scenario, World};
use crate::tracee::Turn;
use shm_runtime::Segment;
use std::cell::Cell;
use std::rc::Rc;

fn value(world: &Segment<World>) -> String {
    world.counter.load().to_string()
}

fn values(world: &Segment<World>) -> String {
    format!("{:?}", world.cells.iter().collect::<Vec<_>>())
}

fn zero(_: &Segment<World>) {}

fn some(world: &Segment<World>) {
    world.counter.store(5);
    world.cells.write_from(0, &[1, 2, 3, 4]);
}

fn fetch_add(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(world.counter.fetch_add(1)));
}

fn swap(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(world.counter.swap(9)));
}

fn exchange(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        turn.note(
            world
                .counter
                .compare_exchange(5, 8)
                .unwrap_or_else(|found| found),
        )
    });
}

fn update(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(world.counter.update(|value| value * 2)));
}

fn store(world: &Segment<World>, turn: &Turn) {
    turn.run(|| world.counter.store(3));
}

fn load(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(world.counter.load()));
}

fn set(world: &Segment<World>, turn: &Turn) {
    turn.run(|| world.cells.set(1, 6));
}

fn add_in_place(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(world.cells.fetch_add(1, 10)));
}

fn swap_in_place(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(world.cells.swap(1, 5)));
}

fn exchange_in_place(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        let exchanged = world.cells.compare_exchange(1, 2, 3);
        turn.note(exchanged.unwrap_or_else(|found| found));
    });
}

fn copy_up(world: &Segment<World>, turn: &Turn) {
    turn.run(|| world.cells.copy_within(0..3, 1));
}

fn copy_up_steps(world: &Segment<World>, _: Turn) -> Vec<Step<'_>> {
    copy_steps(world, [(2, 3), (1, 2), (0, 1)])
}

fn copy_down(world: &Segment<World>, turn: &Turn) {
    turn.run(|| world.cells.copy_within(1..4, 0));
}

fn copy_down_steps(world: &Segment<World>, _: Turn) -> Vec<Step<'_>> {
    copy_steps(world, [(1, 0), (2, 1), (3, 2)])
}

/// Each is read, and then written.
fn copy_steps(world: &Segment<World>, copies: [(usize, usize); 3]) -> Vec<Step<'_>> {
    let value = Rc::new(Cell::new(0));
    let mut steps: Vec<Step<'_>> = Vec::new();
    for (from, to) in copies {
        let [read, written] = [value.clone(), value.clone()];
        steps.push(Box::new(move || {
            read.set(world.cells.get(from));
            true
        }));
        steps.push(Box::new(move || {
            world.cells.set(to, written.get());
            true
        }));
    }
    steps
}

fn fill(world: &Segment<World>, turn: &Turn) {
    turn.run(|| world.cells.fill(7));
}

fn fill_steps(world: &Segment<World>, _: Turn) -> Vec<Step<'_>> {
    let step = |i| -> Step<'_> {
        Box::new(move || {
            world.cells.set(i, 7);
            true
        })
    };
    [0, 1, 2, 3].map(step).into()
}

fn write_from(world: &Segment<World>, turn: &Turn) {
    turn.run(|| world.cells.write_from(1, &[8, 9]));
}

fn write_steps(world: &Segment<World>, _: Turn) -> Vec<Step<'_>> {
    let step = |(i, value)| -> Step<'_> {
        Box::new(move || {
            world.cells.set(i, value);
            true
        })
    };
    [(1, 8), (2, 9)].map(step).into()
}

fn read_into(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        let mut out = [0; 2];
        world.cells.read_into(1, &mut out);
        turn.note(out[0] * 100 + out[1]);
    });
}

fn read_steps(world: &Segment<World>, turn: Turn) -> Vec<Step<'_>> {
    let step = |i| -> Step<'_> {
        Box::new(move || {
            turn.note(turn.noted() * 100 + world.cells.get(i));
            true
        })
    };
    [1, 2].map(step).into()
}

pub const ATOMIC: Family = Family {
    structure: "atomic",
    states: &[State::new("zero", zero), State::new("some", some)],
    operations: &[
        Operation::single("fetch_add", fetch_add),
        Operation::single("swap", swap),
        Operation::single("compare_exchange", exchange),
        Operation::single("update", update),
        Operation::single("store", store),
        Operation::single("load", load),
    ],
    observe: value,
    exceptions: Exceptions::NONE,
};

pub const ARRAY: Family = Family {
    structure: "array",
    states: &[State::new("zero", zero), State::new("some", some)],
    operations: &[
        Operation::single("set", set),
        Operation::single("fetch_add", add_in_place),
        Operation::single("swap", swap_in_place),
        Operation::single("compare_exchange", exchange_in_place),
        Operation::in_steps("fill", fill, fill_steps),
        Operation::in_steps("write_from", write_from, write_steps),
        Operation::in_steps("read_into", read_into, read_steps),
        Operation::in_steps("copy_within, up", copy_up, copy_up_steps),
        Operation::in_steps("copy_within, down", copy_down, copy_down_steps),
    ],
    observe: values,
    exceptions: Exceptions::NONE,
};

const ADD: Scenario = Scenario {
    name: "atomic.fetch_add, some",
    set_up: some,
    operation: fetch_add,
    observe: value,
    before: "5",
    after: "6",
    partly: &[],
    withheld: &[],
};

pub const SCENARIOS: &[Scenario] = &[
    ADD,
    Scenario {
        name: "array.fill, some",
        operation: fill,
        observe: values,
        before: "[1, 2, 3, 4]",
        after: "[7, 7, 7, 7]",
        partly: &["[7, 2, 3, 4]", "[7, 7, 3, 4]", "[7, 7, 7, 4]"],
        ..ADD
    },
    Scenario {
        name: "array.copy_within, up",
        operation: copy_up,
        observe: values,
        before: "[1, 2, 3, 4]",
        after: "[1, 1, 2, 3]",
        partly: &["[1, 2, 3, 3]", "[1, 2, 2, 3]"],
        ..ADD
    },
    Scenario {
        name: "array.copy_within, down",
        operation: copy_down,
        observe: values,
        before: "[1, 2, 3, 4]",
        after: "[2, 3, 4, 4]",
        partly: &["[2, 2, 3, 4]", "[2, 3, 3, 4]"],
        ..ADD
    },
];
