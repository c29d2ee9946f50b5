//! `Array` and `Atomic`.

use super::Victim;
use shm_runtime::{Array, Atomic, Segment, ShmLayout};

/// The segment: larger than a page, so that a hole can be punched into the middle of the array.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 4)]
pub struct Schema {
    grid: Array<f64, 2000>,
    count: Atomic<u32>,
}

/// Numbers.
#[derive(Debug)]
pub struct Plain;

impl Victim for Plain {
    type Schema = Schema;
    const NAME: &'static str = "array";
    const PLACES: &'static [&'static str] = &["grid", "count"];

    fn operate(segment: &Segment<Schema>) {
        let i = segment.count.fetch_add(7) as usize % segment.grid.len();
        segment.grid.set(i, 1.0);
        let _ = segment.grid.fetch_max(i, 2.0);
        let _ = segment.grid.compare_exchange(i, 2.0, 3.0);
        assert_eq!(segment.grid.iter().count(), 2000);
        segment.grid.copy_within(0..100, 1900);
    }
}
