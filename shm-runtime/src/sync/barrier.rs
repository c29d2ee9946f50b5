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
//! The algorithm is in `sync::gate`, run by `sync::passage`; the model in `models::sync`.

use super::passage::{BarrierResult, Passage};
use crate::error::Timeout;
use crate::layout::bind::{BindError, Binder};
use crate::layout::node::{Node, StructureNode};
use crate::layout::{Field, Represent, Structure};
use crate::memory::atomic::AtomicU64;
use crate::memory::shared::impl_shared;
use crate::memory::signals::Event;
use crate::memory::site::Site;
use core::fmt;
use core::time::Duration;
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

impl<const PARTIES: usize> Barrier<PARTIES> {
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
        let passage = Passage {
            attachment: self.site.attachment(),
            offset: self.site.offset(),
            moved: &self.site.moved,
            state: &self.site.state,
            places: &self.site.places,
        };
        passage.pass(timeout)
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
