//! Barriers for a number of parties that is known at run time.

use super::place::Place;
use crate::error::{FieldError, Timeout};
use crate::memory::atomic::AtomicU64;
use crate::memory::signals::Event;
use crate::memory::site::Site;
use crate::sync::BarrierResult;
use crate::sync::passage::Passage;
use core::time::Duration;

/// Where the word and the places begin.
const STATE: usize = 8;
const PLACES: usize = 64;

/// The handle of a [`Barrier`](crate::sync::Barrier), by the algorithm of the typed handle.
///
/// ```
/// use shm_runtime::{dynamic, prelude::*};
/// use std::time::Duration;
///
/// #[derive(ShmLayout)]
/// struct Solver {
///     step: sync::Barrier<2>,
/// }
///
/// # let name = format!("doc-dynamic-barrier-{}", std::process::id());
/// let solver = Solver::create(&name)?;
/// let step = dynamic::Segment::open(&name)?.barrier("step")?;
/// let other = std::thread::spawn(move || step.wait(Duration::from_secs(60)));
/// let one = solver.step.wait(Duration::from_secs(60))?;
/// assert_ne!(one.is_leader(), other.join().expect("it does not panic")?.is_leader());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Progress
///
/// Blocking, as the typed handle.
#[derive(Clone, Debug)]
pub struct Barrier {
    moved: Site<Event>,
    state: Site<AtomicU64>,
    places: Site<[AtomicU64]>,
}

impl Barrier {
    pub(super) fn bind(place: Place<'_>) -> Result<Self, FieldError> {
        Ok(Self {
            moved: place.at(0)?,
            state: place.at(STATE)?,
            places: place.slice(PLACES, place.field.capacity())?,
        })
    }

    /// How many it waits for.
    pub fn parties(&self) -> usize {
        self.places.len()
    }

    /// Arrives, and waits up to `timeout` until all are there: see [`crate::sync::Barrier::wait`].
    ///
    /// # Errors
    ///
    /// [`Timeout`] where they were not: then this party has not arrived.
    ///
    /// # Panics
    ///
    /// Where the segment is open read-only.
    #[track_caller]
    pub fn wait(&self, timeout: Duration) -> Result<BarrierResult, Timeout> {
        self.moved.assert_writable();
        let passage = Passage {
            attachment: self.moved.attachment(),
            offset: self.moved.offset(),
            moved: &self.moved,
            state: &self.state,
            places: &self.places,
        };
        passage.pass(timeout)
    }
}
