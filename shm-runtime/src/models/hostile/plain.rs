//! `Array` and `Atomic`: every bit pattern is a value, so the words are found as they were left.

use super::{Bounded, Family, attack};
use crate::{Array, Atomic, Segment};

const LEN: usize = 16;
/// Accesses of one operation on all of it.
const BOUND: u64 = 4 * LEN as u64;

#[derive(Debug, crate::ShmLayout)]
struct Plain {
    grid: Array<f64, LEN>,
    wide: Array<[u32; 3], LEN>,
    count: Atomic<u64>,
    level: Atomic<f32>,
}

#[derive(Default)]
struct Attacked {
    /// Words that are no numbers.
    noticed: u64,
}

impl Family for Attacked {
    type Schema = Plain;
    const NAME: &'static str = "array";
    const PLACES: &'static [&'static str] = &["grid", "wide", "count", "level"];

    fn fill(&mut self, plain: &Segment<Plain>, state: u64) {
        plain.grid.fill(state as f64);
        plain.wide.fill([state as u32; 3]);
        plain.count.store(state);
    }

    fn operate(&mut self, plain: &Segment<Plain>, bounded: &mut Bounded, rare: bool) {
        let i = plain.count.load() as usize % LEN;
        let value = bounded.run("get", BOUND, || plain.grid.get(i));
        self.noticed += u64::from(value.is_nan());
        bounded.run("set", BOUND, || plain.grid.set(i, 0.5));
        bounded.run("fetch_add", BOUND, || {
            plain.grid.fetch_add((i + 1) % LEN, 0.5)
        });
        bounded.run("fetch_max", BOUND, || {
            plain.grid.fetch_max((i + 2) % LEN, 0.5)
        });
        bounded.run("wide.get", BOUND, || plain.wide.get(i));
        bounded.run("count", BOUND, || plain.count.fetch_add(1));
        bounded.run("level", BOUND, || plain.level.fetch_min(0.5));
        if rare {
            bounded.run("iter", BOUND, || plain.grid.iter().sum::<f64>());
            bounded.run("read_into", BOUND, || {
                plain.wide.read_into(0, &mut [[0; 3]; LEN])
            });
            bounded.run("copy_within", 2 * BOUND, || {
                plain.wide.copy_within(1..LEN, 0)
            });
        }
    }

    fn noticed(&self, _: &Segment<Plain>) -> u64 {
        self.noticed
    }
}

#[test]
fn p6_arrays_of_hostile_words_are_values() {
    attack(Attacked::default(), 1);
}
