//! `Broadcast<Pair, 2>`: sent before the first message, and when the oldest is overwritten.

use crate::scenario::{Pair, Scenario, World};
use crate::tracee::Turn;
use shm_runtime::{Segment, Start};

const fn pair(value: u64) -> Pair {
    [value, value]
}

/// The messages that are kept, and whether every node still does its work: more messages than there are nodes.
fn observe(world: &Segment<World>) -> String {
    let mut seen = Vec::new();
    let mut reader = world.news.subscribe(Start::Oldest);
    while let Ok(Some([value, twice])) = reader.recv() {
        seen.push(match value == twice {
            true => value.to_string(),
            false => format!("torn {value}/{twice}"),
        });
    }
    for next in 100..140 {
        world.news.send(pair(next)).unwrap();
        let got = reader.recv();
        if got != Ok(Some(pair(next))) {
            seen.push(format!("and then {got:?} for {next}"));
            break;
        }
    }
    seen.join(" ")
}

fn new(_: &Segment<World>) {}

fn wrapped(world: &Segment<World>) {
    for value in 1..=5 {
        world.news.send(pair(value)).unwrap();
    }
}

fn send(world: &Segment<World>, turn: &Turn) {
    turn.run(|| world.news.send(pair(7)).unwrap());
}

fn recv(world: &Segment<World>, turn: &Turn) {
    let mut reader = world.news.subscribe(Start::Oldest);
    turn.run(|| _ = reader.recv());
}

const SEND: Scenario = Scenario {
    name: "broadcast.send, new",
    set_up: new,
    operation: send,
    observe,
    before: "",
    after: "7",
    partly: &[],
    withheld: &[],
};

pub const SCENARIOS: &[Scenario] = &[
    SEND,
    Scenario {
        name: "broadcast.send, wrapped",
        set_up: wrapped,
        before: "4 5",
        after: "5 7",
        ..SEND
    },
    Scenario {
        name: "broadcast.recv, wrapped",
        set_up: wrapped,
        operation: recv,
        before: "4 5",
        after: "4 5",
        ..SEND
    },
];
