//! `Pool`, and its owners.

use super::Victim;
use shm_runtime::{Handle, Pool, Segment, ShmLayout};
use std::time::Duration;

/// The segment.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 4)]
pub struct Schema {
    pool: Pool<[u64; 3], 4>,
}

/// The objects.
#[derive(Debug)]
pub struct Objects;

impl Victim for Objects {
    type Schema = Schema;
    const NAME: &'static str = "pool";
    const PLACES: &'static [&'static str] = &["@participants", "pool", "pool", "pool"];

    fn operate(segment: &Segment<Schema>) {
        let pool = &segment.pool;
        for value in 0..6 {
            if let Some(mut lease) = pool.acquire() {
                lease.write([value; 3]);
                let _ = (lease.get(), pool.get(lease.handle()));
                if value % 2 == 0 {
                    let _ = pool.release(lease.keep());
                }
            }
        }
        assert!(pool.leased() <= 4);
        let _ = pool.get(Handle::from_bits(u64::MAX));
        let _ = pool.recover();
        let _ = pool.acquire_wait(Duration::ZERO);
    }
}
