//! Operations that change nothing: they need no lane, and work on read-only mappings.

use super::{End, Parts, Ring, Stop, Walk};
use crate::memory::exchange::look;
use crate::memory::nodes::Nodes;

impl<P: Parts> Ring<'_, P> {
    /// A copy of the next element, which stays where it is.
    pub fn peek(self) -> Result<P::Element, Stop> {
        let mut walk = Walk::from(self.0.head(), false);
        loop {
            let (i, at) = self.slot(walk.ticket);
            let old = look(at);
            let word = self.packing().unpack(old);
            let lap = self.lap(walk.ticket);
            if word.full && word.lap == lap {
                let node = self.exchange().node_in(i, old)?;
                let value = self.0.cells().load(node).ok_or(Stop::Corrupt)?;
                if self.exchange().still(at, old) {
                    return Ok(value);
                }
                self.lost(&mut walk)?;
            } else if word.lap > lap {
                self.step(End::Head, &mut walk, i, word)?;
            } else {
                self.behind(End::Head, &mut walk)?;
            }
        }
    }

    /// How many elements there are; others may push and pop meanwhile. Returned ones are not counted.
    #[expect(
        clippy::len_without_is_empty,
        reason = "`is_blocked` is the exact answer"
    )]
    pub fn len(self) -> usize {
        let (head, tail) = (self.locate(End::Head), self.locate(End::Tail));
        (tail.wrapping_sub(head)).min(self.capacity()) as usize
    }

    /// So many elements were popped and pushed since the queue is there.
    pub fn positions(self) -> (u64, u64) {
        (self.locate(End::Head), self.locate(End::Tail))
    }

    /// Whether the word at `end` shows, exactly, that an operation there would find nothing to do.
    pub fn is_blocked(self, filling: bool) -> bool {
        let end = if filling { End::Tail } else { End::Head };
        if !filling && self.exchange().signals.returned().is_some() {
            return false;
        }
        let ticket = self.locate(end);
        let (_, at) = self.slot(ticket);
        let word = self.packing().unpack(look(at));
        let ready = word.lap == self.lap(ticket) && word.full != filling;
        !ready && Self::claimed(end, word) <= self.lap(ticket)
    }
}
