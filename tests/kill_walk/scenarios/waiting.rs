//! Operations that sleep, and those that wake them.

use crate::asleep::Waiting;
use crate::scenario::{Scenario, World};
use crate::tracee::Turn;
use shm_runtime::Segment;
use shm_runtime::memory::{
    owner::WATCH,
    signals::{ROUND, SLICE},
};
use std::time::Duration;

/// Longer than anything that does not hang.
const LONG: Duration = Duration::from_secs(600);

/// A process of a waiting: only its operation and the state count.
const fn process(
    name: &'static str,
    set_up: fn(&Segment<World>),
    operation: fn(&Segment<World>, &Turn),
) -> Scenario {
    Scenario {
        name,
        set_up,
        operation,
        observe: |_| String::new(),
        before: "",
        after: "",
        partly: &[],
        withheld: &[],
    }
}

fn nothing(_: &Segment<World>) {}

fn full(world: &Segment<World>) {
    while world.queue.push([1, 1]).is_ok() {}
}

fn pop_wait(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(world.queue.pop_wait(LONG).map_or(0, |[value, _]| value)));
}

fn push_wait(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(u64::from(world.queue.push_wait([7, 7], LONG).is_ok())));
}

fn push(world: &Segment<World>, turn: &Turn) {
    turn.run(|| _ = world.queue.push([7, 7]));
}

fn push_slice(world: &Segment<World>, turn: &Turn) {
    turn.run(|| _ = world.queue.push_slice(&[[7, 7], [8, 8]]));
}

fn commit(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        let mut loan = world.queue.loan().unwrap();
        loan.write([7, 7]);
        _ = loan.commit();
    });
}

fn pop(world: &Segment<World>, turn: &Turn) {
    turn.run(|| _ = world.queue.pop());
}

fn take(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        world
            .queue
            .take()
            .unwrap()
            .into_iter()
            .for_each(|taken| taken.done())
    });
}

const POP_WAIT: Waiting = Waiting {
    sleeper: process("queue.pop_wait", nothing, pop_wait),
    waker: process("push", nothing, push),
    flag: ("queue", 0x10C),
    round: ROUND,
    is_ready: |world| !world.queue.is_empty(),
    help: Some(|world| _ = world.queue.push([9, 9])),
    is_woken: true,
};

const PUSH_WAIT: Waiting = Waiting {
    sleeper: process("queue.push_wait", full, push_wait),
    waker: process("pop", full, pop),
    flag: ("queue", 0x114),
    round: ROUND,
    is_ready: |world| world.queue.len() < 2,
    help: Some(|world| _ = world.queue.pop()),
    is_woken: true,
};

fn consume(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        let mut role = world.spsc.consumer().unwrap();
        turn.note(role.pop_wait(LONG).map_or(0, |[value, _]| value));
    });
}

fn produce(world: &Segment<World>, turn: &Turn) {
    turn.run(|| _ = world.spsc.producer().unwrap().push([7, 7]));
}

fn lease_one(world: &Segment<World>) {
    _ = world.pool.acquire().unwrap().keep();
}

fn acquire_wait(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        let lease = world.pool.acquire_wait(LONG);
        turn.note(u64::from(lease.is_ok()));
    });
}

/// It has the other object on lease before its turn.
fn release(world: &Segment<World>, turn: &Turn) {
    let handle = world.pool.acquire().unwrap().keep();
    turn.run(|| _ = world.pool.release(handle));
}

pub const WAITING: &[Waiting] = &[
    POP_WAIT,
    Waiting {
        waker: process("push_slice", nothing, push_slice),
        ..POP_WAIT
    },
    Waiting {
        waker: process("loan and commit", nothing, commit),
        ..POP_WAIT
    },
    PUSH_WAIT,
    Waiting {
        waker: process("take and done", full, take),
        ..PUSH_WAIT
    },
    Waiting {
        sleeper: process("spsc.pop_wait", nothing, consume),
        waker: process("push", nothing, produce),
        flag: ("spsc", 0x20C),
        round: SLICE,
        is_ready: |world| !world.spsc.is_empty(),
        help: Some(|world| _ = world.spsc.producer().unwrap().push([9, 9])),
        is_woken: false, // by a producer that it has not known before
    },
    Waiting {
        sleeper: process("pool.acquire_wait", lease_one, acquire_wait),
        waker: process("release", lease_one, release),
        flag: ("pool", 4),
        round: WATCH,
        is_ready: |world| world.pool.leased() < 2,
        help: None,
        is_woken: true,
    },
];
