//! `Queue<T, N>`: a bounded lock-free FIFO for any number of producers and consumers.
//!
//! # Guarantees
//!
//! Killed at any instruction, an operation took effect once or not at all, and nobody is held up (P1);
//! stopped for ever, likewise (P2). "Empty" and "full" are exact. What a dead consumer had taken and not
//! acknowledged comes back (P3). All-zero bytes are the empty queue (P4).
//!
//! # Bytes
//!
//! ```text
//! 0x000  head      u64, alone on 128 bytes      hint: next ticket to pop
//! 0x080  tail      u64, alone on 128 bytes      hint: next ticket to push
//! 0x100  signals   128 bytes                    returned elements, sleepers
//! 0x180  words     8 bytes × N                  {lap, full, node}
//!        lines     128 bytes × lanes            spare node and shelf of each lane
//!        nodes     size of T × (N + 2 × lanes)  at a multiple of 64
//! ```
//!
//! The memory is `(N + 2 × lanes) × size of T`, not `N × size of T`: every lane owns a spare node, and one
//! for an element that comes back.
//!
//! # If a process dies here
//!
//! | step | what survivors see | who repairs it |
//! |---|---|---|
//! | writing the value | nothing | nobody needs to |
//! | intent written, word not exchanged | nothing | recovery closes the intent |
//! | word exchanged | the element is pushed, popped or taken | recovery settles the two nodes |
//! | element held | nothing: it is withheld | recovery puts it on the lane's shelf: redelivered |
//! | returning | it comes back, once | recovery ends the return |
//! | woken the sleepers, not published | sleepers look again and find an announced operation | the first of them recovers it |
//!
//! The algorithm is in [`ring`], the primitive in `memory::exchange`, the model in `models::queue`.

mod guards;
pub mod ring;
#[cfg(test)]
mod tests;

pub use guards::{Loan, Taken};

use crate::error::{Full, NoLane, Timeout};
use crate::layout::bind::{BindError, Binder};
use crate::layout::node::{Node, StructureNode};
use crate::layout::{Element, Field, Represent, Structure};
use crate::memory::atomic::AtomicU64;
use crate::memory::attachment::Attachment;
use crate::memory::cell::{CellGroups, Cells};
use crate::memory::exchange::{Exchange, Fixed, Line, Words};
use crate::memory::kernel::Linux;
use crate::memory::lane::Place;
use crate::memory::padded::Padded;
use crate::memory::shared::impl_shared;
use crate::memory::signals::{Kernel, wait_until};
use crate::memory::site::Site;
use crate::memory::word::NODES_PER_LANE;
use core::fmt;
use core::mem::offset_of;
use core::time::Duration;
use ring::{Parts, Ring, Stop};
use zerocopy::FromZeros;

/// The queue's bytes: see the module's picture.
#[derive(Debug, FromZeros)]
#[repr(C)]
pub struct Repr<T, const N: usize, const L: usize> {
    head: Head<N>,
    lines: [Line; L],
    cells: CellGroups<T, N, L, NODES_PER_LANE>,
}

impl_shared!(impl[T: Element, const N: usize, const L: usize] Repr[T, N, L] {
    head, lines, cells
});

/// What the number of lanes does not move.
#[derive(Debug, FromZeros)]
#[repr(C)]
struct Head<const N: usize> {
    /// Hint: the next ticket to pop.
    head: Padded<AtomicU64>,
    /// Hint: the next ticket to push.
    tail: Padded<AtomicU64>,
    exchange: Words<N>,
}

impl_shared!(impl[const N: usize] Head[N] { head, tail, exchange });

impl<T: Element, const N: usize, const L: usize> Represent for Repr<T, N, L> {
    const SIZE: usize = offset_of!(Self, cells) + size_of::<T>() * (N + NODES_PER_LANE * L);
    const HOT: usize = offset_of!(Self, cells);
    const NODE: Node = Node::Structure(StructureNode {
        kind: "Queue",
        capacity: &[N],
        lanes: L,
    });
}

/// A bounded lock-free FIFO in shared memory, for any number of producers and consumers.
///
/// `N` is a power of two. Values are copied in and out; [`loan`](Self::loan) writes one in place, and
/// [`take`](Self::take) hands one out that comes back if its consumer dies.
///
/// ```
/// use shm_runtime::prelude::*;
///
/// #[derive(ShmLayout)]
/// struct Jobs {
///     pending: Queue<u64, 8>,
/// }
///
/// # let name = format!("doc-queue-{}", std::process::id());
/// let jobs = Jobs::create(&name)?;
/// jobs.pending.push(7)?;
/// assert_eq!(jobs.pending.peek(), Some(7));
/// assert_eq!(jobs.pending.pop(), Some(7));
/// assert_eq!(jobs.pending.pop(), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Progress
///
/// Lock-free, whoever is killed or stopped. Only the `…_wait` forms block.
pub struct Queue<T: 'static, const N: usize> {
    head: Site<Head<N>>,
    lines: Site<[Line]>,
    cells: Site<Cells<T>>,
    place: Place,
}

impl<T, const N: usize> Clone for Queue<T, N> {
    fn clone(&self) -> Self {
        Self {
            head: self.head.clone(),
            lines: self.lines.clone(),
            cells: self.cells.clone(),
            place: self.place,
        }
    }
}

impl<T, const N: usize> fmt::Debug for Queue<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("name", &self.head.name())
            .field("capacity", &N)
            .finish_non_exhaustive()
    }
}

impl<T: Element, const N: usize> Field for Queue<T, N> {
    type Element = T;
    type Repr<const L: usize> = Repr<T, N, L>;

    fn bind<const L: usize>(binder: &mut Binder<'_>) -> Result<Self, BindError> {
        const { assert!(N.is_power_of_two(), "a queue's capacity is a power of two") };
        let site = binder.site::<Repr<T, N, L>>()?;
        let head = site.map(|repr| &repr.head);
        Ok(Self {
            place: Place::new(head.map(|head| &head.exchange).offset(), N),
            head,
            lines: site.map(|repr| repr.lines.as_slice()),
            cells: site.map(|repr| repr.cells.cells()),
        })
    }
}

impl<T: Element, const N: usize> Structure for Queue<T, N> {}

static_assertions::assert_impl_all!(Queue<u64, 4>: Send, Sync, Clone);
static_assertions::assert_impl_all!(Loan<'static, u64, 4>: Send);
static_assertions::assert_impl_all!(Taken<'static, u64, 4>: Send);
static_assertions::assert_not_impl_any!(Taken<'static, u64, 4>: Clone);

impl<T: Element, const N: usize> Parts for Queue<T, N> {
    type Element = T;
    type Cells = Cells<T>;
    type Capacity = Fixed<N>;

    #[inline(always)]
    fn exchange(&self) -> Exchange<'_, Fixed<N>> {
        Exchange {
            words: &self.head.exchange.words,
            signals: &self.head.exchange.signals,
            lines: &self.lines,
            records: self.attachment().lanes(),
            place: self.place,
        }
    }

    #[inline(always)]
    fn cells(&self) -> &Cells<T> {
        &self.cells
    }

    #[inline(always)]
    fn head(&self) -> &AtomicU64 {
        &self.head.head.0
    }

    #[inline(always)]
    fn tail(&self) -> &AtomicU64 {
        &self.head.tail.0
    }

    #[inline(always)]
    fn kernel(&self) -> impl Kernel {
        Linux
    }
}

impl<T: Element, const N: usize> Queue<T, N> {
    #[inline(always)]
    fn attachment(&self) -> &Attachment {
        self.head.attachment()
    }

    #[inline(always)]
    const fn ring(&self) -> Ring<'_, Self> {
        Ring(self)
    }

    /// Counts what makes no sense, for `Segment::health`; panics on a read-only attachment.
    #[cold]
    #[inline(never)]
    fn refused(&self, stop: Option<Stop>) {
        self.head.assert_writable();
        if stop == Some(Stop::Corrupt) {
            self.attachment().local().note_corrupt(self.place.offset());
        }
    }

    /// Elements that there is room for.
    pub const fn capacity(&self) -> usize {
        N
    }

    /// How many elements there are, as far as that can be told while others push and pop.
    ///
    /// Elements that came back are not counted.
    ///
    /// # Progress
    ///
    /// Wait-free, in O(log N).
    pub fn len(&self) -> usize {
        self.ring().len()
    }

    /// Whether there was no element to pop at some moment during the call; others may push meanwhile.
    ///
    /// # Progress
    ///
    /// Wait-free, in O(log N).
    pub fn is_empty(&self) -> bool {
        self.ring().is_blocked(false)
    }

    /// Pushes `value`.
    ///
    /// # Errors
    ///
    /// [`Full`] gives the value back where all `N` places were taken at some moment during the call.
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    ///
    /// # Progress
    ///
    /// Lock-free.
    #[inline]
    pub fn push(&self, value: T) -> Result<(), Full<T>> {
        let pushed = match self.attachment().enter_own() {
            Some(lane) => self.ring().push_at_once(lane.index(), value),
            None => false,
        };
        if pushed {
            Ok(())
        } else {
            self.push_slowly(value)
        }
    }

    #[inline(never)]
    fn push_slowly(&self, value: T) -> Result<(), Full<T>> {
        let pushed = match self.attachment().enter() {
            Some(lane) => self.ring().push(lane.index(), value, true).map_err(Some),
            None => Err(None),
        };
        pushed.map_err(|stop| {
            self.refused(stop);
            Full(value)
        })
    }

    /// Pops the oldest element; one that came back goes first.
    ///
    /// `None` where there was none at some moment during the call. An element that is popped is gone, even
    /// if this process is killed before it has done anything with it: see [`take`](Self::take).
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    ///
    /// # Progress
    ///
    /// Lock-free.
    #[inline]
    pub fn pop(&self) -> Option<T> {
        let popped = match self.attachment().enter_own() {
            Some(lane) => self.ring().pop_at_once(lane.index()),
            None => None,
        };
        match popped {
            Some(value) => Some(value),
            None => self.pop_slowly(),
        }
    }

    #[inline(never)]
    fn pop_slowly(&self) -> Option<T> {
        let popped = match self.attachment().enter() {
            Some(lane) => self.ring().pop(lane.index(), true).map_err(Some),
            None => Err(None),
        };
        popped.map_err(|stop| self.refused(stop)).ok()
    }

    /// A copy of the oldest element, which stays; works on read-only attachments.
    ///
    /// # Progress
    ///
    /// Lock-free.
    pub fn peek(&self) -> Option<T> {
        self.ring().peek().ok()
    }

    /// Pushes a prefix of `values`, one after the other, and says how many.
    ///
    /// They are not contiguous where others push at the same time. A kill leaves a prefix.
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    ///
    /// # Progress
    ///
    /// Lock-free.
    pub fn push_slice(&self, values: &[T]) -> usize {
        let Some(lane) = self.attachment().enter() else {
            self.refused(None);
            return 0;
        };
        let (ring, lane) = (self.ring(), lane.index());
        let full = values.iter().enumerate().position(|(count, &value)| {
            !ring.push_at_once(lane, value) && ring.push(lane, value, count == 0).is_err()
        });
        full.unwrap_or(values.len())
    }

    /// Pops into `out` from its start, and says how many.
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    ///
    /// # Progress
    ///
    /// Lock-free.
    pub fn pop_slice(&self, out: &mut [T]) -> usize {
        let Some(lane) = self.attachment().enter() else {
            self.refused(None);
            return 0;
        };
        let (ring, lane) = (self.ring(), lane.index());
        for (count, place) in out.iter_mut().enumerate() {
            let popped = ring.pop_at_once(lane);
            match popped.or_else(|| ring.pop(lane, count == 0).ok()) {
                Some(value) => *place = value,
                None => return count,
            }
        }
        out.len()
    }

    /// Pushes `value`, and waits up to `timeout` for room.
    ///
    /// # Errors
    ///
    /// [`Full`] gives the value back where there was none in time.
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    ///
    /// # Progress
    ///
    /// Blocking, until there is room. A process killed while it makes room loses no wake-up.
    pub fn push_wait(&self, value: T, timeout: Duration) -> Result<(), Full<T>> {
        self.wait(true, timeout, || self.push(value).ok())
            .ok_or(Full(value))
    }

    /// Pops the oldest element, and waits up to `timeout` for one.
    ///
    /// # Errors
    ///
    /// [`Timeout`] where there was none in time.
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    ///
    /// # Progress
    ///
    /// Blocking, until there is an element. A process killed while it pushes loses no wake-up.
    pub fn pop_wait(&self, timeout: Duration) -> Result<T, Timeout> {
        self.wait(false, timeout, || self.pop()).ok_or(Timeout)
    }

    /// Tries until it succeeds or the time is up, and sleeps in between. No lane is held meanwhile.
    fn wait<R>(
        &self,
        filling: bool,
        timeout: Duration,
        attempt: impl FnMut() -> Option<R>,
    ) -> Option<R> {
        let event = if filling {
            &self.head.exchange.signals.emptied
        } else {
            &self.head.exchange.signals.filled
        };
        wait_until(timeout, attempt, |left| {
            let ring = self.ring();
            event.wait_round(
                &Linux,
                left,
                || _ = self.attachment().recover(),
                || ring.exchange().announced(!filling),
                || ring.is_blocked(filling),
            );
            true
        })
    }

    /// A place to write an element in, which [`Loan::commit`] then pushes without a copy.
    ///
    /// A loan that is dropped or forgotten, or whose process dies, costs nothing. Several may live at a time.
    ///
    /// # Errors
    ///
    /// [`NoLane`] where the segment has no lane left: each loan needs one of its own.
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    ///
    /// # Progress
    ///
    /// Lock-free.
    pub fn loan(&self) -> Result<Loan<'_, T, N>, NoLane> {
        self.head.assert_writable();
        let lane = self.attachment().lease().ok_or(NoLane)?;
        Ok(Loan::new(self, lane))
    }

    /// Takes the oldest element, which comes back unless [`Taken::done`] acknowledges it.
    ///
    /// So an element whose consumer dies is delivered again, out of order and perhaps twice, and never lost.
    ///
    /// # Errors
    ///
    /// [`NoLane`] where the segment has no lane left: each taken element needs one of its own.
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    ///
    /// # Progress
    ///
    /// Lock-free.
    pub fn take(&self) -> Result<Option<Taken<'_, T, N>>, NoLane> {
        self.head.assert_writable();
        let lane = self.attachment().lease().ok_or(NoLane)?;
        let index = lane.index().ok_or(NoLane)?;
        match self.ring().take(index) {
            Ok(()) => Ok(Some(Taken::new(self, lane))),
            Err(Stop::None) => Ok(None),
            Err(stop) => {
                self.refused(Some(stop));
                Ok(None)
            }
        }
    }
}
