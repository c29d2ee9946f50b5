//! `Queue`, and recovery of its lanes.

use super::Victim;
use shm_runtime::{Queue, Segment, ShmLayout};
use std::time::Duration;

/// The segment.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 4)]
pub struct Schema {
    events: Queue<[u64; 3], 4>,
}

/// The queue.
#[derive(Debug)]
pub struct Events;

impl Victim for Events {
    type Schema = Schema;
    const NAME: &'static str = "queue";
    const PLACES: &'static [&'static str] = &["@lanes", "@participants", "events", "events"];

    fn operate(segment: &Segment<Schema>) {
        let events = &segment.events;
        for value in 0..6 {
            let _ = events.push([value; 3]);
        }
        let _ = events.peek();
        assert!(events.len() <= 4);
        let _ = events.is_empty();
        if let Ok(Some(taken)) = events.take() {
            let _ = taken.get();
        }
        if let Ok(Some(taken)) = events.take() {
            taken.done();
        }
        if let Ok(mut loan) = events.loan() {
            loan.write([9; 3]);
            let _ = loan.commit();
        }
        assert!(events.pop_slice(&mut [[0; 3]; 9]) <= 9);
        let _ = events.pop_wait(Duration::ZERO);
        let _ = events.push_wait([1; 3], Duration::ZERO);
        let _ = Segment::recover(segment);
    }
}
