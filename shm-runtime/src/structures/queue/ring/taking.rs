//! Elements that are taken and acknowledged, or come back.

use super::{Found, Leave, Parts, Ring, Stop};
use crate::memory::atomic::Ordering::Acquire;
use crate::memory::exchange::{Own, Target};
use crate::memory::lane::Phase;
use crate::memory::patience::PATIENCE;
use crate::memory::shelf;
use crate::memory::word::MAX_LANES;

impl<'a, P: Parts> Ring<'a, P> {
    /// Takes the next element in place: it becomes the lane's spare, and the lane is [`Phase::Held`] until
    /// [`Ring::done`] or [`Ring::put_back`].
    #[inline(always)]
    pub fn take(self, lane: usize) -> Result<(), Stop> {
        let own = self.exchange().own(lane)?;
        let record = own.record;
        record.enter(self.exchange().place);
        record.announce(Phase::Emptying);
        let taken = self.take_announced(own);
        record.close(if taken.is_ok() {
            Phase::Held
        } else {
            Phase::Idle
        });
        taken
    }

    fn take_announced(self, own: Own<'_>) -> Result<(), Stop> {
        let spare = self.exchange().spare(&own)?;
        let leave = move |found: Found<'a>| {
            let exchange = self.exchange();
            let wake = || exchange.signals.emptied.ring(&self.0.kernel());
            let node = exchange.check(found.node)?; // it becomes the lane's
            let done = exchange.swap(&own, &found.target, (spare, node), wake);
            if !done {
                own.record.close(Phase::Emptying);
            }
            Ok(done.then_some(()))
        };
        // the lane's own shelf must be free, in case this element comes back
        match self.leave_shelf(own.lane, leave) {
            Err(Stop::None) => {}
            other => return other,
        }
        self.next(own.lane, true, leave)
    }

    /// Acknowledges the held element: the lane's spare is a spare again.
    #[inline(always)]
    pub fn done(self, lane: usize) {
        if let Ok(record) = self.record(lane) {
            record.close(Phase::Idle);
        }
    }

    /// Gives the held element back: whoever takes or pops next gets it.
    pub fn put_back(self, lane: usize) {
        if let Ok(record) = self.record(lane) {
            shelf::put_back(&self.exchange(), record, lane, &self.0.kernel());
        }
    }

    /// An element from the shelf of lane `owner`.
    #[inline(always)]
    fn leave_shelf<R>(self, owner: usize, leave: impl Leave<'a, R>) -> Result<R, Stop> {
        let shelf = self.exchange().shelf(owner);
        let at = self.exchange().word(shelf).ok_or(Stop::Corrupt)?;
        for _ in 0..PATIENCE {
            let old = at.load(Acquire); // (A)
            let word = self.packing().unpack(old);
            if !word.full {
                return Err(Stop::None);
            }
            let node = self.exchange().node_in(shelf, old)?;
            let target = Target {
                phase: Phase::Reclaim,
                number: word.lap * MAX_LANES as u64 + owner as u64,
                word: shelf,
                at,
                old,
            };
            if let Some(element) = leave(Found { target, node })? {
                return Ok(element);
            }
        }
        Err(Stop::Corrupt)
    }

    /// An element from any shelf; takes the hint `seen` back where there is none.
    #[cold]
    #[inline(never)]
    pub(super) fn leave_shelves<R>(self, seen: u64, leave: impl Leave<'a, R>) -> Result<R, Stop> {
        let under_way = shelf::is_under_way(&self.exchange());
        for owner in 0..self.exchange().lines.len() {
            match self.leave_shelf(owner, leave) {
                Err(Stop::None) => {}
                other => return other,
            }
        }
        if !under_way {
            self.exchange().signals.clear_returned(seen);
        }
        Err(Stop::None)
    }
}
