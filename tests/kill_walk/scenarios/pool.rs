//! `Pool<Pair, 2>`: leasing and giving back, over none, one, all leased, and all leased to the dead.

use crate::family::{Exceptions, Family, Operation, State, Step};
use crate::scenario::{Scenario, World, by_the_dead};
use crate::tracee::Turn;
use shm_runtime::{Handle, Segment};
use std::cell::Cell;
use std::rc::Rc;

/// How many objects can be leased.
fn observe(world: &Segment<World>) -> String {
    let free: Vec<_> = (0..9).map_while(|_| world.pool.acquire()).collect();
    format!("{} free", free.len())
}

fn free(_: &Segment<World>) {}

fn one(world: &Segment<World>) {
    let mut lease = world.pool.acquire().unwrap();
    lease.write([5, 5]);
    assert_eq!(lease.keep(), FIRST);
}

fn leased(world: &Segment<World>) {
    one(world);
    _ = world.pool.acquire().unwrap().keep();
}

fn dead(world: &Segment<World>) {
    by_the_dead(world, leased);
}

/// The first object's first lease.
const FIRST: Handle = Handle::from_bits(1 << 28);

fn acquire(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        let lease = world.pool.acquire();
        turn.note(u64::from(lease.is_some()));
        lease.map(|lease| lease.keep());
    });
}

fn acquire_steps(world: &Segment<World>, turn: Turn) -> Vec<Step<'_>> {
    let held = Cell::new(None);
    let acquire = move || {
        let lease = world.pool.acquire();
        turn.note(u64::from(lease.is_some()));
        held.set(lease);
        false
    };
    vec![sweep(world), Box::new(acquire)]
}

/// What the dead held may be free before the operation is over that asked for it.
fn sweep(world: &Segment<World>) -> Step<'_> {
    Box::new(|| {
        world.pool.recover();
        true
    })
}

fn acquire_and_release(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        let lease = world.pool.acquire();
        turn.note(u64::from(lease.is_some()));
        drop(lease);
    });
}

fn release_steps(world: &Segment<World>, turn: Turn) -> Vec<Step<'_>> {
    let held = Rc::new(Cell::new(None));
    let acquire = {
        let held = held.clone();
        move || {
            let lease = world.pool.acquire();
            let is_there = lease.is_some();
            turn.note(u64::from(is_there));
            held.set(lease);
            is_there
        }
    };
    let release = move || {
        drop(held.take());
        false
    };
    vec![sweep(world), Box::new(acquire), Box::new(release)]
}

fn get(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(world.pool.get(FIRST).map_or(0, |[value, _]| value)));
}

fn recover(world: &Segment<World>, turn: &Turn) {
    turn.run(|| _ = world.pool.recover());
}

const ACQUIRE: Scenario = Scenario {
    name: "pool.acquire, free",
    set_up: free,
    operation: acquire,
    observe,
    before: "2 free",
    after: "2 free", // the dead have no leases
    partly: &[],
    withheld: &["1 free"],
};

pub const SCENARIOS: &[Scenario] = &[
    ACQUIRE,
    Scenario {
        name: "pool.acquire, dead",
        set_up: dead,
        ..ACQUIRE
    },
    Scenario {
        name: "pool.acquire and release, free",
        operation: acquire_and_release,
        ..ACQUIRE
    },
    Scenario {
        name: "pool.recover, dead",
        set_up: dead,
        operation: recover,
        withheld: &[],
        ..ACQUIRE
    },
];

pub const FAMILY: Family = Family {
    structure: "pool",
    states: &[
        State::new("free", free),
        State::new("one", one),
        State::new("leased", leased),
        State::new("dead", dead),
    ],
    operations: &[
        Operation::in_steps("acquire", acquire, acquire_steps),
        Operation::in_steps("acquire and release", acquire_and_release, release_steps),
        Operation::single("get", get),
        Operation::single("recover", recover),
    ],
    observe,
    exceptions: Exceptions::NONE,
};
