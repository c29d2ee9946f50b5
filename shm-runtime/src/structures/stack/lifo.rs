//! The stack's algorithm: [`TwoLists`], and what their nodes hold.
//!
//! A push fills its lane's spare, where nobody looks, and gives it. A pop gives its spare as it is; what it takes
//! is private from then on, so it is copied afterwards, at leisure. A peek copies what others may take meanwhile,
//! and believes the copy if the word has not moved.

use crate::memory::nodes::Nodes;
use crate::memory::signals::Kernel;
use crate::memory::two_lists::{Stop, TwoLists, Way};

/// The algorithm over a stack's parts.
#[derive(Debug)]
pub struct Lifo<'a, C: ?Sized, K> {
    /// The filled and the free nodes.
    pub lists: TwoLists<'a>,
    /// What they hold.
    pub cells: &'a C,
    /// How sleepers are woken.
    pub kernel: K,
}

impl<C: Nodes + ?Sized, K: Kernel + Copy> Lifo<'_, C, K> {
    /// Pushes `value`.
    #[inline(always)]
    pub fn push(&self, lane: usize, value: C::Value) -> Result<(), Stop> {
        let own = self.lists.begin(lane)?;
        if !self.cells.store(own.spare, value) {
            return Err(Stop::Corrupt);
        }
        let kernel = self.kernel; // a copy: so that nobody needs the address of all parts
        self.lists.exchange(&own, Way::Push, &kernel)?;
        Ok(())
    }

    /// Pops the value that was pushed last.
    #[inline(always)]
    pub fn pop(&self, lane: usize) -> Result<C::Value, Stop> {
        let own = self.lists.begin(lane)?;
        let kernel = self.kernel; // as above
        let node = self.lists.exchange(&own, Way::Pop, &kernel)?;
        self.cells.load(node).ok_or(Stop::Corrupt)
    }

    /// A copy of the value that was pushed last, which stays; works on read-only mappings.
    pub fn peek(&self) -> Result<C::Value, Stop> {
        self.lists.peek(|node| self.cells.load(node))
    }
}
