//! `Spsc`: one process pushes, one pops, and successors take the dead ones' roles over.
//!
//! Several at once are one step here, so a slice is one call.

use super::super::battle::Field;
use super::super::history::Actor;
use super::super::spec::{Call, DIED, SETTLED, Spec};
use super::queue::number;
use crate::{Item, assert_lanes_are_back};
use shm_runtime::{Consumer, Producer, Segment, ShmLayout, Spsc};
use std::collections::VecDeque;

const PUSH: u32 = 0;
const POP: u32 = 1;
const PUSH_MANY: u32 = 2;
const POP_TWO: u32 = 3;

/// Elements that there is room for.
const CAPACITY: usize = 4;
/// Most elements of a slice.
const MANY: u64 = 3;
/// Calls for which a process keeps a role.
const TERM: usize = 12;

/// The segment: a queue for each pair of seats.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 64)]
pub struct Pairs {
    a: Spsc<Item, CAPACITY>,
    b: Spsc<Item, CAPACITY>,
    c: Spsc<Item, CAPACITY>,
    d: Spsc<Item, CAPACITY>,
}

impl Pairs {
    fn all(&self) -> [&Spsc<Item, CAPACITY>; 4] {
        [&self.a, &self.b, &self.c, &self.d]
    }
}

/// A bounded first-in-first-out queue.
#[derive(Debug)]
pub struct Pair;

impl Spec for Pair {
    type State = VecDeque<u64>;

    fn start(&self) -> VecDeque<u64> {
        VecDeque::new()
    }

    fn step(&self, queue: &VecDeque<u64>, call: &Call, next: &mut Vec<VecDeque<u64>>) {
        let room = CAPACITY - queue.len();
        let mut after = queue.clone();
        let [first, wanted] = call.with;
        match call.what {
            DIED | SETTLED => next.push(after),
            PUSH if call.got.is_none_or(|got| got[0] == u64::from(room > 0)) => {
                after.extend((room > 0).then_some(first));
                next.push(after);
            }
            POP => {
                let popped = after.pop_front().unwrap_or(0);
                if call.got.is_none_or(|got| got[0] == popped) {
                    next.push(after);
                }
            }
            // Room is looked for first and used later: there may be more by then.
            PUSH_MANY => {
                let counts = match call.got {
                    Some([count, _]) => count..=count,
                    None => 1..=wanted,
                };
                let fits = |&count: &u64| count <= room as u64 && (count > 0 || room == 0);
                for count in counts.filter(fits) {
                    let mut after = queue.clone();
                    after.extend(first..first + count);
                    next.push(after);
                }
            }
            POP_TWO => {
                for count in 0..=queue.len().min(2) {
                    let mut after = queue.clone();
                    let popped: Vec<_> = after.drain(..count).chain([0, 0]).collect();
                    let exact = count > 0 || queue.is_empty();
                    if call.got.is_none_or(|got| got == popped[..2]) && exact {
                        next.push(after);
                    }
                }
            }
            _ => {}
        }
    }

    fn name(&self, what: u32) -> &'static str {
        let names = ["push", "pop", "push_slice", "pop_slice"];
        names.get(what as usize).unwrap_or(&"(referee)")
    }
}

fn produce(producer: &mut Producer<Item, CAPACITY>, object: u32, actor: &mut Actor) {
    actor.dither();
    let value = actor.value();
    if actor.random.below(3) > 0 {
        let push = || producer.push(Item::new(1, value)).is_ok();
        actor.call((object, PUSH), [value, 0], push, |&pushed| {
            [u64::from(pushed), 0]
        });
        return;
    }
    let count = 2 + actor.random.below(MANY - 1);
    for _ in 1..count {
        actor.value(); // they follow on the first
    }
    let items: Vec<_> = (value..value + count)
        .map(|value| Item::new(1, value))
        .collect();
    let push = || producer.push_slice(&items);
    actor.call((object, PUSH_MANY), [value, count], push, |&pushed| {
        [pushed as u64, 0]
    });
}

fn consume(consumer: &mut Consumer<Item, CAPACITY>, object: u32, actor: &mut Actor) -> bool {
    actor.dither();
    if actor.random.below(3) > 0 {
        let got = |got: &Option<Item>| [got.map_or(0, number), 0];
        return actor
            .call((object, POP), [0; 2], || consumer.pop(), got)
            .is_some();
    }
    let mut items = [Item::new(0, 0); 2];
    let pop = || {
        let count = consumer.pop_slice(&mut items);
        core::array::from_fn::<_, 2, _>(|i| if i < count { number(items[i]) } else { 0 })
    };
    actor.call((object, POP_TWO), [0; 2], pop, |&got| got)[0] != 0
}

impl Field for Pair {
    type Schema = Pairs;
    const NAME: &'static str = "spsc";

    fn objects(&self) -> u32 {
        4
    }

    fn act(&self, pairs: &Pairs, actor: &mut Actor) {
        let object = actor.seat / 2;
        let pair = pairs.all()[object as usize];
        let end = actor.count() + TERM;
        let full = |actor: &Actor| actor.is_full() || actor.count() >= end;
        if actor.seat.is_multiple_of(2) {
            let mut producer = pair.producer().expect("the one before is dead");
            while !full(actor) {
                produce(&mut producer, object, actor);
            }
        } else {
            let mut consumer = pair.consumer().expect("the one before is dead");
            while !full(actor) {
                consume(&mut consumer, object, actor);
            }
        }
    }

    fn drain(&self, pairs: &Segment<Pairs>, referee: &mut Actor) {
        for (object, pair) in (0..).zip(pairs.all()) {
            let mut consumer = pair.consumer().expect("nobody else is there");
            while consume(&mut consumer, object, referee) {}
        }
    }

    fn examine(&self, pairs: &Segment<Pairs>) {
        assert_lanes_are_back(pairs);
        for pair in pairs.all() {
            let mut producer = pair.producer().expect("nobody else is there");
            let mut consumer = pair.consumer().expect("nobody else is there");
            let items = [Item::new(2, 1); CAPACITY + 1];
            assert_eq!(
                producer.push_slice(&items),
                CAPACITY,
                "the capacity is back"
            );
            assert_eq!(consumer.pop_slice(&mut { items }), CAPACITY);
        }
    }
}
