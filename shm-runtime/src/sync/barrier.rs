//! `Barrier<PARTIES>`: nobody goes on before all are there.
//!
//! # Bytes
//!
//! ```text
//! 0x000  moved   event, 8 bytes             sleepers
//! 0x008  state   8 bytes, to 64             {changes, who is here}
//! 0x040  places  8 bytes × PARTIES          {generation, leaving, owner}
//! ```
//!
//! # If a process dies here
//!
//! | step | what survivors see | who repairs it |
//! |---|---|---|
//! | before it has arrived | nothing | nobody needs to |
//! | arrived | its arrival is withdrawn: the others wait for somebody else | those who wait, or the last one to come |
//! | opening | all are through, or its arrival is withdrawn | as above |
//! | through | the others are through; nobody may be the leader | as above |
//! | stopped before it has arrived | the others wait | SIGCONT, or another party |
//!
//! The algorithm is in `sync::gate`, the model in `models::sync`.

use super::gate::{Arrival, Gate};
use super::ownership::{me, note_corrupt, round};
use crate::error::Timeout;
use crate::layout::bind::{BindError, Binder};
use crate::layout::node::{Node, StructureNode};
use crate::layout::{Field, Represent, Structure};
use crate::memory::atomic::AtomicU64;
use crate::memory::attachment::Attachment;
use crate::memory::kernel::Linux;
use crate::memory::leases::{Lease, Leases};
use crate::memory::shared::impl_shared;
use crate::memory::signals::{Event, wait_until};
use crate::memory::site::Site;
use core::fmt;
use core::time::Duration;
use std::time::Instant;
use zerocopy::FromZeros;

/// The barrier's bytes: see the module's picture.
#[derive(Debug, FromZeros)]
#[repr(C, align(64))]
pub struct Repr<const PARTIES: usize> {
    moved: Event,
    state: AtomicU64,
    reserved: [AtomicU64; 6],
    places: [AtomicU64; PARTIES],
}

impl_shared!(impl[const PARTIES: usize] Repr[PARTIES] { moved, state, reserved, places });

impl<const PARTIES: usize> Represent for Repr<PARTIES> {
    const SIZE: usize = 64 + 8 * PARTIES;
    const HOT: usize = Self::SIZE;
    const NODE: Node = Node::Structure(StructureNode {
        kind: "Barrier",
        capacity: &[PARTIES],
        lanes: 0,
    });
}

/// A barrier for `PARTIES` parties, 1 to 32, in any processes; it can be used again and again.
///
/// ```
/// use shm_runtime::prelude::*;
/// use std::time::Duration;
///
/// #[derive(ShmLayout)]
/// struct Solver {
///     step: sync::Barrier<2>,
/// }
///
/// # let name = format!("doc-barrier-{}", std::process::id());
/// let solver = Solver::create(&name)?;
/// let other = Solver::open(&name)?; // as a rule in another process
/// let other = std::thread::spawn(move || other.step.wait(Duration::from_secs(60)));
/// let one = solver.step.wait(Duration::from_secs(60))?;
/// let two = other.join().expect("it does not panic")?;
/// assert_ne!(one.is_leader(), two.is_leader());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A party is a call of [`wait`](Self::wait), from whatever thread or process. If more than `PARTIES` wait at
/// once, those who came too late wait for the next round.
///
/// # When a party dies
///
/// An arrival of a process that dies before the barrier opens is withdrawn, and so is one that times out: the
/// barrier opens when `PARTIES` who live are there. A process that died while the last one was arriving may
/// have been counted.
///
/// # Progress
///
/// Blocking: a party that is stopped before it arrives, or before it is gone, holds up the others. A death
/// holds nobody up for longer than 50 ms. The last to arrive asks the kernel once for each other attachment.
#[derive(Clone)]
pub struct Barrier<const PARTIES: usize> {
    site: Site<Repr<PARTIES>>,
}

impl<const PARTIES: usize> fmt::Debug for Barrier<PARTIES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier")
            .field("name", &self.site.name())
            .field("parties", &PARTIES)
            .finish_non_exhaustive()
    }
}

impl<const PARTIES: usize> Field for Barrier<PARTIES> {
    type Element = ();
    type Repr<const L: usize> = Repr<PARTIES>;

    fn bind<const L: usize>(binder: &mut Binder<'_>) -> Result<Self, BindError> {
        let site = binder.site()?;
        Ok(Self { site })
    }
}

impl<const PARTIES: usize> Structure for Barrier<PARTIES> {}

static_assertions::assert_impl_all!(Barrier<4>: Send, Sync, Clone);

/// How a party went through a [`Barrier`].
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

impl<const PARTIES: usize> Barrier<PARTIES> {
    fn attachment(&self) -> &Attachment {
        self.site.attachment()
    }

    fn gate(&self) -> Gate<'_, &Attachment, Linux> {
        Gate {
            state: &self.site.state,
            places: Leases {
                words: &self.site.places,
                freed: &self.site.moved,
                owners: self.attachment(),
                kernel: Linux,
            },
        }
    }

    /// Arrives, and waits up to `timeout` until all are there.
    ///
    /// # Errors
    ///
    /// [`Timeout`] where they were not: then this party has not arrived.
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    ///
    /// # Progress
    ///
    /// Blocking, until `PARTIES` who live are there, or the time is up.
    #[track_caller]
    pub fn wait(&self, timeout: Duration) -> Result<BarrierResult, Timeout> {
        self.site.assert_writable();
        let end = Instant::now().checked_add(timeout);
        let at = self.take_place(timeout).ok_or(Timeout)?;
        let left = end.map_or(Duration::MAX, |end| {
            end.saturating_duration_since(Instant::now())
        });
        let result = self.pass(at, left);
        self.gate().places.release(at);
        result.map(|leads| BarrierResult { leads }).ok_or(Timeout)
    }

    fn take_place(&self, timeout: Duration) -> Option<Lease> {
        let take = || {
            let own = self.attachment().own()?;
            let me = me(self.attachment())?;
            // so that parties do not all try the same place first
            let start = own.slot as usize % PARTIES;
            self.gate().places.acquire_free(me, start)
        };
        wait_until(timeout, &take, |left| {
            round(self.attachment(), |me| self.gate().wait_for_place(me, left));
            true
        })
        .or_else(|| {
            self.gate().sweep(me(self.attachment())?); // whatever the time was
            take()
        })
    }

    /// Goes through from a place, and says whether it leads; `None` where the time was up.
    fn pass(&self, at: Lease, timeout: Duration) -> Option<bool> {
        let gate = self.gate();
        let Some(arrival) = gate.arrive(me(self.attachment())?, at) else {
            note_corrupt(&self.site);
            return None;
        };
        if arrival == Arrival::Opened {
            return Some(true);
        }
        let through = wait_until(
            timeout,
            || gate.is_through(at).then_some(()),
            |left| {
                round(self.attachment(), |me| gate.wait_round(me, at, left));
                true
            },
        );
        (through.is_some() || !gate.withdraw(at)).then_some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::Ordering::Relaxed;

    #[test]
    fn zeroed_is_empty() {
        let repr = Repr::<3>::new_zeroed();
        assert_eq!(repr.state.load(Relaxed), 0);
        assert!(repr.places.iter().all(|place| place.load(Relaxed) == 0));
    }

    #[test]
    fn entry_covers_the_places() {
        assert_eq!(<Repr<3> as Represent>::SIZE, 64 + 24);
        assert_eq!(<Repr<32> as Represent>::SIZE, 64 + 256);
    }
}
