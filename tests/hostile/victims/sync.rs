//! `sync`, and its owners.

use super::Victim;
use shm_runtime::sync::{LockWaitError, TryLockError};
use shm_runtime::{Segment, ShmLayout, sync};
use std::time::Duration;

/// The segment.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 4)]
pub struct Schema {
    mutex: sync::Mutex<[u64; 3]>,
    table: sync::RwLock<[u64; 3]>,
    permits: sync::Semaphore<3>,
    barrier: sync::Barrier<2>,
    once: sync::Once,
    signal: sync::Signal,
}

/// What blocks; here never for ever.
#[derive(Debug)]
pub struct Locks;

impl Victim for Locks {
    type Schema = Schema;
    const NAME: &'static str = "sync";
    const PLACES: &'static [&'static str] = &[
        "@participants",
        "mutex",
        "table",
        "permits",
        "barrier",
        "once",
        "signal",
    ];

    fn operate(segment: &Segment<Schema>) {
        let now = Duration::ZERO;
        let locked = segment.mutex.lock_wait(now);
        if let Some(mut guard) = locked.map_or_else(LockWaitError::into_inner, Some) {
            guard.update(|value| value[0] = value[0].wrapping_add(1));
            guard.mark_consistent();
        }
        drop(segment.mutex.try_lock());
        let read = segment.table.try_read();
        if let Some(guard) = read.map_or_else(TryLockError::into_inner, Some) {
            let _ = guard.get();
        }
        drop(segment.table.read_wait(now));
        drop(segment.table.try_write());
        drop(segment.table.write_wait(now));
        let permits: Vec<_> = (0..4)
            .filter_map(|_| segment.permits.try_acquire())
            .collect();
        assert!(segment.permits.available() <= 3);
        drop(permits);
        drop(segment.permits.acquire_wait(now));
        let _ = segment.barrier.wait(now);
        let _ = segment.once.call_once_wait(now, |_| ());
        segment.signal.raise();
        let _ = segment.signal.wait(segment.signal.count(), now);
        let _ = segment.table.readers();
    }
}
