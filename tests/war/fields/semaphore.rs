//! `Semaphore`: permits that are given back, and left behind by the dead.
//!
//! As with a pool, except that nobody can tell one permit from another.

use super::super::battle::Field;
use super::super::history::Actor;
use super::super::spec::{Call, DIED, SETTLED, Spec};
use super::mutex::LONG;
use super::zero;
use crate::assert_lanes_are_back;
use shm_runtime::sync::{Permit, Semaphore};
use shm_runtime::{Segment, ShmLayout};

/// Answers 1, or 0 for none.
const ACQUIRE: u32 = 0;
const RELEASE: u32 = 1;

/// Permits.
const PERMITS: usize = 3;

/// The segment.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 64)]
pub struct Server {
    connections: Semaphore<PERMITS>,
}

/// Who has a permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holder {
    Nobody,
    Living(u32),
    /// And when it was known to be dead.
    Dead(u64),
}

/// Sorted, for permits have no names.
pub type State = [Holder; PERMITS];

/// A few permits.
#[derive(Debug)]
pub struct Permits;

fn with(state: &State, index: usize, holder: Holder) -> State {
    let mut after = *state;
    after[index] = holder;
    after.sort_unstable();
    after
}

impl Spec for Permits {
    type State = State;

    fn start(&self) -> State {
        [Holder::Nobody; PERMITS]
    }

    fn step(&self, state: &State, call: &Call, next: &mut Vec<State>) {
        let mine = Holder::Living(call.who);
        match call.what {
            ACQUIRE => {
                // of somebody who seems to live, too: who dies is dead some time before it is known to be
                let others = (0..PERMITS).filter(|&index| state[index] != mine);
                if call.got != Some([0; 2]) {
                    next.extend(others.map(|index| with(state, index, mine)));
                }
                let held = |holder: &Holder| match *holder {
                    Holder::Nobody => false,
                    Holder::Living(_) => true,
                    Holder::Dead(since) => since > call.began,
                };
                if call.got == Some([0; 2]) && state.iter().all(held) {
                    next.push(*state);
                }
            }
            RELEASE => {
                let index = state.iter().position(|&holder| holder == mine);
                next.extend(index.map(|index| with(state, index, Holder::Nobody)));
            }
            DIED => {
                let dead = Holder::Living(call.with[0] as u32);
                let mut after = *state;
                let theirs = after.iter_mut().filter(|holder| **holder == dead);
                theirs.for_each(|holder| *holder = Holder::Dead(call.began));
                after.sort_unstable();
                next.push(after);
            }
            SETTLED => next.push(*state),
            _ => {}
        }
    }

    fn name(&self, what: u32) -> &'static str {
        let names = ["acquire", "release"];
        names.get(what as usize).unwrap_or(&"(referee)")
    }
}

type Guard<'a> = Permit<'a, PERMITS>;

fn acquire<'a>(server: &'a Server, actor: &mut Actor, waits: bool) -> Option<Guard<'a>> {
    let permits = &server.connections;
    let acquire = || match waits {
        true => Some(permits.acquire_wait(LONG).expect("slept through")),
        false => permits.try_acquire(),
    };
    actor.call((0, ACQUIRE), [0; 2], acquire, |got| {
        [u64::from(got.is_some()), 0]
    })
}

fn release(permit: Guard<'_>, actor: &mut Actor) {
    actor.call((0, RELEASE), [0; 2], || permit.release(), |()| [0; 2]);
}

impl Field for Permits {
    type Schema = Server;
    const NAME: &'static str = "semaphore";
    const BLOCKS: bool = true;

    fn act(&self, server: &Server, actor: &mut Actor) {
        actor.dither();
        // one that waits has none itself, so that those who have some can go on
        let waits = actor.random.below(3) == 0;
        let Some(first) = acquire(server, actor, waits) else {
            return;
        };
        actor.dither();
        let second = match actor.random.below(3) {
            0 => acquire(server, actor, false),
            _ => None,
        };
        release(first, actor);
        if let Some(second) = second {
            release(second, actor);
        }
    }

    fn drain(&self, server: &Segment<Server>, referee: &mut Actor) {
        let all: Vec<_> = (0..=PERMITS)
            .filter_map(|_| acquire(server, referee, false))
            .collect();
        all.into_iter().for_each(|permit| release(permit, referee));
    }

    fn restore(&self, server: &Segment<Server>) {
        zero(server, "connections");
    }

    fn examine(&self, server: &Segment<Server>) {
        assert_lanes_are_back(server);
        assert_eq!(server.connections.available(), PERMITS);
    }
}
