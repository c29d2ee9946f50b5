//! Numbers that are changed in one step: `Atomic` and the elements of an `Array`.

use super::super::battle::Field;
use super::super::history::Actor;
use super::super::spec::{Call, DIED, SETTLED, Spec};
use super::weighted;
use shm_runtime::{Array, Atomic, Segment, ShmLayout};

const LOAD: u32 = 0;
const STORE: u32 = 1;
const SWAP: u32 = 2;
const EXCHANGE: u32 = 3;
const ADD: u32 = 4;

/// Elements of the array; object 0 is the atomic, the others are they.
const CELLS: u64 = 2;

/// The segment.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 64)]
pub struct Numbers {
    one: Atomic<u64>,
    many: Array<u64, { CELLS as usize }>,
}

/// A number.
#[derive(Debug)]
pub struct Number;

impl Spec for Number {
    type State = u64;

    fn start(&self) -> u64 {
        0
    }

    fn step(&self, &now: &u64, call: &Call, next: &mut Vec<u64>) {
        let [a, b] = call.with;
        let was = call.got.is_none_or(|got| got[0] == now);
        match call.what {
            DIED | SETTLED => next.push(now),
            STORE => next.push(a),
            LOAD if was => next.push(now),
            SWAP if was => next.push(a),
            ADD if was => next.push(now.wrapping_add(a)),
            EXCHANGE if was => next.push(if now == a { b } else { now }),
            _ => {}
        }
    }

    fn name(&self, what: u32) -> &'static str {
        let names = ["load", "store", "swap", "compare_exchange", "fetch_add"];
        names.get(what as usize).unwrap_or(&"(referee)")
    }
}

impl Field for Number {
    type Schema = Numbers;
    const NAME: &'static str = "atomic";

    fn objects(&self) -> u32 {
        1 + CELLS as u32
    }

    fn act(&self, numbers: &Numbers, actor: &mut Actor) {
        let object = actor.random.below(1 + CELLS) as u32;
        let i = object.wrapping_sub(1) as usize;
        let (one, many) = (&numbers.one, &numbers.many);
        let choices = [(2, LOAD), (1, STORE), (2, SWAP), (2, EXCHANGE), (2, ADD)];
        let what = weighted(&mut actor.random, &choices);
        let value = actor.value();
        let number = |got: &u64| [*got, 0];
        actor.dither();
        match (what, object) {
            (LOAD, 0) => _ = actor.call((object, what), [0; 2], || one.load(), number),
            (LOAD, _) => _ = actor.call((object, what), [0; 2], || many.load(i), number),
            (STORE, 0) => actor.call((object, what), [value, 0], || one.store(value), |()| [0; 2]),
            (STORE, _) => actor.call(
                (object, what),
                [value, 0],
                || many.store(i, value),
                |()| [0; 2],
            ),
            (SWAP, 0) => _ = actor.call((object, what), [value, 0], || one.swap(value), number),
            (SWAP, _) => _ = actor.call((object, what), [value, 0], || many.swap(i, value), number),
            (ADD, 0) => _ = actor.call((object, what), [value, 0], || one.fetch_add(value), number),
            (ADD, _) => {
                _ = actor.call(
                    (object, what),
                    [value, 0],
                    || many.fetch_add(i, value),
                    number,
                );
            }
            _ => {
                let now = if object == 0 {
                    one.load()
                } else {
                    many.load(i)
                };
                let exchange = || match object {
                    0 => one.compare_exchange(now, value),
                    _ => many.compare_exchange(i, now, value),
                };
                let found = |found: &Result<u64, u64>| [found.unwrap_or_else(|found| found), 0];
                let _ = actor.call((object, what), [now, value], exchange, found);
            }
        }
    }

    fn drain(&self, numbers: &Segment<Numbers>, referee: &mut Actor) {
        for object in 0..=CELLS as u32 {
            let load = || match object {
                0 => numbers.one.load(),
                _ => numbers.many.load(object as usize - 1),
            };
            referee.call((object, LOAD), [0; 2], load, |got| [*got, 0]);
        }
    }

    fn restore(&self, numbers: &Segment<Numbers>) {
        numbers.one.store(0);
        numbers.many.fill(0);
    }
}

/// A number whose additions are two steps: what the war must catch.
#[derive(Debug)]
pub struct Careless;

impl Spec for Careless {
    type State = u64;

    fn start(&self) -> u64 {
        0
    }

    fn step(&self, now: &u64, call: &Call, next: &mut Vec<u64>) {
        Number.step(now, call, next);
    }

    fn name(&self, what: u32) -> &'static str {
        Number.name(what)
    }
}

impl Field for Careless {
    type Schema = Numbers;
    const NAME: &'static str = "careless";

    fn act(&self, numbers: &Numbers, actor: &mut Actor) {
        let value = actor.value();
        let hasty = actor.random.below(2) == 0;
        let add = || {
            let now = numbers.one.load();
            if hasty {
                std::thread::yield_now();
            }
            numbers.one.store(now.wrapping_add(value));
            now
        };
        actor.call((0, ADD), [value, 0], add, |got| [*got, 0]);
    }

    fn drain(&self, numbers: &Segment<Numbers>, referee: &mut Actor) {
        referee.call((0, LOAD), [0; 2], || numbers.one.load(), |got| [*got, 0]);
    }

    fn restore(&self, numbers: &Segment<Numbers>) {
        numbers.one.store(0);
    }
}
