//! `Spsc<T, N>`: a wait-free FIFO for one producer and one consumer.
//!
//! The two roles are exclusive and named: a role is held by an attachment, and is taken over only from the
//! dead. Elements lie in place; there is nothing to recover.
//!
//! # Bytes
//!
//! ```text
//! 0x000  tail      u64, alone on 128 bytes
//! 0x080  producer  128 bytes: role u64, announced u32
//! 0x100  head      u64, alone on 128 bytes
//! 0x180  consumer  128 bytes: role u64, announced u32
//! 0x200  signals   128 bytes: sleepers
//! 0x280  elements  size of T × N
//! ```
//!
//! # If a process dies here
//!
//! | step | what survivors see | who repairs it |
//! |---|---|---|
//! | producer: element written, tail not stored | nothing | nobody needs to |
//! | producer: tail stored | the element | nobody needs to |
//! | consumer: element copied, head not stored | the element is still there: the next consumer gets it | nobody needs to |
//! | holding a role | the role is taken over by the next who claims it | the claimer |
//! | announced | sleepers look whether the role's holder lives | nobody needs to |
//! | stopped for ever | its role is not to be had (P2 names this exception); the other side goes on | SIGCONT or death |

mod chunk;
pub mod ring;
mod roles;
#[cfg(test)]
mod tests;

pub use chunk::{ReadChunk, WriteChunk};
pub use roles::{Consumer, Producer};

use super::role::RoleTaken;
use crate::layout::bind::{BindError, Binder};
use crate::layout::node::{Node, StructureNode};
use crate::layout::{Element, Field, Represent, Structure};
use crate::memory::attachment::Attachment;
use crate::memory::cell::{CellArray, Cells};
use crate::memory::kernel::Linux;
use crate::memory::shared::impl_shared;
use crate::memory::signals::Signals;
use crate::memory::site::Site;
use core::fmt;
use core::mem::offset_of;
use ring::{Ring, Side};
use zerocopy::FromZeros;

/// The queue's bytes: see the module's picture.
#[derive(Debug, FromZeros)]
#[repr(C)]
pub struct Repr<T, const N: usize> {
    head: Head,
    cells: CellArray<T, N>,
}

/// What lies before the elements.
#[derive(Debug, FromZeros)]
#[repr(C)]
struct Head {
    producer: Side,
    consumer: Side,
    signals: Signals,
}

impl_shared!(impl[] Head { producer, consumer, signals });
impl_shared!(impl[T: Element, const N: usize] Repr[T, N] { head, cells });

impl<T: Element, const N: usize> Represent for Repr<T, N> {
    const SIZE: usize = offset_of!(Self, cells) + size_of::<T>() * N;
    const HOT: usize = offset_of!(Self, cells);
    const NODE: Node = Node::Structure(StructureNode {
        kind: "Spsc",
        capacity: &[N],
        lanes: 0,
    });
}

/// A wait-free FIFO in shared memory for one producer and one consumer.
///
/// `N` is a power of two. Claim a role, then use it:
///
/// ```
/// use shm_runtime::prelude::*;
///
/// #[derive(ShmLayout)]
/// struct Audio {
///     samples: Spsc<f32, 1024>,
/// }
///
/// # let name = format!("doc-spsc-{}", std::process::id());
/// let audio = Audio::create(&name)?;
/// let mut producer = audio.samples.producer()?;
/// let mut consumer = audio.samples.consumer()?;
/// producer.push(0.5)?;
/// assert_eq!(consumer.pop(), Some(0.5));
/// assert_eq!(consumer.pop(), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Progress
///
/// Wait-free, once a role is held. A role whose holder is stopped stays with it.
pub struct Spsc<T: 'static, const N: usize> {
    head: Site<Head>,
    cells: Site<CellArray<T, N>>,
}

impl<T, const N: usize> Clone for Spsc<T, N> {
    fn clone(&self) -> Self {
        Self {
            head: self.head.clone(),
            cells: self.cells.clone(),
        }
    }
}

impl<T, const N: usize> fmt::Debug for Spsc<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spsc")
            .field("name", &self.head.name())
            .field("capacity", &N)
            .finish_non_exhaustive()
    }
}

impl<T: Element, const N: usize> Field for Spsc<T, N> {
    type Element = T;
    type Repr<const L: usize> = Repr<T, N>;

    fn bind<const L: usize>(binder: &mut Binder<'_>) -> Result<Self, BindError> {
        const {
            assert!(
                N.is_power_of_two(),
                "the capacity of an Spsc is a power of two"
            )
        };
        let site = binder.site::<Repr<T, N>>()?;
        Ok(Self {
            head: site.map(|repr| &repr.head),
            cells: site.map(|repr| &repr.cells),
        })
    }
}

impl<T: Element, const N: usize> Structure for Spsc<T, N> {}

static_assertions::assert_impl_all!(Spsc<u64, 4>: Send, Sync, Clone);
static_assertions::assert_impl_all!(Producer<u64, 4>: Send);
static_assertions::assert_not_impl_any!(Producer<u64, 4>: Clone);
static_assertions::assert_not_impl_any!(Consumer<u64, 4>: Clone);

impl<T: Element, const N: usize> Spsc<T, N> {
    #[inline(always)]
    fn attachment(&self) -> &Attachment {
        self.head.attachment()
    }

    #[inline(always)]
    fn ring(&self) -> Ring<'_, Cells<T>, Linux> {
        Ring {
            producer: &self.head.producer,
            consumer: &self.head.consumer,
            signals: &self.head.signals,
            cells: self.cells.cells(),
            kernel: Linux,
        }
    }

    /// Elements that there is room for.
    pub const fn capacity(&self) -> usize {
        N
    }

    /// How many elements there are, as far as that can be told while both sides work.
    ///
    /// # Progress
    ///
    /// Wait-free.
    pub fn len(&self) -> usize {
        self.ring().len()
    }

    /// Whether there is no element at the moment.
    ///
    /// # Progress
    ///
    /// Wait-free.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Claims the role of the producer, for this attachment and until the result is dropped.
    ///
    /// # Errors
    ///
    /// [`RoleTaken`] where somebody alive has it, this attachment itself perhaps.
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    ///
    /// # Progress
    ///
    /// Lock-free; asks the kernel whether the former holder lives.
    pub fn producer(&self) -> Result<Producer<T, N>, RoleTaken> {
        Producer::claim(self)
    }

    /// Claims the role of the consumer, for this attachment and until the result is dropped.
    ///
    /// # Errors
    ///
    /// [`RoleTaken`] where somebody alive has it, this attachment itself perhaps.
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    ///
    /// # Progress
    ///
    /// Lock-free; asks the kernel whether the former holder lives.
    pub fn consumer(&self) -> Result<Consumer<T, N>, RoleTaken> {
        Consumer::claim(self)
    }
}
