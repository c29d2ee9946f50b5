//! `Pool<T, N>`: objects on lease, which come back when their holder dies.
//!
//! An object belongs to the attachment that acquired it until that gives it back or is dead. Its [`Handle`] is
//! plain data, so it can travel through a queue or lie in a struct; everybody can read the object through it
//! as long as this very lease lasts, and gets nothing afterwards.
//!
//! # Bytes
//!
//! ```text
//! 0x000  freed    event, 64 bytes         sleepers
//! 0x040  words    8 bytes × N             {generation, leaving, owner}
//!        objects  size of T × N           at a multiple of 64
//! ```
//!
//! # If a process dies here
//!
//! | step | what survivors see | who repairs it |
//! |---|---|---|
//! | looking for a free object | nothing | nobody needs to |
//! | holding an object, also kept without a guard | it is leased, and what was written last can be read | the next who finds none free, or sleeps for one |
//! | writing an object | the same; an object of more than 8 bytes may be half written, as an `Array`'s element | as above |
//! | giving it back | it is leased or free | as above |
//! | freeing what others left | some of it is free | as above |
//! | stopped for ever | it keeps what it has | SIGCONT or death |
//!
//! The algorithm is in `memory::leases`, the model in `models::leases`.

mod guard;
#[cfg(test)]
mod tests;

pub use guard::{Handle, Lease};

use crate::error::Timeout;
use crate::layout::bind::{BindError, Binder};
use crate::layout::node::{Node, StructureNode};
use crate::layout::{Element, Field, Represent, Structure};
use crate::memory::atomic::AtomicU64;
use crate::memory::attachment::Attachment;
use crate::memory::cell::CellArray;
use crate::memory::kernel::Linux;
use crate::memory::leases::{self, Leases};
use crate::memory::owner::Tag;
use crate::memory::shared::impl_shared;
use crate::memory::signals::{Event, wait_until};
use crate::memory::site::Site;
use core::fmt;
use core::mem::offset_of;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use core::time::Duration;
use zerocopy::FromZeros;

/// Words in a line of the cache.
const LINE: usize = 8;

/// The pool's bytes: see the module's picture.
#[derive(Debug, FromZeros)]
#[repr(C)]
pub struct Repr<T, const N: usize> {
    head: Head<N>,
    objects: CellArray<T, N>,
}

/// What lies before the objects.
#[derive(Debug, FromZeros)]
#[repr(C, align(64))]
struct Head<const N: usize> {
    freed: Event,
    reserved: [AtomicU64; 7],
    words: [AtomicU64; N],
}

impl_shared!(impl[const N: usize] Head[N] { freed, reserved, words });
impl_shared!(impl[T: Element, const N: usize] Repr[T, N] { head, objects });

impl<T: Element, const N: usize> Represent for Repr<T, N> {
    const SIZE: usize = offset_of!(Self, objects) + size_of::<T>() * N;
    const HOT: usize = offset_of!(Self, objects);
    const NODE: Node = Node::Structure(StructureNode {
        kind: "Pool",
        capacity: &[N],
        lanes: 0,
    });
}

/// `N` objects in shared memory that attachments lease, for any `N` up to 2²⁸.
///
/// ```
/// use shm_runtime::prelude::*;
///
/// #[derive(ShmLayout)]
/// struct Frames {
///     frames: Pool<[u8; 4096], 8>,
///     ready: Queue<Handle, 8>,
/// }
///
/// # let name = format!("doc-pool-{}", std::process::id());
/// let frames = Frames::create(&name)?;
/// let mut frame = frames.frames.acquire().expect("eight are free");
/// frame.write([7; 4096]);
/// frames.ready.push(frame.handle())?;
///
/// // some other process
/// let handle = frames.ready.pop().expect("it was pushed");
/// assert_eq!(frames.frames.get(handle), Some([7; 4096]));
///
/// drop(frame); // given back
/// assert_eq!(frames.frames.get(handle), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A guard that is dropped gives its object back; one that is kept with [`Lease::keep`] or forgotten stays
/// with the attachment. In a forked child the parent's leases are void: the parent still has them.
///
/// # Progress
///
/// Lock-free, whoever is killed or stopped; a process that is stopped keeps its leases. [`acquire`](Self::acquire)
/// looks at `N` words at most where one is free, and begins with the one that this handle freed last.
pub struct Pool<T: 'static, const N: usize> {
    head: Site<Head<N>>,
    objects: Site<CellArray<T, N>>,
    /// Where this handle looks first: a hint of this process; `usize::MAX` before it was used.
    next: AtomicUsize,
}

impl<T, const N: usize> Clone for Pool<T, N> {
    fn clone(&self) -> Self {
        Self {
            head: self.head.clone(),
            objects: self.objects.clone(),
            next: AtomicUsize::new(self.next.load(Relaxed)), // a hint
        }
    }
}

impl<T, const N: usize> fmt::Debug for Pool<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("name", &self.head.name())
            .field("capacity", &N)
            .finish_non_exhaustive()
    }
}

impl<T: Element, const N: usize> Field for Pool<T, N> {
    type Element = T;
    type Repr<const L: usize> = Repr<T, N>;

    fn bind<const L: usize>(binder: &mut Binder<'_>) -> Result<Self, BindError> {
        const { assert!(N > 0 && N <= Handle::MOST, "a pool has 1 to 2^28 objects") };
        let site = binder.site::<Repr<T, N>>()?;
        Ok(Self {
            head: site.map(|repr| &repr.head),
            objects: site.map(|repr| &repr.objects),
            next: AtomicUsize::new(usize::MAX),
        })
    }
}

impl<T: Element, const N: usize> Structure for Pool<T, N> {}

static_assertions::assert_impl_all!(Pool<u64, 4>: Send, Sync, Clone);
static_assertions::assert_impl_all!(Lease<'static, u64, 4>: Send, Sync);
static_assertions::assert_not_impl_any!(Lease<'static, u64, 4>: Clone);

impl<T: Element, const N: usize> Pool<T, N> {
    #[inline(always)]
    fn attachment(&self) -> &Attachment {
        self.head.attachment()
    }

    #[inline(always)]
    fn leases(&self) -> Leases<'_, &Attachment, Linux> {
        Leases {
            words: &self.head.words,
            freed: &self.head.freed,
            owners: self.attachment(),
            kernel: Linux,
        }
    }

    /// Who we are, and where to look first.
    #[inline]
    fn seeker(&self) -> Option<(Tag, usize)> {
        let own = self.attachment().own()?;
        let start = match self.next.load(Relaxed) {
            // so that processes begin in lines of their own
            usize::MAX => {
                let at = own.slot as usize * LINE;
                (at + at / N) % N
            }
            next => next,
        };
        Some((Tag::of(own), start))
    }

    #[inline]
    fn guard(&self, lease: leases::Lease) -> Lease<'_, T, N> {
        self.look_next_at(lease.index);
        Lease::new(self, lease, self.attachment().local().stamp.load(Relaxed))
    }

    /// Objects, leased or free.
    pub const fn capacity(&self) -> usize {
        N
    }

    /// How many objects are on lease, as far as that can be told while others work; those of the dead that nobody
    /// has asked for yet are counted.
    ///
    /// # Progress
    ///
    /// Wait-free, in O(N).
    pub fn leased(&self) -> usize {
        self.leases().leased()
    }

    /// Leases an object. It holds what its last holder left there, or zeros.
    ///
    /// `None` where at some moment during the call every object was on lease to somebody who lived when the call
    /// began; what the dead held is freed first. `None` too where 64 looks at all objects lost a race each, and in a
    /// forked child for which the segment has no place.
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    ///
    /// # Progress
    ///
    /// Lock-free. Where none is free, it asks the kernel which of the holders live.
    #[inline]
    pub fn acquire(&self) -> Option<Lease<'_, T, N>> {
        self.head.assert_writable();
        let (me, start) = self.seeker()?;
        let lease = self.leases().acquire(me, start)?;
        Some(self.guard(lease))
    }

    /// Leases an object, and waits up to `timeout` for one.
    ///
    /// # Errors
    ///
    /// [`Timeout`] where none was free in time.
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    ///
    /// # Progress
    ///
    /// Blocking, until somebody gives an object back or dies: a death is noticed within 50 ms, and no wake-up is
    /// lost to one.
    pub fn acquire_wait(&self, timeout: Duration) -> Result<Lease<'_, T, N>, Timeout> {
        self.head.assert_writable();
        let acquire = || {
            let (me, start) = self.seeker()?;
            self.leases().acquire_free(me, start)
        };
        let round = |left| {
            let me = self.seeker().map_or(Tag::NOBODY, |(me, _)| me);
            self.leases().wait_round(me, left);
            true
        };
        let lease = wait_until(timeout, acquire, round);
        lease.map(|lease| self.guard(lease)).ok_or(Timeout)
    }

    /// A copy of the object that a handle names; `None` once its lease is over, and for what is no handle of this
    /// pool. Works on read-only attachments.
    ///
    /// An object of 1, 2, 4 or 8 bytes is whole; a larger one can be read half written if its holder writes it
    /// meanwhile. It is never mixed with what a later holder writes.
    ///
    /// # Progress
    ///
    /// Wait-free.
    pub fn get(&self, handle: Handle) -> Option<T> {
        let word = self.head.words.get(handle.index())?;
        let copy = || self.objects.cells().load(handle.index());
        leases::read_leased(word, handle.generation(), copy)
    }

    /// Gives an object back that this attachment [kept](Lease::keep); a guard of the same lease is void from then on.
    ///
    /// False, and nothing happens, where the lease is over or somebody else's.
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    ///
    /// # Progress
    ///
    /// Wait-free.
    pub fn release(&self, handle: Handle) -> bool {
        self.head.assert_writable();
        let Some(own) = self.attachment().own() else {
            return false;
        };
        let lease = leases::Lease::known(handle.index(), handle.generation(), Tag::of(own));
        self.give_back(lease)
    }

    /// Where this handle looks next. Handles of several threads may lie in one line, so it is written only if it changes:
    /// not by who acquires an object and gives it back in turns.
    #[inline]
    fn look_next_at(&self, index: usize) {
        if self.next.load(Relaxed) != index {
            self.next.store(index, Relaxed); // a hint
        }
    }

    #[inline]
    fn give_back(&self, lease: leases::Lease) -> bool {
        let released = self.leases().release(lease);
        if released {
            self.look_next_at(lease.index); // still in the cache
        }
        released
    }

    /// Frees what the dead held, and says how many objects that were. [`acquire`](Self::acquire) does it by
    /// itself where it finds no free one.
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    ///
    /// # Progress
    ///
    /// Lock-free, in O(N); asks the kernel which of the holders live.
    pub fn recover(&self) -> usize {
        self.head.assert_writable();
        let own = self.attachment().own();
        self.leases().sweep(own.map_or(Tag::NOBODY, Tag::of))
    }
}
