//! Loans and taken elements: guards that have a lane of their own.

use super::Queue;
use crate::error::Full;
use crate::layout::Element;
use crate::memory::lanes::GuardLane;
use core::fmt;

/// A place in the queue's memory to write an element in.
///
/// In a forked child the loans of the parent are void: they cannot be committed, and are dropped without
/// effect.
pub struct Loan<'a, T: Element, const N: usize> {
    queue: &'a Queue<T, N>,
    lane: GuardLane<'a>,
}

impl<'a, T: Element, const N: usize> Loan<'a, T, N> {
    pub(super) const fn new(queue: &'a Queue<T, N>, lane: GuardLane<'a>) -> Self {
        Self { queue, lane }
    }

    /// Writes the element. What an earlier use left there is overwritten.
    pub fn write(&mut self, value: T) {
        if let Some(lane) = self.lane.index() {
            // what cannot be written shows when the loan is committed
            let _ = self.queue.ring().fill(lane, value);
        }
    }

    /// What is there now: zeros, or what was written here last.
    pub fn get(&self) -> T {
        let value = self
            .lane
            .index()
            .and_then(|lane| self.queue.ring().spare_value(lane).ok());
        value.unwrap_or_else(T::zeroed)
    }

    /// Pushes the element.
    ///
    /// # Errors
    ///
    /// [`Full`] gives the loan back where the queue was full, or where the loan is a parent's.
    ///
    /// # Progress
    ///
    /// Lock-free.
    pub fn commit(self) -> Result<(), Full<Self>> {
        let pushed = self
            .lane
            .index()
            .map(|lane| self.queue.ring().push_filled(lane));
        match pushed {
            Some(Ok(())) => Ok(()),
            _ => Err(Full(self)),
        }
    }
}

impl<T: Element, const N: usize> fmt::Debug for Loan<'_, T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loan")
            .field("lane", &self.lane.index())
            .finish_non_exhaustive()
    }
}

/// An element that was taken, and comes back unless it is acknowledged.
///
/// In a forked child the taken elements of the parent are void: the parent still has them.
#[must_use = "an element that is dropped without `done` goes back"]
pub struct Taken<'a, T: Element, const N: usize> {
    queue: &'a Queue<T, N>,
    lane: GuardLane<'a>,
    acknowledged: bool,
}

impl<'a, T: Element, const N: usize> Taken<'a, T, N> {
    pub(super) const fn new(queue: &'a Queue<T, N>, lane: GuardLane<'a>) -> Self {
        Self {
            queue,
            lane,
            acknowledged: false,
        }
    }

    /// The element; zeros in a forked child.
    pub fn get(&self) -> T {
        let value = self
            .lane
            .index()
            .and_then(|lane| self.queue.ring().spare_value(lane).ok());
        value.unwrap_or_else(T::zeroed)
    }

    /// Acknowledges the element: it does not come back.
    ///
    /// # Progress
    ///
    /// Wait-free: one store, before or behind which a kill lands.
    pub fn done(mut self) {
        if let Some(lane) = self.lane.index() {
            self.queue.ring().done(lane);
        }
        self.acknowledged = true;
    }
}

impl<T: Element, const N: usize> Drop for Taken<'_, T, N> {
    fn drop(&mut self) {
        if self.acknowledged {
            return;
        }
        if let Some(lane) = self.lane.index() {
            self.queue.ring().put_back(lane);
        }
    }
}

impl<T: Element, const N: usize> fmt::Debug for Taken<'_, T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Taken")
            .field("lane", &self.lane.index())
            .finish_non_exhaustive()
    }
}
