//! `Versioned`: stored, loaded and updated: a register of several words.

use super::super::battle::Field;
use super::super::history::Actor;
use super::super::spec::{Call, DIED, SETTLED, Spec};
use super::weighted;
use crate::{Item, assert_lanes_are_back};
use shm_runtime::{Segment, ShmLayout, Versioned};
use std::time::Duration;

const LOAD: u32 = 0;
const STORE: u32 = 1;
const UPDATE: u32 = 2;

/// The segment.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 64)]
pub struct Board {
    latest: Versioned<Item>,
}

/// A register.
#[derive(Debug)]
pub struct Register;

impl Spec for Register {
    type State = u64;

    fn start(&self) -> u64 {
        0
    }

    fn step(&self, &now: &u64, call: &Call, next: &mut Vec<u64>) {
        let was = call.got.is_none_or(|got| got[0] == now);
        match call.what {
            DIED | SETTLED => next.push(now),
            STORE => next.push(call.with[0]),
            LOAD if was => next.push(now),
            UPDATE if was => next.push(call.with[0]),
            _ => {}
        }
    }

    fn name(&self, what: u32) -> &'static str {
        ["load", "store", "update"]
            .get(what as usize)
            .unwrap_or(&"(referee)")
    }
}

/// A value as a history has it: zeros before the first, and torn ones are numbers that nobody stored.
fn number(item: Item) -> u64 {
    match item {
        item if item.is_whole() => item.sequence,
        item if item == bytemuck::Zeroable::zeroed() => 0,
        _ => u64::MAX,
    }
}

fn load(board: &Board, actor: &mut Actor) {
    let got = |item: &Item| [number(*item), 0];
    actor.call((0, LOAD), [0; 2], || board.latest.load(), got);
}

impl Field for Register {
    type Schema = Board;
    const NAME: &'static str = "versioned";

    fn act(&self, board: &Board, actor: &mut Actor) {
        let latest = &board.latest;
        let value = actor.value();
        let item = Item::new(1, value);
        actor.dither();
        let choices = [(3, LOAD), (4, STORE), (3, UPDATE)];
        match weighted(&mut actor.random, &choices) {
            LOAD if actor.random.below(3) == 0 => {
                let version = latest.version();
                let wait = || latest.wait_change(version, Duration::from_micros(50));
                // nobody need change it: a timeout says nothing
                if let Ok((changed, item)) = wait() {
                    assert!(changed > version && item.is_whole());
                }
            }
            LOAD => load(board, actor),
            STORE => {
                let store = || latest.store(item).expect("a lane");
                actor.call((0, STORE), [value, 0], store, |()| [0; 2]);
            }
            _ => {
                let update = || {
                    let change = |now: &mut Item| core::mem::replace(now, item);
                    latest.update(change).expect("a lane")
                };
                let got = |before: &Item| [number(*before), 0];
                actor.call((0, UPDATE), [value, 0], update, got);
            }
        }
    }

    fn drain(&self, board: &Segment<Board>, referee: &mut Actor) {
        load(board, referee);
    }

    fn restore(&self, board: &Segment<Board>) {
        let zeros = bytemuck::Zeroable::zeroed();
        board.latest.store(zeros).expect("a lane");
    }

    fn examine(&self, board: &Segment<Board>) {
        assert_lanes_are_back(board);
        let before = board.latest.version();
        for value in 1..200 {
            let item = Item::new(2, value);
            board.latest.store(item).expect("a lane");
            assert_eq!(board.latest.try_load(), Ok(item));
        }
        assert_eq!(board.latest.version(), before + 199);
        self.restore(board);
    }
}
