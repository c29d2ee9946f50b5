//! `Broadcast<Pair, 2>`: sent before the first message, and when the oldest is overwritten.

use crate::family::{Exceptions, Family, Operation, State, Step};
use crate::scenario::{Pair, Scenario, World};
use crate::tracee::Turn;
use shm_runtime::{Segment, Start, Subscriber};
use std::cell::RefCell;
use std::rc::Rc;

const fn pair(value: u64) -> Pair {
    [value, value]
}

/// The messages that are kept, and whether every node still does its work: more messages than there are nodes. Who does
/// not look meanwhile is told what it missed.
fn observe(world: &Segment<World>) -> String {
    let mut seen = Vec::new();
    let mut reader = world.news.subscribe(Start::Oldest);
    while let Ok(Some([value, twice])) = reader.recv() {
        seen.push(match value == twice {
            true => value.to_string(),
            false => format!("torn {value}/{twice}"),
        });
    }
    world.news.send(pair(0)).unwrap();
    let _ = reader.recv();
    let mut slow = world.news.subscribe(Start::Newest);
    // an odd number: the word of its first message has the latest then, so it knows which is the oldest
    for next in 101..140 {
        world.news.send(pair(next)).unwrap();
        let got = reader.recv();
        if got != Ok(Some(pair(next))) {
            seen.push(format!("and then {got:?} for {next}"));
            break;
        }
    }
    let late = [(); 2].map(|()| next(&mut slow));
    if late != [37_138, 37_139] {
        seen.push(format!("and late {late:?}"));
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

fn send_other(world: &Segment<World>, turn: &Turn) {
    turn.run(|| world.news.send(pair(8)).unwrap());
}

/// The second goes where a message went that was sent just before both.
fn send_two(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        world.news.send(pair(5)).unwrap();
        world.news.send(pair(6)).unwrap();
    });
}

fn send_steps(world: &Segment<World>, _: Turn) -> Vec<Step<'_>> {
    let step = |value| -> Step<'_> {
        Box::new(move || {
            world.news.send(pair(value)).unwrap();
            true
        })
    };
    [5, 6].map(step).into()
}

fn recv(world: &Segment<World>, turn: &Turn) {
    let mut reader = world.news.subscribe(Start::Oldest);
    turn.run(|| _ = reader.recv());
}

/// The next message, or zero, and how many were missed up to it.
fn next(reader: &mut Subscriber<Pair, 2>) -> u64 {
    let attempt = |reader: &mut Subscriber<Pair, 2>| reader.recv().ok(); // or it was overwritten meanwhile
    let got = (0..9).find_map(|_| attempt(reader)).flatten();
    reader.missed() * 1000 + got.map_or(0, |[value, _]| value)
}

/// Subscribes, and receives what is kept.
fn recv_oldest(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        let mut reader = world.news.subscribe(Start::Oldest);
        turn.note(next(&mut reader) * 100_000 + next(&mut reader));
    });
}

fn recv_steps(world: &Segment<World>, turn: Turn) -> Vec<Step<'_>> {
    let reader = Rc::new(RefCell::new(None));
    let subscribe = {
        let reader = reader.clone();
        move || {
            *reader.borrow_mut() = Some(world.news.subscribe(Start::Oldest));
            true
        }
    };
    let recv = |_| -> Step<'_> {
        let reader = reader.clone();
        Box::new(move || {
            let noted = turn.noted() * 100_000;
            reader
                .borrow_mut()
                .iter_mut()
                .for_each(|reader| turn.note(noted + next(reader)));
            true
        })
    };
    let [first, second] = [(); 2].map(recv);
    vec![Box::new(subscribe), first, second]
}

fn sent(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(world.news.sent()));
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

pub const FAMILY: Family = Family {
    structure: "broadcast",
    states: &[State::new("new", new), State::new("wrapped", wrapped)],
    operations: &[
        Operation::single("send", send),
        Operation::single("send another", send_other),
        Operation::in_steps("send two", send_two, send_steps),
        Operation::in_steps("recv", recv_oldest, recv_steps),
        Operation::single("sent", sent),
    ],
    observe,
    // A sender that is stopped behind its exchange has a node that says what became of a dead one's.
    exceptions: Exceptions {
        unsettled: true,
        ..Exceptions::NONE
    },
};
