//! `Map`, `Set` and `LargeMap`: each key is an object of its own, so that each has a history of its own.
//!
//! An entry that a dead process was inserting is undecided until it is recovered: who inserts the same key meanwhile may
//! let it in. So an insertion of the dead takes effect at any time up to then, once, or never.

use super::super::battle::Field;
use super::super::history::Actor;
use super::super::spec::{Call, DIED, SETTLED, Spec};
use crate::{Item, assert_lanes_are_back};
use shm_runtime::{LargeMap, Map, Segment, Set, ShmLayout};

const INSERT: u32 = 0;
const GET: u32 = 1;
const REMOVE: u32 = 2;
const UPDATE: u32 = 3;
const ADD: u32 = 4;
const EXCHANGE: u32 = 5;

/// What an operation gave that found no room.
const FULL: u64 = u64::MAX;
/// Keys that are fought for, of each structure.
const KEYS: u32 = 2;
const CAPACITY: usize = 8;

/// The segment.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 64)]
pub struct Tables {
    map: Map<u64, Item, CAPACITY>,
    set: Set<u32, CAPACITY>,
    large: LargeMap<u64, Item, CAPACITY, 4>,
}

/// A key: its value, or 0; and what the dead were inserting.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct State {
    value: u64,
    left: Vec<u64>,
}

impl State {
    /// As it is, and as it is where an undecided entry is let in: a key that is there lets nobody in.
    fn ways(&self) -> Vec<Self> {
        let mut ways = vec![self.clone()];
        if self.value == 0 {
            ways.extend((0..self.left.len()).map(|i| {
                let mut way = self.clone();
                way.value = way.left.remove(i);
                way
            }));
        }
        ways
    }

    fn with(&self, value: u64) -> Self {
        Self {
            value,
            ..self.clone()
        }
    }
}

/// Keys with values.
#[derive(Debug)]
pub struct Keys;

impl Keys {
    /// What a call does to a key, and what it gives.
    fn apply(state: &State, call: &Call) -> (State, u64) {
        let (now, with) = (state.value, call.with);
        match call.what {
            INSERT => (state.with(with[0]), now),
            ADD if now == 0 => (state.with(with[0]), 0),
            UPDATE if now != 0 => (state.with(with[0]), now),
            EXCHANGE if now == with[1] => (state.with(with[0]), now),
            REMOVE => (state.with(0), now),
            _ => (state.clone(), now),
        }
    }
}

impl Spec for Keys {
    type State = State;

    fn start(&self) -> State {
        State::default()
    }

    fn step(&self, state: &State, call: &Call, next: &mut Vec<State>) {
        for way in state.ways() {
            match call.what {
                DIED => next.push(way),
                SETTLED => next.push(State {
                    left: Vec::new(),
                    ..way
                }),
                _ => {
                    let (after, gave) = Self::apply(&way, call);
                    let inserts = matches!(call.what, INSERT | ADD);
                    match call.got {
                        None => {
                            next.push(after);
                            if inserts {
                                let mut left = way.clone();
                                left.left.push(call.with[0]);
                                left.left.sort_unstable();
                                next.push(left);
                            }
                        }
                        Some([FULL, _]) if inserts && way.value == 0 => next.push(way),
                        Some([got, _]) if got == gave => next.push(after),
                        Some(_) => {}
                    }
                }
            }
        }
    }

    fn name(&self, what: u32) -> &'static str {
        match what {
            DIED => "(died)",
            SETTLED => "(settled)",
            _ => [
                "insert",
                "get",
                "remove",
                "update",
                "get_or_insert",
                "compare_exchange",
            ][what as usize],
        }
    }
}

/// A value as a history has it: a torn one is a number that nobody wrote.
fn number(item: Item) -> u64 {
    if item.is_whole() {
        item.sequence
    } else {
        FULL - 1
    }
}

fn of(item: Option<Item>) -> u64 {
    item.map_or(0, number)
}

/// The same for both kinds of map.
macro_rules! operate {
    ($map:expr, $key:expr, $what:expr, $with:expr) => {{
        let (map, [new, old]) = ($map, $with);
        let (key, item) = (u64::from($key), Item::new(1, new));
        match $what {
            INSERT => map.insert(key, item).map_or(FULL, of),
            // its own value back: it was absent
            ADD => map
                .get_or_insert(key, item)
                .map_or(FULL, |there| if there == item { 0 } else { number(there) }),
            UPDATE => of(map.update(key, |_| item)),
            EXCHANGE => match map.compare_exchange(key, Item::new(1, old), item) {
                Ok(before) => number(before),
                Err(other) => of(other),
            },
            REMOVE => of(map.remove(key)),
            _ => of(map.get(key)),
        }
    }};
}

fn operate_set(set: &Set<u32, CAPACITY>, key: u32, what: u32) -> u64 {
    match what {
        ADD => set.insert(key).map_or(FULL, |new| u64::from(!new)),
        REMOVE => u64::from(set.remove(key)),
        _ => u64::from(set.contains(key)),
    }
}

fn call(tables: &Tables, actor: &mut Actor, object: u32, what: u32) {
    let set = object / KEYS == 1;
    let with = match what {
        INSERT | UPDATE | ADD | EXCHANGE if !set => {
            // what somebody may have written: the history says whether it was there
            let old =
                (u64::from(1 + actor.random.below(8) as u32) << 32) | (1 + actor.random.below(4));
            [actor.value(), if what == EXCHANGE { old } else { 0 }]
        }
        ADD => [1, 0],
        _ => [0; 2],
    };
    let run = || match object / KEYS {
        0 => operate!(&tables.map, object, what, with),
        1 => operate_set(&tables.set, object, what),
        _ => operate!(&tables.large, object, what, with),
    };
    actor.call((object, what), with, run, |&got| [got, 0]);
}

impl Field for Keys {
    type Schema = Tables;
    const NAME: &'static str = "map";

    fn objects(&self) -> u32 {
        3 * KEYS
    }

    fn act(&self, tables: &Tables, actor: &mut Actor) {
        actor.dither();
        let object = actor.random.below(u64::from(3 * KEYS)) as u32;
        let what = match object / KEYS != 1 {
            true => [INSERT, ADD, ADD, UPDATE, EXCHANGE, REMOVE, REMOVE, GET],
            false => [ADD, ADD, ADD, REMOVE, REMOVE, REMOVE, GET, GET],
        };
        let what = what[actor.random.below(8) as usize];
        call(tables, actor, object, what);
    }

    fn drain(&self, tables: &Segment<Tables>, referee: &mut Actor) {
        for object in 0..3 * KEYS {
            call(tables, referee, object, GET);
            call(tables, referee, object, REMOVE);
            call(tables, referee, object, GET);
        }
    }

    fn examine(&self, tables: &Segment<Tables>) {
        assert_lanes_are_back(tables);
        let Tables { map, set, large } = &**tables;
        assert!(map.is_empty() && set.is_empty() && large.is_empty());
        // P3: all the room is back
        for key in 0..CAPACITY as u64 {
            assert_eq!(map.insert(100 + key, Item::new(1, key)), Ok(None));
            assert_eq!(set.insert(100 + key as u32), Ok(true));
        }
        for key in 0..4 {
            assert_eq!(large.insert(100 + key, Item::new(1, key)), Ok(None));
        }
        for key in 0..4 {
            assert!(large.update(100 + key, |_| Item::new(2, key)).is_some());
            assert!(large.remove(100 + key).is_some());
        }
        assert!(map.insert(99, Item::new(1, 1)).is_err() && set.insert(99).is_err());
        for key in 0..CAPACITY as u64 {
            assert!(map.remove(100 + key).is_some() && set.remove(100 + key as u32));
        }
    }
}
