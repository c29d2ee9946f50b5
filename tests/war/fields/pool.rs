//! `Pool`: leased, given back, and left behind by the dead.
//!
//! Nobody is told that there is none while somebody who was dead before he asked still has one. Who dies is dead some
//! time before it is known to be; so an object may pass from one who seems to live to another, but
//! then the first one never gives it back.

use super::super::battle::Field;
use super::super::history::Actor;
use super::super::spec::{Call, DIED, SETTLED, Spec};
use super::zero;
use crate::assert_lanes_are_back;
use shm_runtime::{Pool, Segment, ShmLayout};
use std::time::Duration;

const ACQUIRE: u32 = 0;
const RELEASE: u32 = 1;

/// Objects.
const CAPACITY: usize = 3;
/// Longer than anything that does not hang.
const LONG: Duration = Duration::from_secs(60);

/// The segment.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 64)]
pub struct Objects {
    pool: Pool<[u64; 2], CAPACITY>,
}

/// Who has an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Holder {
    Nobody,
    Living(u32),
    /// And when it was known to be dead.
    Dead(u64),
}

/// How often each object was leased, and to whom it is.
pub type State = [(u64, Holder); CAPACITY];

/// Objects on lease.
#[derive(Debug)]
pub struct Leases;

impl Spec for Leases {
    type State = State;

    fn start(&self) -> State {
        [(0, Holder::Nobody); CAPACITY]
    }

    fn step(&self, state: &State, call: &Call, next: &mut Vec<State>) {
        match call.what {
            ACQUIRE => {
                for (index, (generation, holder)) in state.iter().enumerate() {
                    let lease = [index as u64 + 1, generation + 1];
                    let free = *holder != Holder::Living(call.who);
                    if free && call.got.is_none_or(|got| got == lease) {
                        let mut after = *state;
                        after[index] = (generation + 1, Holder::Living(call.who));
                        next.push(after);
                    }
                }
                let held = |holder: &Holder| match *holder {
                    Holder::Nobody => false,
                    Holder::Living(_) => true,
                    Holder::Dead(since) => since > call.began,
                };
                if call.got == Some([0; 2]) && state.iter().all(|(_, holder)| held(holder)) {
                    next.push(*state);
                }
            }
            RELEASE => {
                let index = call.with[0] as usize - 1;
                if state[index] == (call.with[1], Holder::Living(call.who)) {
                    let mut after = *state;
                    after[index].1 = Holder::Nobody;
                    next.push(after);
                }
            }
            DIED => {
                let mut after = *state;
                for (_, holder) in &mut after {
                    if *holder == Holder::Living(call.with[0] as u32) {
                        *holder = Holder::Dead(call.began);
                    }
                }
                next.push(after);
            }
            SETTLED => next.push(*state),
            _ => {}
        }
    }

    fn name(&self, what: u32) -> &'static str {
        match what {
            DIED => "(died)",
            SETTLED => "(settled)",
            _ => ["acquire", "release"][what as usize],
        }
    }
}

type Guard<'a> = shm_runtime::Lease<'a, [u64; 2], CAPACITY>;

fn lease_of(guard: &Guard<'_>) -> [u64; 2] {
    [
        guard.handle().index() as u64 + 1,
        guard.handle().generation(),
    ]
}

fn acquire<'a>(objects: &'a Objects, actor: &mut Actor, waits: bool) -> Option<Guard<'a>> {
    let acquire = || match waits {
        true => Some(objects.pool.acquire_wait(LONG).expect("slept through")),
        false => objects.pool.acquire(),
    };
    actor.call((0, ACQUIRE), [0; 2], acquire, |got| {
        got.as_ref().map_or([0; 2], lease_of)
    })
}

fn release(guard: Guard<'_>, actor: &mut Actor) {
    let lease = lease_of(&guard);
    actor.call((0, RELEASE), lease, || drop(guard), |()| [0; 2]);
}

impl Field for Leases {
    type Schema = Objects;
    const NAME: &'static str = "pool";
    const BLOCKS: bool = true;

    fn objects(&self) -> u32 {
        1
    }

    fn act(&self, objects: &Objects, actor: &mut Actor) {
        actor.dither();
        // one that waits has none itself, so that those who have some can go on
        let waits = actor.random.below(3) == 0;
        let Some(mut first) = acquire(objects, actor, waits) else {
            return;
        };
        let value = actor.value();
        first.write([value; 2]);
        actor.dither();
        let second = match actor.random.below(3) {
            0 => acquire(objects, actor, false),
            _ => None,
        };
        assert_eq!(first.get(), [value; 2], "somebody else wrote it");
        assert_eq!(objects.pool.get(first.handle()), Some([value; 2]));
        release(first, actor);
        if let Some(second) = second {
            release(second, actor);
        }
    }

    fn drain(&self, objects: &Segment<Objects>, referee: &mut Actor) {
        let all: Vec<_> = (0..=CAPACITY)
            .filter_map(|_| acquire(objects, referee, false))
            .collect();
        all.into_iter().for_each(|guard| release(guard, referee));
    }

    fn restore(&self, objects: &Segment<Objects>) {
        zero(objects, "pool"); // the next history counts leases from zero
    }

    fn examine(&self, objects: &Segment<Objects>) {
        assert_lanes_are_back(objects);
        assert_eq!(objects.pool.leased(), 0);
    }
}
