//! `Broadcast<T, N>`: messages that every subscriber receives, from any number of senders.
//!
//! # Guarantees
//!
//! Every subscriber sees the same messages in the same order. A sender never waits for one: it overwrites the oldest
//! message, and a subscriber that is too slow is told how many it missed. Killed at any instruction, a sender sent its
//! message once or not at all, and nobody is held up (P1); stopped for ever, likewise (P2). A subscriber only loads:
//! it leaves nothing when it dies, and works on a read-only mapping. All-zero bytes are the ring before the first
//! message (P4).
//!
//! # Bytes
//!
//! ```text
//! 0x000  tail      u64, alone on 128 bytes    hint: next ticket to send
//! 0x080  signals   128 bytes                  sleepers
//! 0x100  words     8 bytes × N                {messages that went here, node}
//!        lines     128 bytes × lanes          spare node of each lane
//!        nodes     size of T × (N + lanes)    at a multiple of 64
//! ```
//!
//! # If a process dies here
//!
//! | step | what survivors see | who repairs it |
//! |---|---|---|
//! | writing the message | nothing | nobody needs to |
//! | intent written, word not exchanged | nothing | recovery closes the intent |
//! | word exchanged | the message | recovery settles the two nodes |
//! | receiving | nothing | nobody needs to |
//! | woken the sleepers, not sent | sleepers look again and find an announced operation | the first of them recovers it |
//!
//! The algorithm is in [`ring`], the primitive in `memory::exchange`, the model in `models::broadcast`.

pub mod ring;
mod subscriber;
#[cfg(test)]
mod tests;

pub use subscriber::{Missed, RecvError, Start, Subscriber};

use crate::error::NoLane;
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
use crate::memory::signals::Kernel;
use crate::memory::site::Site;
use core::fmt;
use core::mem::offset_of;
use ring::{Parts, Ring};
use zerocopy::FromZeros;

/// The ring's bytes: see the module's picture.
#[derive(Debug, FromZeros)]
#[repr(C)]
pub struct Repr<T, const N: usize, const L: usize> {
    head: Head<N>,
    lines: [Line; L],
    cells: CellGroups<T, N, L, 1>,
}

impl_shared!(impl[T: Element, const N: usize, const L: usize] Repr[T, N, L] {
    head, lines, cells
});

/// What the number of lanes does not move.
#[derive(Debug, FromZeros)]
#[repr(C)]
struct Head<const N: usize> {
    /// Hint: the next ticket to send.
    tail: Padded<AtomicU64>,
    exchange: Words<N>,
}

impl_shared!(impl[const N: usize] Head[N] { tail, exchange });

impl<T: Element, const N: usize, const L: usize> Represent for Repr<T, N, L> {
    const SIZE: usize = offset_of!(Self, cells) + size_of::<T>() * (N + L);
    const HOT: usize = offset_of!(Self, cells);
    const NODE: Node = Node::Structure(StructureNode {
        kind: "Broadcast",
        capacity: &[N],
        lanes: L,
    });
}

/// A ring in shared memory whose messages every subscriber receives; the slow ones are told what they missed.
///
/// `N` is a power of two: so many messages are kept. Subscribers are cursors of their own processes: any number of
/// them costs a sender nothing.
///
/// ```
/// use shm_runtime::prelude::*;
///
/// #[derive(ShmLayout)]
/// struct Market {
///     quotes: Broadcast<f64, 4>,
/// }
///
/// # let name = format!("doc-broadcast-{}", std::process::id());
/// let market = Market::create(&name)?;
/// let mut quotes = market.quotes.subscribe(Start::Newest);
/// market.quotes.send(1.5)?;
/// assert_eq!(quotes.recv(), Ok(Some(1.5)));
/// assert_eq!(quotes.recv(), Ok(None));
///
/// for quote in [2.0, 3.0, 4.0, 5.0, 6.0] {
///     market.quotes.send(quote)?;
/// }
/// assert_eq!(quotes.recv(), Err(Missed(1))); // there was room for four
/// assert_eq!(quotes.recv(), Ok(Some(3.0)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Progress
///
/// [`send`](Self::send) is lock-free, whoever is killed or stopped. To receive is wait-free; only
/// [`recv_wait`](Subscriber::recv_wait) blocks.
pub struct Broadcast<T: 'static, const N: usize> {
    head: Site<Head<N>>,
    lines: Site<[Line]>,
    cells: Site<Cells<T>>,
    place: Place,
}

impl<T, const N: usize> Clone for Broadcast<T, N> {
    fn clone(&self) -> Self {
        Self {
            head: self.head.clone(),
            lines: self.lines.clone(),
            cells: self.cells.clone(),
            place: self.place,
        }
    }
}

impl<T, const N: usize> fmt::Debug for Broadcast<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broadcast")
            .field("name", &self.head.name())
            .field("capacity", &N)
            .finish_non_exhaustive()
    }
}

impl<T: Element, const N: usize> Field for Broadcast<T, N> {
    type Element = T;
    type Repr<const L: usize> = Repr<T, N, L>;

    fn bind<const L: usize>(binder: &mut Binder<'_>) -> Result<Self, BindError> {
        const {
            assert!(
                N.is_power_of_two(),
                "the capacity of a Broadcast is a power of two"
            )
        };
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

impl<T: Element, const N: usize> Structure for Broadcast<T, N> {}

static_assertions::assert_impl_all!(Broadcast<u64, 4>: Send, Sync, Clone);
static_assertions::assert_impl_all!(Subscriber<u64, 4>: Send, Sync, Clone);

impl<T: Element, const N: usize> Parts for Broadcast<T, N> {
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
    fn tail(&self) -> &AtomicU64 {
        &self.head.tail.0
    }

    #[inline(always)]
    fn kernel(&self) -> impl Kernel {
        Linux
    }
}

impl<T: Element, const N: usize> Broadcast<T, N> {
    #[inline(always)]
    fn attachment(&self) -> &Attachment {
        self.head.attachment()
    }

    #[inline(always)]
    const fn ring(&self) -> Ring<'_, Self> {
        Ring(self)
    }

    /// Counts what makes no sense, for `Segment::health`.
    #[cold]
    #[inline(never)]
    fn note_corrupt(&self) {
        self.attachment().local().note_corrupt(self.place.offset());
    }

    /// Messages that are kept.
    pub const fn capacity(&self) -> usize {
        N
    }

    /// How many messages were sent so far; works on read-only attachments.
    ///
    /// # Progress
    ///
    /// Wait-free, in O(log N).
    pub fn sent(&self) -> u64 {
        self.ring().sent()
    }

    /// Sends `value` to every subscriber, in the place of the oldest message that is kept.
    ///
    /// # Errors
    ///
    /// [`NoLane`] where nothing was sent: in a signal handler that interrupted an operation on the segment's last
    /// lane, and in a forked child for which the segment has no place. Also where other processes wrote nonsense
    /// into the segment; `Segment::health` counts those.
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    ///
    /// # Progress
    ///
    /// Lock-free, and one compare-and-swap where nobody interferes.
    #[inline]
    pub fn send(&self, value: T) -> Result<(), NoLane> {
        let sent = match self.attachment().enter() {
            Some(lane) => self.ring().send(lane.index(), value).map_err(Some),
            None => Err(None),
        };
        sent.map_err(|corrupt| {
            self.head.assert_writable();
            if corrupt.is_some() {
                self.note_corrupt();
            }
            NoLane
        })
    }

    /// A subscriber, who receives what is sent from now on or what is still there, too. Works on read-only attachments.
    ///
    /// # Progress
    ///
    /// Wait-free, in O(log N).
    pub fn subscribe(&self, start: Start) -> Subscriber<T, N> {
        Subscriber::new(self.clone(), start)
    }
}
