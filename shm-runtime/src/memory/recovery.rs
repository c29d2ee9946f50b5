//! Recovery of a lane whose owner is dead: what it had begun is settled, what it held comes back.
//!
//! It needs no type: the lane's intent names the place of the structure, and every number in it is
//! checked. It is idempotent, so a recoverer may die anywhere; its right to sweep is a lock that the
//! kernel releases, so two never work on one lane. Nobody's progress waits for it.

use super::atomic::AtomicU64;
use super::bucket;
use super::exchange::{Dynamic, Exchange, Line};
use super::lane::{LaneRecord, Phase, Place};
use super::shelf;
use super::signals::{Kernel, Signals};
use super::two_lists;
use crate::seeded::{Bug, seeded};

/// Finds parts of the segment by their byte offset, which is an input: bounds and alignment are checked.
pub trait Arena {
    /// What lies at a place, and `lanes` lines behind it.
    fn exchange(&self, place: Place, lanes: usize) -> Option<(&Signals, &[AtomicU64], &[Line])>;

    /// As many words for each lane as there are lanes, behind the lines: see [`two_lists`]. Not every structure has
    /// them.
    fn rows(&self, _place: Place, _lanes: usize) -> Option<&[AtomicU64]> {
        None
    }
}

/// What became of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The lane is idle; what it had begun took effect once or not at all.
    Clean,
    /// A process that is stopped in the middle of an exchange has the answer: try again later.
    Later,
}

/// Settles lane `lane`, whose owner is dead. The caller holds the right to sweep it.
pub fn settle_lane(
    arena: &impl Arena,
    records: &[LaneRecord],
    lane: usize,
    kernel: &impl Kernel,
) -> Settled {
    let Some(record) = records.get(lane) else {
        return Settled::Clean;
    };
    // any phase needs at most three rounds: settle, hold or clean, be seen idle
    for _ in 0..4 {
        let state = record.state();
        let phase = state.phase();
        if matches!(phase, Phase::Idle) {
            return Settled::Clean;
        }
        let exchange = resolve(arena, records, record.place());
        let Some(exchange) =
            exchange.filter(|_| !matches!(phase, Phase::Filling | Phase::Emptying))
        else {
            record.close(Phase::Idle); // nothing was exchanged, or nothing of it can be believed
            return Settled::Clean;
        };
        if let Some(way) = two_lists::Way::of(phase) {
            if let Some(rows) = arena.rows(record.place(), records.len()) {
                two_lists::settle(&exchange, rows, lane, way, &record.intent(state));
            }
            record.close(Phase::Idle);
            return Settled::Clean;
        }
        if phase == Phase::Held {
            shelf::put_back(&exchange, record, lane, kernel);
            continue;
        }
        if phase == Phase::Inserted {
            if !seeded(Bug::NoCleaning) {
                bucket::give_up(&exchange, &record.intent(state));
            }
            record.close(Phase::Idle);
            continue;
        }
        match exchange.settle(lane, &record.intent(state)) {
            None => return Settled::Later,
            Some(true) if matches!(phase, Phase::Take | Phase::Reclaim) => {
                record.close(Phase::Held)
            }
            Some(false) if phase == Phase::Return => record.close(Phase::Held),
            Some(true) if phase == Phase::Insert => record.close(Phase::Inserted),
            Some(_) => record.close(Phase::Idle),
        }
    }
    Settled::Later
}

/// The structure that an intent names, if all of it lies inside the segment.
fn resolve<'a>(
    arena: &'a impl Arena,
    records: &'a [LaneRecord],
    place: Place,
) -> Option<Exchange<'a, Dynamic>> {
    let (signals, words, lines) = arena.exchange(place, records.len())?;
    Some(Exchange {
        words,
        signals,
        lines,
        records,
        place,
    })
}
