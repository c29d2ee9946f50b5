//! How this process goes through a barrier, over the barrier's parts: one text for the typed handle and for the one
//! without a schema.
//!
//! The algorithm is in [`super::gate`].

use super::gate::{Arrival, Gate};
use super::ownership::{me, round};
use crate::error::Timeout;
use crate::memory::atomic::AtomicU64;
use crate::memory::attachment::Attachment;
use crate::memory::kernel::Linux;
use crate::memory::leases::{Lease, Leases};
use crate::memory::signals::{Event, wait_until};
use core::time::Duration;
use std::time::Instant;

/// How a party went through a [`Barrier`](super::Barrier).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarrierResult {
    leads: bool,
}

impl BarrierResult {
    /// Whether this is the one party that the others waited for: one of each round, or none if it died.
    pub const fn is_leader(self) -> bool {
        self.leads
    }
}

/// The parts of a barrier.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passage<'a> {
    pub(crate) attachment: &'a Attachment,
    /// Where the barrier lies, for [`Segment::health`](crate::Segment::health).
    pub(crate) offset: u64,
    pub(crate) moved: &'a Event,
    pub(crate) state: &'a AtomicU64,
    /// One for each party.
    pub(crate) places: &'a [AtomicU64],
}

impl<'a> Passage<'a> {
    fn gate(&self) -> Gate<'a, &'a Attachment, Linux> {
        Gate {
            state: self.state,
            places: Leases {
                words: self.places,
                freed: self.moved,
                owners: self.attachment,
                kernel: Linux,
            },
        }
    }

    /// Arrives, and waits up to `timeout` until all are there.
    pub(crate) fn pass(&self, timeout: Duration) -> Result<BarrierResult, Timeout> {
        let end = Instant::now().checked_add(timeout);
        let at = self.take_place(timeout).ok_or(Timeout)?;
        let left = end.map_or(Duration::MAX, |end| {
            end.saturating_duration_since(Instant::now())
        });
        let result = self.go_through(at, left);
        self.gate().places.release(at);
        result.map(|leads| BarrierResult { leads }).ok_or(Timeout)
    }

    fn take_place(&self, timeout: Duration) -> Option<Lease> {
        let take = || {
            let own = self.attachment.own()?;
            let me = me(self.attachment)?;
            // so that parties do not all try the same place first
            let start = own.slot as usize % self.places.len().max(1);
            self.gate().places.acquire_free(me, start)
        };
        wait_until(timeout, &take, |left| {
            round(self.attachment, |me| self.gate().wait_for_place(me, left));
            true
        })
        .or_else(|| {
            self.gate().sweep(me(self.attachment)?); // whatever the time was
            take()
        })
    }

    /// Goes through from a place, and says whether it leads; `None` where the time was up.
    fn go_through(&self, at: Lease, timeout: Duration) -> Option<bool> {
        let gate = self.gate();
        let Some(arrival) = gate.arrive(me(self.attachment)?, at) else {
            self.attachment.local().note_corrupt(self.offset);
            return None;
        };
        if arrival == Arrival::Opened {
            return Some(true);
        }
        let through = wait_until(
            timeout,
            || gate.is_through(at).then_some(()),
            |left| {
                round(self.attachment, |me| gate.wait_round(me, at, left));
                true
            },
        );
        (through.is_some() || !gate.withdraw(at)).then_some(false)
    }
}
