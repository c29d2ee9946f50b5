//! `Stack`: pushed, popped, peeked at and counted; and with operations that sleep.

use super::super::battle::Field;
use super::super::history::Actor;
use super::super::spec::{Call, DIED, SETTLED, Spec};
use super::queue::number;
use crate::{Item, assert_lanes_are_back};
use shm_runtime::{Segment, ShmLayout, Stack};
use std::time::Duration;

const PUSH: u32 = 0;
const POP: u32 = 1;
const PEEK: u32 = 2;
const LEN: u32 = 3;

/// Elements that there is room for.
const CAPACITY: usize = 3;
/// Longer than anything that does not hang.
const LONG: Duration = Duration::from_secs(60);

/// The segment.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 64)]
pub struct Pile {
    stack: Stack<Item, CAPACITY>,
}

/// A bounded last-in-first-out stack.
#[derive(Debug)]
pub struct Lifo;

impl Spec for Lifo {
    type State = Vec<u64>;

    fn start(&self) -> Vec<u64> {
        Vec::new()
    }

    fn step(&self, stack: &Vec<u64>, call: &Call, next: &mut Vec<Vec<u64>>) {
        let mut after = stack.clone();
        let is_full = stack.len() == CAPACITY;
        let answer = match call.what {
            DIED | SETTLED => return next.push(after),
            PUSH => {
                after.extend((!is_full).then_some(call.with[0]));
                u64::from(!is_full)
            }
            POP => after.pop().unwrap_or(0),
            PEEK => stack.last().copied().unwrap_or(0),
            _ => stack.len() as u64,
        };
        if call.got.is_none_or(|got| got[0] == answer) {
            next.push(after);
        }
    }

    fn name(&self, what: u32) -> &'static str {
        let names = ["push", "pop", "peek", "len"];
        names.get(what as usize).unwrap_or(&"(referee)")
    }
}

fn push(stack: &Stack<Item, CAPACITY>, actor: &mut Actor, waits: bool) {
    let value = actor.value();
    let push = || match waits {
        true => stack.push_wait(Item::new(1, value), LONG).is_ok(),
        false => stack.push(Item::new(1, value)).is_ok(),
    };
    let pushed = actor.call((0, PUSH), [value, 0], push, |&pushed| {
        [u64::from(pushed), 0]
    });
    assert!(pushed || !waits, "slept through: there was room");
}

fn pop(stack: &Stack<Item, CAPACITY>, actor: &mut Actor, waits: bool) -> bool {
    let pop = || match waits {
        true => stack.pop_wait(LONG).ok(),
        false => stack.pop(),
    };
    let popped = actor.call((0, POP), [0; 2], pop, |got| [got.map_or(0, number), 0]);
    assert!(
        popped.is_some() || !waits,
        "slept through: there was an element"
    );
    popped.is_some()
}

impl Field for Lifo {
    type Schema = Pile;
    const NAME: &'static str = "stack";

    fn act(&self, Pile { stack }: &Pile, actor: &mut Actor) {
        actor.dither();
        match actor.random.below(16) {
            0..7 => push(stack, actor, false),
            7..13 => _ = pop(stack, actor, false),
            13 => _ = actor.call((0, LEN), [0; 2], || stack.len(), |&len| [len as u64, 0]),
            _ => {
                let top = |top: &Option<Item>| [top.map_or(0, number), 0];
                actor.call((0, PEEK), [0; 2], || stack.peek(), top);
            }
        }
    }

    fn drain(&self, pile: &Segment<Pile>, referee: &mut Actor) {
        while pop(&pile.stack, referee, false) {}
    }

    fn examine(&self, pile: &Segment<Pile>) {
        assert_lanes_are_back(pile);
        let (stack, item) = (&pile.stack, |number: usize| Item::new(2, number as u64));
        assert_eq!(stack.push_slice(&[0, 1, 2, 3].map(item)), CAPACITY);
        assert!(stack.is_full());
        for number in (0..CAPACITY).rev() {
            assert_eq!(stack.pop(), Some(item(number)));
        }
        assert!(stack.is_empty());
    }
}

/// The same stack; even seats push, odd ones pop, and all sleep where they cannot.
#[derive(Debug)]
pub struct Sleepy;

impl Spec for Sleepy {
    type State = Vec<u64>;

    fn start(&self) -> Vec<u64> {
        Lifo.start()
    }

    fn step(&self, stack: &Vec<u64>, call: &Call, next: &mut Vec<Vec<u64>>) {
        Lifo.step(stack, call, next);
    }

    fn name(&self, what: u32) -> &'static str {
        Lifo.name(what)
    }
}

impl Field for Sleepy {
    type Schema = Pile;
    const NAME: &'static str = "stack-waiting";
    const HELPS: bool = true;

    fn act(&self, Pile { stack }: &Pile, actor: &mut Actor) {
        actor.dither();
        if actor.seat.is_multiple_of(2) {
            push(stack, actor, true);
        } else {
            pop(stack, actor, true);
        }
    }

    /// Gives those who are left what they wait for, once nobody else can.
    fn help(&self, pile: &Segment<Pile>, referee: &mut Actor, alive: &[u32]) {
        let pushers = alive.iter().filter(|seat| seat.is_multiple_of(2)).count();
        if referee.is_full() {
            return;
        }
        if pushers == 0 && pile.stack.is_empty() {
            push(&pile.stack, referee, false);
        } else if pushers == alive.len() && pile.stack.is_full() {
            pop(&pile.stack, referee, false);
        }
    }

    fn drain(&self, pile: &Segment<Pile>, referee: &mut Actor) {
        Lifo.drain(pile, referee);
    }

    fn examine(&self, pile: &Segment<Pile>) {
        Lifo.examine(pile);
    }
}
