//! `Queue`: pushed, popped, loaned, taken and given back.
//!
//! What is taken and not acknowledged comes back, from its consumer or from a dead one, out of order; so a pop or
//! a take may give the oldest element or any that came back, and an element on its way back may be missed.

use super::super::battle::Field;
use super::super::history::Actor;
use super::super::spec::{Call, DIED, SETTLED, Spec};
use crate::{Item, assert_lanes_are_back};
use shm_runtime::{Queue, Segment, ShmLayout};
use std::collections::VecDeque;

pub const PUSH: u32 = 0;
pub const POP: u32 = 1;
const PEEK: u32 = 2;
const TAKE: u32 = 3;
const DONE: u32 = 4;
const BACK: u32 = 5;

/// Elements that there is room for.
pub const CAPACITY: usize = 4;

/// The segment.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 64)]
pub struct Line {
    pub queue: Queue<Item, CAPACITY>,
}

/// A queue, and what was taken from it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct State {
    queue: VecDeque<u64>,
    /// Came back, in order of their numbers: nothing is promised about theirs.
    back: Vec<u64>,
    /// Taken and not acknowledged: by whom, and what.
    held: Vec<(u64, u64)>,
    /// Held by the dead: comes back at any time.
    left: Vec<u64>,
}

impl State {
    fn put_back(&mut self, value: u64) {
        self.back.push(value);
        self.back.sort_unstable();
    }

    /// Every way in which an element can leave.
    fn leave(&self) -> Vec<(u64, Self)> {
        let mut ways = Vec::new();
        if let Some(&value) = self.queue.front() {
            let mut state = self.clone();
            state.queue.pop_front();
            ways.push((value, state));
        }
        for i in 0..self.back.len() {
            let mut state = self.clone();
            ways.push((state.back.remove(i), state));
        }
        for i in 0..self.left.len() {
            let mut state = self.clone();
            ways.push((state.left.remove(i), state));
        }
        ways
    }
}

/// A bounded first-in-first-out queue whose elements may come back.
#[derive(Debug)]
pub struct Fifo;

impl Spec for Fifo {
    type State = State;

    fn start(&self) -> State {
        State::default()
    }

    fn step(&self, state: &State, call: &Call, next: &mut Vec<State>) {
        let who = u64::from(call.who);
        let mut after = state.clone();
        match call.what {
            PUSH => {
                let is_full = state.queue.len() == CAPACITY;
                if call.got.is_none_or(|got| got[0] == u64::from(!is_full)) {
                    if !is_full {
                        after.queue.push_back(call.with[0]);
                    }
                    next.push(after);
                }
            }
            POP | TAKE => {
                let ways = state.leave().into_iter();
                for (value, mut after) in
                    ways.filter(|(value, _)| call.got.is_none_or(|got| got[0] == *value))
                {
                    if call.what == TAKE {
                        after.held.push((who, value));
                        after.held.sort_unstable();
                    }
                    next.push(after);
                }
                let is_empty = state.queue.is_empty() && state.back.is_empty();
                if call.got == Some([0; 2]) && is_empty {
                    next.push(after);
                }
            }
            PEEK if call
                .got
                .is_none_or(|got| got[0] == state.queue.front().copied().unwrap_or(0)) =>
            {
                next.push(after)
            }
            DONE | BACK => {
                let held = state
                    .held
                    .iter()
                    .position(|&held| held == (who, call.with[0]));
                if let Some(held) = held {
                    after.held.remove(held);
                    if call.what == BACK {
                        after.put_back(call.with[0]);
                    }
                    next.push(after);
                }
            }
            DIED => {
                let (dead, alive) = state
                    .held
                    .iter()
                    .partition(|(holder, _)| *holder == call.with[0]);
                let dead: Vec<(u64, u64)> = dead;
                after.held = alive;
                after.left.extend(dead.iter().map(|(_, value)| value));
                after.left.sort_unstable();
                next.push(after);
            }
            SETTLED => {
                let left = core::mem::take(&mut after.left);
                left.into_iter().for_each(|value| after.put_back(value));
                next.push(after);
            }
            _ => {}
        }
    }

    fn name(&self, what: u32) -> &'static str {
        match what {
            DIED => "(died)",
            SETTLED => "(settled)",
            _ => ["push", "pop", "peek", "take", "done", "put back"][what as usize],
        }
    }
}

/// An element as a history has it: torn ones are numbers that nobody pushed.
pub fn number(item: Item) -> u64 {
    if item.is_whole() {
        item.sequence
    } else {
        u64::MAX
    }
}

fn perhaps(got: &Option<Item>) -> [u64; 2] {
    [got.map_or(0, number), 0]
}

pub fn push(queue: &Queue<Item, CAPACITY>, actor: &mut Actor) -> bool {
    let value = actor.value();
    let push = || queue.push(Item::new(1, value)).is_ok();
    actor.call((0, PUSH), [value, 0], push, |&pushed| {
        [u64::from(pushed), 0]
    })
}

pub fn pop(queue: &Queue<Item, CAPACITY>, actor: &mut Actor) -> bool {
    actor
        .call((0, POP), [0; 2], || queue.pop(), perhaps)
        .is_some()
}

/// Pushes through a loan.
fn lend(queue: &Queue<Item, CAPACITY>, actor: &mut Actor) {
    let Ok(mut loan) = queue.loan() else { return };
    let value = actor.value();
    loan.write(Item::new(1, value));
    actor.dither();
    let commit = || loan.commit().is_ok();
    actor.call((0, PUSH), [value, 0], commit, |&pushed| {
        [u64::from(pushed), 0]
    });
}

/// Takes an element, does something else perhaps, and acknowledges it or gives it back.
fn take(queue: &Queue<Item, CAPACITY>, actor: &mut Actor) {
    let take = || queue.take().ok().flatten();
    let taken = actor.call((0, TAKE), [0; 2], take, |taken| {
        [taken.as_ref().map_or(0, |taken| number(taken.get())), 0]
    });
    let Some(taken) = taken else { return };
    actor.dither();
    if actor.random.below(3) == 0 {
        push(queue, actor);
    }
    let value = number(taken.get());
    if actor.random.below(3) == 0 {
        actor.call((0, BACK), [value, 0], || drop(taken), |()| [0; 2]);
    } else {
        actor.call((0, DONE), [value, 0], || taken.done(), |()| [0; 2]);
    }
}

impl Field for Fifo {
    type Schema = Line;
    const NAME: &'static str = "queue";

    fn act(&self, line: &Line, actor: &mut Actor) {
        let queue = &line.queue;
        actor.dither();
        match actor.random.below(16) {
            0..6 => _ = push(queue, actor),
            6 => lend(queue, actor),
            7..12 => _ = pop(queue, actor),
            12 => _ = actor.call((0, PEEK), [0; 2], || queue.peek(), perhaps),
            _ => take(queue, actor),
        }
    }

    fn drain(&self, line: &Segment<Line>, referee: &mut Actor) {
        while pop(&line.queue, referee) {}
    }

    fn examine(&self, line: &Segment<Line>) {
        assert_lanes_are_back(line);
        let (queue, item) = (&line.queue, |number: usize| Item::new(2, number as u64));
        for number in 0..CAPACITY {
            queue.push(item(number)).expect("the capacity is back");
        }
        assert!(queue.push(item(CAPACITY)).is_err(), "and no more");
        let taken: Vec<_> = (0..CAPACITY)
            .map(|_| queue.take().expect("a lane").expect("an element"))
            .collect();
        for number in CAPACITY..2 * CAPACITY {
            queue.push(item(number)).expect("room for what was taken");
        }
        for (number, taken) in taken.into_iter().enumerate() {
            assert_eq!(taken.get(), item(number));
            taken.done();
        }
        for number in CAPACITY..2 * CAPACITY {
            assert_eq!(queue.pop(), Some(item(number)));
        }
        assert_eq!(queue.pop(), None);
    }
}
