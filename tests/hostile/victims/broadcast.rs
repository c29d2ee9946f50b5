//! `Broadcast`, its lanes and its owners.

use super::Victim;
use shm_runtime::{Broadcast, Segment, ShmLayout, Start};
use std::time::Duration;

/// The segment.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 4)]
pub struct Schema {
    quotes: Broadcast<[u64; 3], 4>,
}

/// The messages.
#[derive(Debug)]
pub struct Quotes;

impl Victim for Quotes {
    type Schema = Schema;
    const NAME: &'static str = "broadcast";
    const PLACES: &'static [&'static str] =
        &["@participants", "@lanes", "quotes", "quotes", "quotes"];

    fn operate(segment: &Segment<Schema>) {
        let quotes = &segment.quotes;
        let mut newest = quotes.subscribe(Start::Newest);
        let mut oldest = quotes.subscribe(Start::Oldest);
        for value in 0..5 {
            let _ = quotes.send([value; 3]);
            let _ = (newest.recv(), oldest.recv());
        }
        if newest.missed() > 0 {
            let _ = oldest.recv_wait(Duration::ZERO);
            let _ = Segment::recover(segment);
        }
    }
}
