//! `Queue` with operations that sleep: nobody sleeps on although there is something to do.
//!
//! A sleeper has a minute; the war hangs, and says so, if one is not woken.

use super::super::battle::Field;
use super::super::history::Actor;
use super::super::spec::{Call, Spec};
use super::queue::{self, CAPACITY, Fifo, Line, POP, PUSH, State, number};
use crate::Item;
use shm_runtime::{Queue, Segment};
use std::time::Duration;

/// Longer than anything that does not hang.
const LONG: Duration = Duration::from_secs(60);

/// The same queue; even seats push, odd ones pop.
#[derive(Debug)]
pub struct Waiting;

impl Spec for Waiting {
    type State = State;

    fn start(&self) -> State {
        Fifo.start()
    }

    fn step(&self, state: &State, call: &Call, next: &mut Vec<State>) {
        Fifo.step(state, call, next);
    }

    fn name(&self, what: u32) -> &'static str {
        Fifo.name(what)
    }
}

fn push_wait(queue: &Queue<Item, CAPACITY>, actor: &mut Actor) {
    let value = actor.value();
    let push = || queue.push_wait(Item::new(1, value), LONG).is_ok();
    let pushed = actor.call((0, PUSH), [value, 0], push, |&pushed| {
        [u64::from(pushed), 0]
    });
    assert!(pushed, "slept through: there was room");
}

fn pop_wait(queue: &Queue<Item, CAPACITY>, actor: &mut Actor) {
    let pop = || queue.pop_wait(LONG).ok();
    let popped = actor.call((0, POP), [0; 2], pop, |got| [got.map_or(0, number), 0]);
    assert!(popped.is_some(), "slept through: there was an element");
}

impl Field for Waiting {
    type Schema = Line;
    const NAME: &'static str = "waiting";
    const HELPS: bool = true;

    fn act(&self, line: &Line, actor: &mut Actor) {
        actor.dither();
        if actor.seat.is_multiple_of(2) {
            push_wait(&line.queue, actor);
        } else {
            pop_wait(&line.queue, actor);
        }
    }

    /// Gives those who are left what they wait for, once nobody else can.
    fn help(&self, line: &Segment<Line>, referee: &mut Actor, alive: &[u32]) {
        let pushers = alive.iter().filter(|seat| seat.is_multiple_of(2)).count();
        if referee.is_full() {
            return;
        }
        if pushers == 0 && line.queue.is_empty() {
            queue::push(&line.queue, referee);
        } else if pushers == alive.len() && line.queue.len() == CAPACITY {
            queue::pop(&line.queue, referee);
        }
    }

    fn drain(&self, line: &Segment<Line>, referee: &mut Actor) {
        Fifo.drain(line, referee);
    }

    fn examine(&self, line: &Segment<Line>) {
        Fifo.examine(line);
    }
}
