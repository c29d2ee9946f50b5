//! Many entries at a time, of maps and sets, beside those who change them: `get_many` and `iter`.
//!
//! Each look-up, and each step of an iteration, sees one moment: a reader is a batch. So an entry that is there
//! throughout is seen, and once, wherever another process is killed or stopped; one that goes and comes again
//! meanwhile may be seen twice or not at all, but never torn.

use super::map::{self, pair};
use super::set;
use crate::family::{Besides, Exceptions, Family, Operation, Pair as Duel, State, Step};
use crate::scenario::{Pair, Scenario, World};
use crate::tracee::Turn;
use shm_runtime::{LargeMap, Map, Segment, Set};
use std::cell::RefCell;
use std::rc::Rc;

type Small = Map<u64, Pair, 2>;
type Large = LargeMap<u64, Pair, 4, 1>;
type Keys = Set<u64, 2>;

/// What is read here: of a set, each key is its own value.
trait Keyed: 'static {
    /// A key with the home of key 1.
    const RIVAL: u64;
    /// A key that is inserted into the home of key 1 where that is free and key 1 behind it.
    const NEW: u64;
    fn of(world: &Segment<World>) -> &Self;
    fn put(&self, key: u64, value: u64) -> bool;
    fn take_out(&self, key: u64) -> bool;
    fn entries(&self) -> impl Iterator<Item = (u64, Pair)> + '_;
}

trait Valued: Keyed {
    fn get_many(&self, keys: &[u64], values: &mut [Option<Pair>]) -> usize;
}

macro_rules! valued {
    ($map:ty, $field:ident, $rival:literal, $new:literal) => {
        impl Keyed for $map {
            const RIVAL: u64 = $rival;
            const NEW: u64 = $new;

            fn of(world: &Segment<World>) -> &Self {
                &world.$field
            }
            fn put(&self, key: u64, value: u64) -> bool {
                self.insert(key, pair(value)).is_ok()
            }
            fn take_out(&self, key: u64) -> bool {
                self.remove(key).is_some()
            }
            fn entries(&self) -> impl Iterator<Item = (u64, Pair)> + '_ {
                self.iter()
            }
        }

        impl Valued for $map {
            fn get_many(&self, keys: &[u64], values: &mut [Option<Pair>]) -> usize {
                self.get_many(keys, values)
            }
        }
    };
}

valued!(Small, map, 2, 7);
valued!(Large, large, 10, 10);

impl Keyed for Keys {
    const RIVAL: u64 = 2;
    const NEW: u64 = 7;

    fn of(world: &Segment<World>) -> &Self {
        &world.set
    }
    fn put(&self, key: u64, _: u64) -> bool {
        self.insert(key).is_ok()
    }
    fn take_out(&self, key: u64) -> bool {
        self.remove(key)
    }
    fn entries(&self) -> impl Iterator<Item = (u64, Pair)> + '_ {
        self.iter().map(|key| (key, pair(key)))
    }
}

/// Key 1 in its home, and behind it another one: a removal is ahead of that.
fn two<S: Keyed>(world: &Segment<World>) {
    let entries = S::of(world);
    assert!(entries.put(1, 1) && entries.put(S::RIVAL, S::RIVAL));
}

/// Key 1 behind its home, which is free: an insertion is ahead of it, and it moves when it is inserted again.
fn behind<S: Keyed>(world: &Segment<World>) {
    let entries = S::of(world);
    assert!(entries.put(S::RIVAL, S::RIVAL) && entries.put(1, 1));
    assert!(entries.take_out(S::RIVAL));
}

fn insert<S: Keyed>(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(u64::from(S::of(world).put(S::NEW, S::NEW))));
}

/// The second value is written where the one before the first was.
fn replace<S: Keyed>(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        let entries = S::of(world);
        let both = [8, 9].map(|value| u64::from(entries.put(1, value)));
        turn.note(both.iter().sum());
    });
}

fn replace_steps<S: Keyed>(world: &Segment<World>, turn: Turn) -> Vec<Step<'_>> {
    let step = |value| -> Step<'_> {
        Box::new(move || {
            turn.note(turn.noted() + u64::from(S::of(world).put(1, value)));
            true
        })
    };
    [8, 9].map(step).into()
}

fn again<S: Keyed>(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        let (entries, mut noted) = (S::of(world), 0);
        noted += u64::from(entries.take_out(1));
        noted += 2 * u64::from(entries.put(1, 8));
        turn.note(noted);
    });
}

fn again_steps<S: Keyed>(world: &Segment<World>, turn: Turn) -> Vec<Step<'_>> {
    let entries = S::of(world);
    vec![
        Box::new(move || {
            turn.note(u64::from(entries.take_out(1)));
            true
        }),
        Box::new(move || {
            turn.note(turn.noted() + 2 * u64::from(entries.put(1, 8)));
            false
        }),
    ]
}

/// An entry in a sum that tells how often each was seen, twice at most: five bits for each key, and in these a digit
/// to the base of three for each value.
fn mark((key, [value, twice]): (u64, Pair)) -> u64 {
    let times = match value {
        _ if value != twice => return 1 << 60, // torn
        8 => 3,
        9 => 9,
        _ => 1,
    };
    times << (5 * key)
}

fn iterate<S: Keyed>(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(S::of(world).entries().map(mark).sum()));
}

fn iterate_steps<S: Keyed>(world: &Segment<World>, turn: Turn) -> Vec<Step<'_>> {
    let entries = Rc::new(RefCell::new(S::of(world).entries()));
    let step = |_| -> Step<'_> {
        let entries = entries.clone();
        Box::new(move || {
            let entry = entries.borrow_mut().next();
            turn.note(turn.noted() + entry.map_or(0, mark));
            entry.is_some()
        })
    };
    [(); 4].map(step).into() // as many as there are buckets
}

/// Notes what a look-up gave behind what those before gave.
fn note(turn: &Turn, before: u64, got: Option<Pair>) {
    let digits = match got {
        None => 0,
        Some([value, twice]) if value == twice => value + 1,
        Some(_) => 99, // torn
    };
    turn.note(before * 100 + digits);
}

fn get_many<S: Valued>(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        let mut values = [None; 3];
        let found = S::of(world).get_many(&[1, S::RIVAL, S::NEW], &mut values);
        assert_eq!(found, values.iter().flatten().count());
        turn.note(0);
        for value in values {
            note(turn, turn.noted(), value);
        }
    });
}

fn get_many_steps<S: Valued>(world: &Segment<World>, turn: Turn) -> Vec<Step<'_>> {
    let step = |key| -> Step<'_> {
        Box::new(move || {
            let mut value = [None];
            S::of(world).get_many(&[key], &mut value);
            note(&turn, turn.noted(), value[0]);
            true
        })
    };
    [1, S::RIVAL, S::NEW].map(step).into()
}

const fn states<S: Keyed>() -> [State; 2] {
    [
        State::new("two", two::<S>),
        State::new("behind", behind::<S>),
    ]
}

const fn of_keys<S: Keyed>() -> [Operation; 3] {
    [
        Operation::single("insert", insert::<S>),
        Operation::in_steps("remove and insert", again::<S>, again_steps::<S>),
        Operation::in_steps("iter", iterate::<S>, iterate_steps::<S>),
    ]
}

const fn of_values<S: Valued>() -> [Operation; 5] {
    let [insert, again, iter] = of_keys::<S>();
    [
        insert,
        again,
        Operation::in_steps("replace twice", replace::<S>, replace_steps::<S>),
        Operation::in_steps("get_many", get_many::<S>, get_many_steps::<S>),
        iter,
    ]
}

/// Who is stopped while it inserts key 1 again has its bucket: then there is no room for another key, and key 1 is
/// absent.
fn withheld(pair: &Duel, seen: &str) -> Besides {
    let verbs = pair.operations.map(|operation| operation.verb);
    let is_full = verbs == ["remove and insert", "insert"] && pair.state.name == "two";
    Besides {
        stopped: is_full.then(|| (0, seen.to_owned())).into_iter().collect(),
        ..Besides::default()
    }
}

pub const MAP: Family = Family {
    structure: "map",
    states: &states::<Small>(),
    operations: &of_values::<Small>(),
    observe: map::observe_entries,
    exceptions: Exceptions {
        besides: |pair| withheld(pair, "2:2"),
        ..Exceptions::NONE
    },
};

pub const LARGE: Family = Family {
    structure: "large_map",
    states: &states::<Large>(),
    operations: &of_values::<Large>(),
    observe: map::observe_large_entries,
    // Each has two nodes of its own to give.
    exceptions: Exceptions {
        apart: true,
        ..Exceptions::NONE
    },
};

pub const SET: Family = Family {
    structure: "set",
    states: &states::<Keys>(),
    operations: &of_keys::<Keys>(),
    observe: set::keys,
    exceptions: Exceptions {
        besides: |pair| withheld(pair, "2 "),
        ..Exceptions::NONE
    },
};

const GET_MANY: Scenario = Scenario {
    name: "map.get_many, behind",
    set_up: behind::<Small>,
    operation: get_many::<Small>,
    observe: map::observe_entries,
    before: "1:1",
    after: "1:1",
    partly: &[],
    withheld: &[],
};

pub const SCENARIOS: &[Scenario] = &[
    GET_MANY,
    Scenario {
        name: "map.iter, two",
        set_up: two::<Small>,
        operation: iterate::<Small>,
        before: "1:1 2:2",
        after: "1:1 2:2",
        ..GET_MANY
    },
];
