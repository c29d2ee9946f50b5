//! `Map<u64, Pair, 2>` and `LargeMap<u64, Pair, 4, 1>`: each operation over the states empty, one, full, and used.

use crate::family::{Exceptions, Family, Operation, State};
use crate::scenario::{Pair, Scenario, World, by_the_dead};
use crate::tracee::Turn;
use shm_runtime::{Full, Segment};

pub const fn pair(value: u64) -> Pair {
    [value, value]
}

/// The entries in order of their keys, and how many fit in when all are out.
fn observe(world: &Segment<World>) -> String {
    let mut seen = entries(world);
    Segment::recover(world);
    if entries(world) != seen {
        seen.push(format!("then {:?}", entries(world)));
    }
    for key in 0..9 {
        let there = world.map.get(key);
        if there != world.map.remove(key) || world.map.contains(key) {
            seen.push(format!("{key} was there and not there"));
        }
    }
    let room = (100..109)
        .take_while(|&key| world.map.insert(key, pair(key)) == Ok(None))
        .count();
    if world.map.len() != room {
        seen.push(format!("then {:?}", entries(world)));
    }
    (100..109).for_each(|key| _ = world.map.remove(key));
    let seen: String = seen.iter().map(|entry| format!("{entry} ")).collect();
    format!("{seen}| {room}")
}

fn entries(world: &Segment<World>) -> Vec<String> {
    let mut entries: Vec<_> = world.map.iter().collect();
    entries.sort_unstable();
    let show = |(key, [value, twice]): (u64, Pair)| match value == twice {
        true => format!("{key}:{value}"),
        false => format!("{key}:torn"),
    };
    entries.into_iter().map(show).collect()
}

/// The same of the large map: how much fits in besides depends on who inserts.
fn observe_large(world: &Segment<World>) -> String {
    Segment::recover(world);
    let show = |(key, [value, twice]): (u64, Pair)| match value == twice {
        true => format!("{key}:{value} "),
        false => format!("{key}:torn "),
    };
    let mut seen: Vec<_> = world.large.iter().map(show).collect();
    seen.sort_unstable();
    for key in 0..9 {
        let there = world.large.get(key);
        if there != world.large.remove(key) || world.large.contains(key) {
            seen.push(format!("{key} was there and not there "));
        }
    }
    let room = world.large.insert(100, pair(100)) == Ok(None);
    let replaced = world.large.update(100, |_| pair(101)) == Some(pair(100));
    world.large.remove(100);
    format!(
        "{}| {}",
        seen.concat(),
        if room && replaced { "room" } else { "none" }
    )
}

fn empty(_: &Segment<World>) {}

fn large_one(world: &Segment<World>) {
    assert_eq!(world.large.insert(1, pair(1)), Ok(None));
}

/// Others have given all nodes but their last away, and taken blanks for them.
fn large_poor(world: &Segment<World>) {
    give_away(world);
    (2..9).for_each(|key| _ = world.large.remove(key));
}

/// Inserts until the lane has one node left, or all buckets are full.
fn give_away(world: &Segment<World>) {
    let fitted = (1..9).take_while(|&key| world.large.insert(key, pair(key)).is_ok());
    assert!(fitted.count() >= 1);
}

fn large_full(world: &Segment<World>) {
    large_one(world);
    by_the_dead(world, give_away);
    by_the_dead(world, give_away);
    Segment::recover(world);
    assert_eq!(world.large.len(), world.large.buckets());
}

fn large_insert(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(inserted(world.large.insert(7, pair(7)))));
}

fn large_replace(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(inserted(world.large.insert(1, pair(8)))));
}

fn large_update(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(value(world.large.update(1, |_| pair(8)))));
}

fn large_remove(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(value(world.large.remove(1))));
}

fn large_get(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(value(world.large.get(1))));
}

/// As [`large_insert`], by who has one node left.
fn large_insert_poor(world: &Segment<World>, turn: &Turn) {
    give_away(world);
    (2..9).for_each(|key| _ = world.large.remove(key));
    large_insert(world, turn);
}

fn one(world: &Segment<World>) {
    assert_eq!(world.map.insert(1, pair(1)), Ok(None));
}

fn full(world: &Segment<World>) {
    one(world);
    assert_eq!(world.map.insert(2, pair(2)), Ok(None));
}

/// Nodes are not where they were at first.
fn used(world: &Segment<World>) {
    for key in 3..7 {
        assert_eq!(world.map.insert(key, pair(key)), Ok(None));
        assert_eq!(world.map.insert(key, pair(9)), Ok(Some(pair(key))));
        assert_eq!(world.map.remove(key), Some(pair(9)));
    }
    one(world);
}

/// The value, or none, as a number.
fn value(value: Option<Pair>) -> u64 {
    value.map_or(0, |[value, _]| 1 + value)
}

/// What an insertion said, as a number.
fn inserted(result: Result<Option<Pair>, Full<(u64, Pair)>>) -> u64 {
    result.map_or(99, value)
}

fn insert(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(inserted(world.map.insert(7, pair(7)))));
}

fn replace(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(inserted(world.map.insert(1, pair(8)))));
}

fn get_or_insert(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        turn.note(
            world
                .map
                .get_or_insert(7, pair(7))
                .map_or(99, |[value, _]| value),
        )
    });
}

fn update(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(value(world.map.update(1, |[value, _]| pair(value + 7)))));
}

fn compare_exchange(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        let exchanged = world.map.compare_exchange(1, pair(1), pair(8));
        turn.note(exchanged.map_or_else(|found| 100 + value(found), |[was, _]| was));
    });
}

fn remove(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(value(world.map.remove(1))));
}

fn get(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(value(world.map.get(1))));
}

fn extend(world: &Segment<World>, turn: &Turn) {
    turn.run(|| _ = world.map.extend([(7, pair(7)), (8, pair(8)), (6, pair(6))]));
}

const INSERT: Scenario = Scenario {
    name: "map.insert, empty",
    set_up: empty,
    operation: insert,
    observe,
    before: "| 2",
    after: "7:7 | 2",
    partly: &[],
    // stopped with an undecided entry: the key is absent and its bucket taken
    withheld: &["| 1"],
};

pub const SCENARIOS: &[Scenario] = &[
    INSERT,
    Scenario {
        name: "map.insert, one",
        set_up: one,
        before: "1:1 | 2",
        after: "1:1 7:7 | 2",
        withheld: &["1:1 | 1"],
        ..INSERT
    },
    Scenario {
        name: "map.insert, used",
        set_up: used,
        before: "1:1 | 2",
        after: "1:1 7:7 | 2",
        withheld: &["1:1 | 1"],
        ..INSERT
    },
    Scenario {
        name: "map.insert, full",
        set_up: full,
        before: "1:1 2:2 | 2",
        after: "1:1 2:2 | 2",
        withheld: &[],
        ..INSERT
    },
    Scenario {
        name: "map.insert, replacing",
        set_up: full,
        operation: replace,
        before: "1:1 2:2 | 2",
        after: "1:8 2:2 | 2",
        withheld: &[],
        ..INSERT
    },
    Scenario {
        name: "map.get_or_insert, one",
        set_up: one,
        operation: get_or_insert,
        before: "1:1 | 2",
        after: "1:1 7:7 | 2",
        withheld: &["1:1 | 1"],
        ..INSERT
    },
    Scenario {
        name: "map.update, used",
        set_up: used,
        operation: update,
        before: "1:1 | 2",
        after: "1:8 | 2",
        withheld: &[],
        ..INSERT
    },
    Scenario {
        name: "map.compare_exchange, full",
        set_up: full,
        operation: compare_exchange,
        before: "1:1 2:2 | 2",
        after: "1:8 2:2 | 2",
        withheld: &[],
        ..INSERT
    },
    Scenario {
        name: "map.remove, full",
        set_up: full,
        operation: remove,
        before: "1:1 2:2 | 2",
        after: "2:2 | 2",
        withheld: &[],
        ..INSERT
    },
    Scenario {
        name: "map.get, full",
        set_up: full,
        operation: get,
        before: "1:1 2:2 | 2",
        after: "1:1 2:2 | 2",
        withheld: &[],
        ..INSERT
    },
    Scenario {
        name: "map.extend, empty",
        operation: extend,
        after: "7:7 8:8 | 2",
        partly: &["7:7 | 2"],
        withheld: &["| 1", "7:7 | 1"],
        ..INSERT
    },
    LARGE,
    Scenario {
        name: "large_map.insert, used",
        set_up: large_poor,
        before: "1:1 | room",
        after: "1:1 7:7 | room",
        ..LARGE
    },
    Scenario {
        name: "large_map.insert, by who has one node left",
        set_up: empty,
        operation: large_insert_poor,
        before: "1:1 | room",
        after: "1:1 7:7 | room",
        ..LARGE
    },
    Scenario {
        name: "large_map.update, one",
        set_up: large_one,
        operation: large_update,
        before: "1:1 | room",
        after: "1:8 | room",
        ..LARGE
    },
];

const LARGE: Scenario = Scenario {
    name: "large_map.insert, empty",
    operation: large_insert,
    observe: observe_large,
    before: "| room",
    after: "7:7 | room",
    withheld: &[],
    ..INSERT
};

/// The entries alone: while an inserter is stopped, its bucket is withheld.
pub fn observe_entries(world: &Segment<World>) -> String {
    Segment::recover(world);
    entries(world).join(" ")
}

pub const FAMILY: Family = Family {
    structure: "map",
    states: &[
        State::new("empty", empty),
        State::new("one", one),
        State::new("full", full),
        State::new("used", used),
    ],
    operations: &[
        Operation::single("insert", insert),
        Operation::single("replace", replace),
        Operation::single("get_or_insert", get_or_insert),
        Operation::single("update", update),
        Operation::single("compare_exchange", compare_exchange),
        Operation::single("remove", remove),
        Operation::single("get", get),
    ],
    observe: observe_entries,
    exceptions: Exceptions::NONE,
};

/// The entries of the large map alone, as above.
pub fn observe_large_entries(world: &Segment<World>) -> String {
    Segment::recover(world);
    let mut seen: Vec<_> = world.large.iter().collect();
    seen.sort_unstable();
    let show = |(key, [value, twice]): (u64, Pair)| match value == twice {
        true => format!("{key}:{value}"),
        false => format!("{key}:torn"),
    };
    seen.into_iter().map(show).collect::<Vec<_>>().join(" ")
}

pub const LARGE_FAMILY: Family = Family {
    structure: "large_map",
    states: &[
        State::new("empty", empty),
        State::new("one", large_one),
        State::new("poor", large_poor),
        State::new("full", large_full),
    ],
    operations: &[
        Operation::single("insert", large_insert),
        Operation::single("replace", large_replace),
        Operation::single("update", large_update),
        Operation::single("remove", large_remove),
        Operation::single("get", large_get),
    ],
    observe: observe_large_entries,
    // Each has two nodes of its own to give.
    exceptions: Exceptions {
        apart: true,
        ..Exceptions::NONE
    },
};
