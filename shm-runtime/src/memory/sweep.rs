//! Recovery of all that the dead left, and the segment as the arena in which it happens.

use super::atomic::AtomicU64;
use super::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use super::attachment::Attachment;
use super::exchange::Line;
use super::kernel::Linux;
use super::lane::{LaneRecord, Phase, Place};
use super::liveness;
use super::participant::Identity;
use super::recovery::{Arena, Settled, settle_lane};
use super::signals::Signals;
use crate::seeded::{Bug, seeded};
use crate::trace::span;

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Lanes of the dead that were settled and are free again.
    pub settled: usize,
    /// Lanes whose answer a stopped process has, or that somebody else is settling: try again later.
    pub later: usize,
}

impl Attachment {
    /// Settles the lanes of all who are dead: what they had begun took effect once or not at all, what they
    /// held comes back, and their lanes are free.
    ///
    /// Nobody's progress needs it: it runs by itself when somebody attaches, runs out of lanes, claims a
    /// role or is about to sleep.
    ///
    /// # Progress
    ///
    /// Bounded: one pass over the lanes, and another one for each that settled some and left some. Two that sweep at
    /// a time do not wait for each other.
    pub fn recover(&self) -> Recovery {
        let mut all = Recovery::default();
        for _ in 0..=self.lanes().len() {
            let pass = self.sweep_all();
            all.settled += pass.settled;
            all.later = pass.later;
            // a lane that is settled now may say what became of one that was looked at before
            if pass.later == 0 || pass.settled == 0 || seeded(Bug::SweepOnce) {
                break;
            }
        }
        all
    }

    /// One pass over the lanes.
    fn sweep_all(&self) -> Recovery {
        let mut done = Recovery::default();
        if self.is_read_only() {
            return done;
        }
        let own = self.local().identity.load(Relaxed);
        let mut known_alive = 0;
        for (lane, record) in self.lanes().iter().enumerate() {
            let owner = record.owner.load(Acquire); // (I): what the owner published before it died
            if owner == 0 || owner == own || owner == known_alive {
                continue;
            }
            if Identity::from_word(owner).is_some_and(|identity| self.alive(identity))
                && !(seeded(Bug::DeadByTimeOut) && is_held_up(record))
            {
                known_alive = owner; // an attachment's lanes lie side by side as a rule
                continue;
            }
            match self.sweep(lane, owner) {
                Settled::Clean => done.settled += 1,
                Settled::Later => done.later += 1,
            }
        }
        done
    }

    /// Settles one lane, under the lock byte of those who do.
    fn sweep(&self, lane: usize, owner: u64) -> Settled {
        span!("recover", lane = lane, owner = owner);
        // The lock is free again when we die.
        let right = self.try_lock(liveness::lane(lane as u32));
        if !matches!(right, Ok(Some(_))) && !seeded(Bug::SweepWithoutRight) {
            return Settled::Later;
        }
        let record = &self.lanes()[lane];
        if record.owner.load(Acquire) != owner {
            return Settled::Clean; // somebody else was faster
        }
        let settled = settle_lane(&self, self.lanes(), lane, &Linux);
        if settled == Settled::Clean || seeded(Bug::FreeUnsettled) {
            // AcqRel) // to `claim`: the lane is idle for whoever leases it next
            let _ = record.owner.compare_exchange(owner, 0, AcqRel, Relaxed);
        }
        settled
    }
}

/// Whether a lane stands in one operation for a while: the question that [`Bug::DeadByTimeOut`] asks.
fn is_held_up(record: &LaneRecord) -> bool {
    let before = record.state();
    std::thread::sleep(core::time::Duration::from_millis(1));
    before.phase() != Phase::Idle && record.state() == before
}

impl Arena for &Attachment {
    fn exchange(&self, place: Place, lanes: usize) -> Option<(&Signals, &[AtomicU64], &[Line])> {
        let at = |offset: u64| usize::try_from(offset).ok();
        // A hostile intent must not lead a recovery into the table, the control block or the lanes.
        let start = at(place.offset()).filter(|&start| start >= self.structures())?;
        let signals = self.slice::<Signals>(start, 1)?.first()?;
        let words = self.slice(at(place.words())?, at(place.capacity())?)?;
        Some((signals, words, self.slice(at(place.lines())?, lanes)?))
    }

    fn rows(&self, place: Place, lanes: usize) -> Option<&[AtomicU64]> {
        let start = usize::try_from(place.end(lanes)).ok()?;
        self.slice(start, lanes.checked_mul(lanes)?)
    }
}
