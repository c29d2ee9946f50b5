//! `Broadcast`, its lanes, and the recovery of what their records say.

use super::{Bounded, Family, attack};
use crate::{Broadcast, RecvError, Segment, Start};
use core::time::Duration;

const CAPACITY: usize = 4;
const LANES: usize = 4;
/// Accesses of one operation.
const BOUND: u64 = 20 * (CAPACITY + LANES) as u64;
/// A recovery settles every lane, each by up to four looks at all words and lines, four times over.
const RECOVERY: u64 = LANES as u64 * 16 * 8 * (CAPACITY + 3 * LANES) as u64;

#[derive(Debug, crate::ShmLayout)]
#[shm(lanes = 4)]
struct Market {
    quotes: Broadcast<u64, CAPACITY>,
}

struct Attacked;

impl Family for Attacked {
    type Schema = Market;
    const NAME: &'static str = "broadcast";
    const RARELY: u64 = 8;
    const PLACES: &'static [&'static str] =
        &["@participants", "@lanes", "quotes", "quotes", "quotes"];

    fn fill(&mut self, market: &Segment<Market>, state: u64) {
        for value in 0..2 * state {
            market.quotes.send(value).expect("a lane");
        }
    }

    fn operate(&mut self, market: &Segment<Market>, bounded: &mut Bounded, rare: bool) {
        let quotes = &market.quotes;
        let mut newest = bounded.run("subscribe", BOUND, || quotes.subscribe(Start::Newest));
        let mut oldest = bounded.run("subscribe", BOUND, || quotes.subscribe(Start::Oldest));
        for value in 0..3 {
            let _ = bounded.run("send", BOUND, || quotes.send(value));
            let _ = bounded.run("recv", BOUND, || newest.recv());
            let _ = bounded.run("recv", BOUND, || oldest.recv());
        }
        let _ = bounded.run("send", BOUND, || quotes.send(9));
        bounded.run("sent", BOUND, || quotes.sent());
        if rare {
            // messages and losses come one after the other, and then nothing any more
            let mut wait = || newest.recv_wait(Duration::ZERO);
            let all = (0..40).find(|_| {
                bounded.run("recv_wait", 70 * BOUND, &mut wait) == Err(RecvError::Timeout)
            });
            assert!(all.is_some(), "messages without an end");
            bounded.run("recover", RECOVERY, || Segment::recover(market));
        }
    }

    fn noticed(&self, market: &Segment<Market>) -> u64 {
        Segment::health(market).corrupt
    }
}

#[test]
fn p6_a_broadcast_of_hostile_words_ends_every_operation() {
    attack(Attacked, 1);
}
