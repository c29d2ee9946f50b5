//! `Pool`: words, owners, and handles of any number.

use super::{Bounded, Family, attack};
use crate::{Handle, Pool, Segment};
use core::time::Duration;

const CAPACITY: usize = 4;
/// A look at all words, and one for each owner whose life is asked for.
const LOOK: u64 = 4 * CAPACITY as u64;
/// Most looks that one call takes, and a sweep.
const BOUND: u64 = 66 * LOOK + 8 * CAPACITY as u64;

#[derive(Debug, crate::ShmLayout)]
#[shm(lanes = 4)]
struct Objects {
    pool: Pool<[u64; 2], CAPACITY>,
}

#[derive(Default)]
struct Attacked {
    kept: Vec<Handle>,
    /// Leases that were refused, or ended by themselves.
    noticed: u64,
}

impl Family for Attacked {
    type Schema = Objects;
    const NAME: &'static str = "pool";
    const RARELY: u64 = 16;
    const PLACES: &'static [&'static str] = &["pool", "pool", "@participants"];

    fn fill(&mut self, objects: &Segment<Objects>, state: u64) {
        for _ in 0..3 * state {
            if let Some(lease) = objects.pool.acquire() {
                self.kept.push(lease.keep());
            }
            if self.kept.len() as u64 > state % CAPACITY as u64 {
                objects.pool.release(self.kept.remove(0));
            }
        }
    }

    fn operate(&mut self, objects: &Segment<Objects>, bounded: &mut Bounded, rare: bool) {
        let pool = &objects.pool;
        bounded.run("leased", LOOK, || assert!(pool.leased() <= CAPACITY));
        for &handle in &self.kept {
            bounded.run("get", LOOK, || pool.get(handle));
        }
        bounded.run("get", LOOK, || pool.get(Handle::from_bits(u64::MAX)));
        for _ in 0..2 {
            match bounded.run("acquire", BOUND, || pool.acquire()) {
                Some(mut lease) => {
                    bounded.run("write", LOOK, || lease.write([1; 2]));
                    let handle = lease.handle();
                    assert!(handle.index() < CAPACITY);
                    bounded.run("drop", LOOK, || drop(lease));
                    let again = bounded.run("release", LOOK, || pool.release(handle));
                    assert!(!again || !bounded.still, "it was given back");
                }
                None => self.noticed += 1,
            }
        }
        if rare {
            bounded.run("recover", BOUND, || pool.recover());
            let now = Duration::ZERO;
            let waited = bounded.run("acquire_wait", 66 * LOOK, || pool.acquire_wait(now));
            self.noticed += u64::from(waited.is_err());
        }
    }

    fn noticed(&self, _: &Segment<Objects>) -> u64 {
        self.noticed
    }
}

#[test]
fn p6_a_pool_of_hostile_words_ends_every_operation() {
    attack(Attacked::default(), 1);
}
