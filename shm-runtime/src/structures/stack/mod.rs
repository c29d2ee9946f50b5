//! `Stack<T, N>`: a bounded lock-free LIFO for any number of processes.
//!
//! # Guarantees
//!
//! Killed at any instruction, an operation took effect once or not at all, and nobody is held up (P1); stopped
//! for ever, likewise (P2). "Empty" and "full" are exact. What a dead process left unfinished is settled at
//! once, whoever else is stopped, and its lane is whole again (P3). All-zero bytes are the empty stack (P4).
//!
//! Whoever reads the word, sleeps, and finds the same word again although others have pushed and popped in between
//! (ABA) would corrupt the lists. The word therefore counts operations in 33 bits: the sleeper would have
//! to miss a multiple of 8,589,934,592 operations exactly.
//!
//! # Bytes
//!
//! ```text
//! 0x000  signals  128 bytes                  sleepers
//! 0x080  heads    u64, alone on 128 bytes    {count, last was a push, first filled node, first free node}
//! 0x100  lines    128 bytes × lanes          spare node of each lane
//!        rows     8 bytes × lanes × lanes    whose operation each lane has moved past
//!        links    16 bytes × (lanes + N)     which operation gave a node, how many were filled, the node behind
//!        nodes    size of T × (lanes + N)    at a multiple of 64
//! ```
//!
//! # If a process dies here
//!
//! | step | what survivors see | who repairs it |
//! |---|---|---|
//! | writing the value | nothing | nobody needs to |
//! | intent written, word not exchanged | nothing | recovery closes the intent |
//! | word exchanged | the value is pushed or popped | recovery settles which node is the lane's |
//! | popped, value not copied | the value is gone, with the dead | nobody can |
//! | woken the sleepers, not exchanged | sleepers look again and find an announced operation | the first of them recovers it |
//!
//! The algorithm is in `memory::two_lists`, the model in `models::stack`.

pub mod lifo;
#[cfg(test)]
mod tests;

use crate::error::{Full, Timeout};
use crate::layout::bind::{BindError, Binder};
use crate::layout::node::{Node, StructureNode};
use crate::layout::{Element, Field, Represent, Structure};
use crate::memory::atomic::AtomicU64;
use crate::memory::attachment::Attachment;
use crate::memory::cell::{CellGroups, Cells};
use crate::memory::exchange::{Line, Words};
use crate::memory::kernel::Linux;
use crate::memory::lane::Place;
use crate::memory::shared::{Joined, impl_shared};
use crate::memory::signals::wait_until;
use crate::memory::site::Site;
use crate::memory::two_lists::{Link, MOST_NODES, Stop, TwoLists, Way};
use core::fmt;
use core::mem::offset_of;
use core::time::Duration;
use lifo::Lifo;
use zerocopy::FromZeros;

/// The stack's bytes: see the module's picture.
#[derive(Debug, FromZeros)]
#[repr(C)]
pub struct Repr<T, const N: usize, const L: usize> {
    head: Words<1>,
    lines: [Line; L],
    rows: [[AtomicU64; L]; L],
    links: Joined<Link, L, N>,
    cells: CellGroups<T, L, N, 1>,
}

impl_shared!(impl[T: Element, const N: usize, const L: usize] Repr[T, N, L] {
    head, lines, rows, links, cells
});

impl<T: Element, const N: usize, const L: usize> Represent for Repr<T, N, L> {
    const SIZE: usize = offset_of!(Self, cells) + size_of::<T>() * (L + N);
    const HOT: usize = offset_of!(Self, cells);
    const NODE: Node = Node::Structure(StructureNode {
        kind: "Stack",
        capacity: &[N],
        lanes: L,
    });
}

/// A bounded lock-free LIFO in shared memory, for any number of processes.
///
/// `N` is any number from 1 on; with the lanes of the schema it makes at most 32,767, so it is at most 32,703 with
/// the default of 64 lanes. The memory is `(N + lanes) × (16 + size of T) + 128 × lanes + 8 × lanes²`: 40 KiB besides
/// the elements with 64 lanes, 544 KiB with 256. Values are copied in and out.
///
/// ```
/// use shm_runtime::prelude::*;
///
/// #[derive(ShmLayout)]
/// struct Workers {
///     idle: Stack<u32, 100>,
/// }
///
/// # let name = format!("doc-stack-{}", std::process::id());
/// let workers = Workers::create(&name)?;
/// workers.idle.push(7)?;
/// workers.idle.push(8)?;
/// assert_eq!(workers.idle.peek(), Some(8));
/// assert_eq!(workers.idle.pop(), Some(8)); // the last one first: its caches are warm
/// assert_eq!(workers.idle.pop(), Some(7));
/// assert_eq!(workers.idle.pop(), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Progress
///
/// Lock-free, whoever is killed or stopped. Only the `…_wait` forms block.
pub struct Stack<T: 'static, const N: usize> {
    head: Site<Words<1>>,
    lines: Site<[Line]>,
    rows: Site<[AtomicU64]>,
    links: Site<[Link]>,
    cells: Site<Cells<T>>,
    place: Place,
}

impl<T, const N: usize> Clone for Stack<T, N> {
    fn clone(&self) -> Self {
        Self {
            head: self.head.clone(),
            lines: self.lines.clone(),
            rows: self.rows.clone(),
            links: self.links.clone(),
            cells: self.cells.clone(),
            place: self.place,
        }
    }
}

impl<T, const N: usize> fmt::Debug for Stack<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack")
            .field("name", &self.head.name())
            .field("capacity", &N)
            .finish_non_exhaustive()
    }
}

impl<T: Element, const N: usize> Field for Stack<T, N> {
    type Element = T;
    type Repr<const L: usize> = Repr<T, N, L>;

    fn bind<const L: usize>(binder: &mut Binder<'_>) -> Result<Self, BindError> {
        const { assert!(N > 0 && N + L <= MOST_NODES, "see `layout::capacity`") };
        let site = binder.site::<Repr<T, N, L>>()?;
        let head = site.map(|repr| &repr.head);
        Ok(Self {
            place: Place::new(head.offset(), 1),
            head,
            lines: site.map(|repr| repr.lines.as_slice()),
            rows: site.map(|repr| repr.rows.as_flattened()),
            links: site.map(|repr| repr.links.all()),
            cells: site.map(|repr| repr.cells.cells()),
        })
    }
}

impl<T: Element, const N: usize> Structure for Stack<T, N> {}

static_assertions::assert_impl_all!(Stack<u64, 4>: Send, Sync, Clone);

impl<T: Element, const N: usize> Stack<T, N> {
    #[inline(always)]
    fn attachment(&self) -> &Attachment {
        self.head.attachment()
    }

    #[inline(always)]
    fn lifo(&self) -> Lifo<'_, Cells<T>, Linux> {
        Lifo {
            lists: TwoLists {
                heads: &self.head.words[0],
                signals: &self.head.signals,
                lines: &self.lines,
                rows: &self.rows,
                links: &self.links,
                records: self.attachment().lanes(),
                place: self.place,
            },
            cells: &self.cells,
            kernel: Linux,
        }
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

    /// How many elements there were at some moment during the call.
    ///
    /// # Progress
    ///
    /// Lock-free.
    pub fn len(&self) -> usize {
        self.lifo().lists.len().unwrap_or(0)
    }

    /// Whether there was no element at some moment during the call; others may push meanwhile.
    ///
    /// # Progress
    ///
    /// Wait-free.
    pub fn is_empty(&self) -> bool {
        self.lifo().lists.is_blocked(Way::Pop)
    }

    /// Whether there was no room at some moment during the call; others may pop meanwhile.
    ///
    /// # Progress
    ///
    /// Wait-free.
    pub fn is_full(&self) -> bool {
        self.lifo().lists.is_blocked(Way::Push)
    }

    /// Pushes `value`.
    ///
    /// # Errors
    ///
    /// [`Full`] gives the value back where there were `N` elements at some moment during the call.
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
        let pushed = match self.attachment().enter() {
            Some(lane) => self.lifo().push(lane.index(), value).map_err(Some),
            None => Err(None),
        };
        pushed.map_err(|stop| {
            if stop != Some(Stop::None) {
                self.refused(stop);
            }
            Full(value)
        })
    }

    /// Pops the element that was pushed last.
    ///
    /// `None` where there was none at some moment during the call. An element that is popped is gone, even if
    /// this process is killed before it has done anything with it.
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
        let popped = match self.attachment().enter() {
            Some(lane) => self.lifo().pop(lane.index()).map_err(Some),
            None => Err(None),
        };
        match popped {
            Ok(value) => Some(value),
            Err(Some(Stop::None)) => None,
            Err(stop) => {
                self.refused(stop);
                None
            }
        }
    }

    /// A copy of the element that was pushed last, which stays; works on read-only attachments.
    ///
    /// # Progress
    ///
    /// Lock-free: it looks again where others pushed or popped meanwhile.
    pub fn peek(&self) -> Option<T> {
        self.lifo().peek().ok()
    }

    /// Pushes a prefix of `values`, one after the other, and says how many; so the last of them is popped first.
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
        let (lifo, lane) = (self.lifo(), lane.index());
        for (count, &value) in values.iter().enumerate() {
            if let Err(stop) = lifo.push(lane, value) {
                self.refused(Some(stop));
                return count;
            }
        }
        values.len()
    }

    /// Pops into `out` from its start, the element that was pushed last first, and says how many.
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
        let (lifo, lane) = (self.lifo(), lane.index());
        for (count, place) in out.iter_mut().enumerate() {
            match lifo.pop(lane) {
                Ok(value) => *place = value,
                Err(stop) => {
                    self.refused(Some(stop));
                    return count;
                }
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
        self.wait(Way::Push, timeout, || self.push(value).ok())
            .ok_or(Full(value))
    }

    /// Pops the element that was pushed last, and waits up to `timeout` for one.
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
        self.wait(Way::Pop, timeout, || self.pop()).ok_or(Timeout)
    }

    /// Tries until it succeeds or the time is up, and sleeps in between. No lane is held meanwhile.
    fn wait<R>(
        &self,
        way: Way,
        timeout: Duration,
        attempt: impl FnMut() -> Option<R>,
    ) -> Option<R> {
        let signals = &self.head.signals;
        let (event, other) = match way {
            Way::Pop => (&signals.filled, Way::Push),
            Way::Push => (&signals.emptied, Way::Pop),
        };
        wait_until(timeout, attempt, |left| {
            let lists = self.lifo().lists;
            event.wait_round(
                &Linux,
                left,
                || _ = self.attachment().recover(),
                || lists.announced(other),
                || lists.is_blocked(way),
            );
            true
        })
    }
}
