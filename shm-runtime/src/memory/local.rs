//! What is local to one process: which of its lanes are in use, and by which thread.
//!
//! It lies in pages that a forked child finds zeroed, so that there is nothing of the parent's to clean up:
//! zero means "not attached, no lanes".

use crate::seeded::{Bug, seeded};
use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};

/// Lower bits of every stamp that are zero.
pub(super) const STAMP_SHIFT: u32 = 16;

/// The attachment's own words.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct LocalHeader {
    /// Not zero if and only if this process is attached; another number after every fork.
    pub stamp: AtomicU64,
    /// [`super::participant::Identity::word`].
    pub identity: AtomicU64,
    /// Address of the anchor.
    pub(super) anchor: AtomicUsize,
    /// The home lane.
    pub(super) home: AtomicU32,
    /// Operations that met bytes which no program of ours leaves.
    corrupt: AtomicU64,
    /// Where the structure lies that the last of them was on.
    corrupt_at: AtomicU64,
}

impl LocalHeader {
    /// Counts an operation that met bytes which no program of ours leaves, on the structure at `offset`.
    #[cold]
    pub fn note_corrupt(&self, offset: u64) {
        self.corrupt_at.store(offset, Relaxed); // for people
        self.corrupt.fetch_add(1, Relaxed); // a count
    }

    /// How often [`Self::note_corrupt`] was called, and the last offset.
    pub fn corrupt(&self) -> Option<(u64, u64)> {
        let count = self.corrupt.load(Relaxed); // a count
        (count > 0).then(|| (count, self.corrupt_at.load(Relaxed))) // for people
    }
}

/// One lane's words.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct LocalLane {
    /// Whether the attachment has this lane on lease: 1, or 0.
    pub(super) leased: AtomicU32,
    /// Who may use the lane: a thread id, [`TEMPORARY`], or zero for nobody yet.
    pub(super) user: AtomicU32,
    /// The thread id of the user while an operation runs. Only the user writes it, with plain stores.
    pub(super) busy: AtomicU32,
    /// Not zero once the lane is shared by threads that have none of their own: then `turn` decides.
    /// [`BEING_SHARED`] until a barrier has told all threads, then [`SHARED`].
    pub(super) shared: AtomicU32,
    /// The thread whose turn it is on a shared lane.
    pub(super) turn: AtomicU32,
}

impl LocalLane {
    /// Whether the calling thread, whose id is `thread`, is in the middle of an operation on this lane.
    pub(super) fn is_inside(&self, thread: u32) -> bool {
        let inside = self.busy.load(Relaxed) == thread || self.turn.load(Relaxed) == thread; // its own stores
        inside && !seeded(Bug::SharedLane)
    }
}

/// [`LocalLane::shared`] before the barrier.
pub(super) const BEING_SHARED: u32 = 1;
/// [`LocalLane::shared`] behind the barrier.
pub(super) const SHARED: u32 = 2;
/// The user of a lane that a guard or a signal handler has.
pub(super) const TEMPORARY: u32 = u32::MAX;
