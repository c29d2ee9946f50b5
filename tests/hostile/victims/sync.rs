//! `sync`, and its owners.

use super::Victim;
use shm_runtime::{Segment, ShmLayout, sync};
use std::time::Duration;

/// The segment.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 4)]
pub struct Schema {
    mutex: sync::Mutex<[u64; 3]>,
}

/// What blocks; here never for ever.
#[derive(Debug)]
pub struct Locks;

impl Victim for Locks {
    type Schema = Schema;
    const NAME: &'static str = "sync";
    const PLACES: &'static [&'static str] = &["@participants", "mutex"];

    fn operate(segment: &Segment<Schema>) {
        if let Some(mut guard) = segment
            .mutex
            .lock_wait(Duration::ZERO)
            .map_or_else(sync::LockWaitError::into_inner, Some)
        {
            guard.update(|value| value[0] = value[0].wrapping_add(1));
            guard.mark_consistent();
        }
        drop(segment.mutex.try_lock());
    }
}
