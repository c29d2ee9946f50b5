//! The table, the control block and the descriptor: opened by a program whose segment they may not be.

use super::{Bounded, Family, attack};
use crate::error::OpenError;
use crate::{Array, Queue, Segment, ShmLayout};

/// Accesses of an open and a leave: lanes, participants; the rest is read from the file.
const BOUND: u64 = 4000;

#[derive(Debug, crate::ShmLayout)]
#[shm(lanes = 4)]
struct Base {
    events: Queue<u64, 4>,
    grid: Array<u16, 8>,
}

/// A schema that shares one field with it.
#[derive(Debug, crate::ShmLayout)]
#[shm(lanes = 4)]
struct Part {
    grid: Array<u16, 8>,
}

#[derive(Default)]
struct Attacked {
    refused: u64,
    opened: u64,
}

impl Attacked {
    fn judge<S>(&mut self, opened: Result<Segment<S>, OpenError>) -> Option<Segment<S>> {
        match opened {
            Ok(segment) => {
                self.opened += 1;
                return Some(segment);
            }
            Err(OpenError::NotFound { .. } | OpenError::BadName { .. }) => {}
            Err(error) => {
                assert!(!error.to_string().is_empty());
                self.refused += 1;
            }
        }
        None
    }
}

impl Family for Attacked {
    type Schema = Base;
    const NAME: &'static str = "table";
    const PLACES: &'static [&'static str] =
        &["", "@control", "@descriptor", "@participants", "@lanes"];

    fn fill(&mut self, base: &Segment<Base>, state: u64) {
        let _ = base.events.push(state);
    }

    fn operate(&mut self, base: &Segment<Base>, bounded: &mut Bounded, rare: bool) {
        let name = Segment::name(base);
        let opened = bounded.run("open", BOUND, || Base::open(name));
        if let Some(again) = self.judge(opened) {
            let _ = bounded.run("push", BOUND, || again.events.push(1));
            bounded.run("leave", BOUND, || drop(again));
        }
        let part = bounded.run("open a part", BOUND, || Part::options().subset().open(name));
        if let Some(part) = self.judge(part) {
            bounded.run("get", BOUND, || part.grid.get(7));
            bounded.run("leave", BOUND, || drop(part));
        }
        let _ = base.grid.get(0);
        if rare {
            let opened = bounded.run("open to read", BOUND, || {
                Base::options().read_only().open(name)
            });
            drop(self.judge(opened));
            let _ = bounded.run("list", BOUND, || Segment::table(base));
            let _ = bounded.run("health", BOUND, || Segment::health(base));
        }
    }

    fn noticed(&self, _: &Segment<Base>) -> u64 {
        assert!(self.opened > 0, "every image was refused");
        self.refused
    }
}

#[test]
fn p6_a_hostile_table_is_refused_with_a_reason_or_opened() {
    attack(Attacked::default(), 20);
}
