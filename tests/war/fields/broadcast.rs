//! `Broadcast`: sent by all, and received by whoever subscribes; what is missed is counted.

use super::super::battle::Field;
use super::super::history::Actor;
use super::super::spec::{Call, DIED, SETTLED, Spec};
use super::queue::number;
use crate::{Item, assert_lanes_are_back};
use core::cell::Cell;
use shm_runtime::{Broadcast, Missed, Segment, ShmLayout, Start, Subscriber};

const SEND: u32 = 0;
const SENT: u32 = 1;
const NEWEST: u32 = 2;
const OLDEST: u32 = 3;
const RECV: u32 = 4;

/// Messages that are kept.
const CAPACITY: usize = 4;
/// Answers of a subscriber: a message's number, or one of these.
const NOTHING: u64 = u64::MAX - 1;
const MISSED: u64 = u64::MAX - 2;

/// The segment.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 64)]
pub struct Paper {
    news: Broadcast<Item, CAPACITY>,
}

/// How many messages were sent, and the last of them, each at its place.
pub type State = (u64, [u64; CAPACITY]);

/// A list of messages of which the last ones are kept.
#[derive(Debug, Default)]
pub struct News {
    /// Messages sent in the rounds before, in which the last ones are all number 0.
    base: Cell<u64>,
}

impl Spec for News {
    type State = State;

    fn start(&self) -> State {
        (self.base.get(), [0; CAPACITY])
    }

    fn step(&self, &(count, kept): &State, call: &Call, next: &mut Vec<State>) {
        const KEPT: u64 = CAPACITY as u64;
        let (position, state) = (call.with[0], (count, kept));
        let is = |answer: u64| call.got.is_none_or(|got| got[0] == answer);
        let possible = match call.what {
            DIED | SETTLED => true,
            SEND => {
                let mut after = (count + 1, kept);
                after.1[(count % KEPT) as usize] = position;
                return next.push(after);
            }
            SENT | NEWEST => is(count),
            OLDEST => is(count.saturating_sub(KEPT)),
            _ => match call.got {
                None => true,
                Some([NOTHING, _]) => count == position,
                // the last message at the place of the one that is gone was seen
                Some([MISSED, missed]) => {
                    let oldest = position + missed;
                    missed > 0 && (oldest + KEPT..oldest + 2 * KEPT).contains(&count)
                }
                Some([message, _]) => {
                    let there = position < count && count <= position + KEPT;
                    there && kept[(position % KEPT) as usize] == message
                }
            },
        };
        next.extend(possible.then_some(state));
    }

    fn name(&self, what: u32) -> &'static str {
        let names = [
            "send",
            "sent",
            "subscribe, newest",
            "subscribe, oldest",
            "recv",
        ];
        names.get(what as usize).unwrap_or(&"(referee)")
    }
}

fn send(paper: &Paper, actor: &mut Actor) {
    let value = actor.value();
    let send = || paper.news.send(Item::new(1, value)).expect("a lane");
    actor.call((0, SEND), [value, 0], send, |()| [0; 2]);
}

fn subscribe(paper: &Paper, actor: &mut Actor, start: Start) -> Subscriber<Item, CAPACITY> {
    let what = if start == Start::Newest {
        NEWEST
    } else {
        OLDEST
    };
    let subscribe = || paper.news.subscribe(start);
    actor.call((0, what), [0; 2], subscribe, |reader| {
        [reader.position(), 0]
    })
}

/// Whether there was a message, or news of missed ones.
fn recv(reader: &mut Subscriber<Item, CAPACITY>, actor: &mut Actor) -> bool {
    let position = reader.position();
    let got = |got: &Result<Option<Item>, Missed>| match *got {
        Ok(Some(item)) => [number(item), 0],
        Ok(None) => [NOTHING, 0],
        Err(Missed(count)) => [MISSED, count],
    };
    let got = actor.call((0, RECV), [position, 0], || reader.recv(), got);
    got != Ok(None)
}

impl Field for News {
    type Schema = Paper;
    const NAME: &'static str = "broadcast";

    fn act(&self, paper: &Paper, actor: &mut Actor) {
        actor.dither();
        match actor.random.below(8) {
            0..4 => send(paper, actor),
            4 => _ = actor.call((0, SENT), [0; 2], || paper.news.sent(), |sent| [*sent, 0]),
            choice => {
                let start = if choice == 5 {
                    Start::Newest
                } else {
                    Start::Oldest
                };
                let mut reader = subscribe(paper, actor, start);
                for _ in 0..2 + actor.random.below(3) {
                    actor.dither();
                    recv(&mut reader, actor);
                }
                if actor.random.below(2) == 0 {
                    send(paper, actor);
                    recv(&mut reader, actor);
                }
            }
        }
    }

    fn drain(&self, paper: &Segment<Paper>, referee: &mut Actor) {
        let mut reader = subscribe(paper, referee, Start::Oldest);
        while recv(&mut reader, referee) {}
        subscribe(paper, referee, Start::Newest);
    }

    fn restore(&self, paper: &Segment<Paper>) {
        for _ in 0..CAPACITY {
            paper.news.send(Item::new(2, 0)).expect("a lane");
        }
        self.base.set(paper.news.sent());
    }

    fn examine(&self, paper: &Segment<Paper>) {
        assert_lanes_are_back(paper);
        let mut reader = paper.news.subscribe(Start::Newest);
        for value in 1..200 {
            paper.news.send(Item::new(2, value)).expect("a lane");
            assert_eq!(reader.recv(), Ok(Some(Item::new(2, value))));
        }
        self.restore(paper);
    }
}
