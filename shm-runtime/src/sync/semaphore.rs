//! `Semaphore<PERMITS>`: permits that come back when their holder dies.
//!
//! # Bytes
//!
//! ```text
//! 0x000  freed  event, 64 bytes      sleepers
//! 0x040  words  8 bytes × PERMITS    {generation, leaving, owner}
//! ```
//!
//! A permit is a lease, as an object of a [`Pool`](crate::Pool) is, without the object.
//!
//! # If a process dies here
//!
//! | step | what survivors see | who repairs it |
//! |---|---|---|
//! | looking for a free permit | nothing | nobody needs to |
//! | with a permit, also a forgotten one | it is taken | the next who finds none free, or sleeps for one |
//! | giving it back | it is taken or free | as above |
//! | freeing what others left | some of it is free | as above |
//! | stopped with a permit | it is taken | SIGCONT or death |
//!
//! The algorithm is in `memory::leases`, the model in `models::leases`.

use super::ownership::{me, round};
use crate::error::Timeout;
use crate::layout::bind::{BindError, Binder};
use crate::layout::node::{Node, StructureNode};
use crate::layout::{Field, Represent, Structure};
use crate::memory::atomic::AtomicU64;
use crate::memory::attachment::Attachment;
use crate::memory::kernel::Linux;
use crate::memory::leases::{Lease, Leases};
use crate::memory::owner::Tag;
use crate::memory::shared::impl_shared;
use crate::memory::signals::{Event, wait_until};
use crate::memory::site::Site;
use core::fmt;
use core::sync::atomic::Ordering::Relaxed;
use core::time::Duration;
use zerocopy::FromZeros;

/// The semaphore's bytes: see the module's picture.
#[derive(Debug, FromZeros)]
#[repr(C, align(64))]
pub struct Repr<const PERMITS: usize> {
    freed: Event,
    reserved: [AtomicU64; 7],
    words: [AtomicU64; PERMITS],
}

impl_shared!(impl[const PERMITS: usize] Repr[PERMITS] { freed, reserved, words });

impl<const PERMITS: usize> Represent for Repr<PERMITS> {
    const SIZE: usize = 64 + 8 * PERMITS;
    const HOT: usize = Self::SIZE;
    const NODE: Node = Node::Structure(StructureNode {
        kind: "Semaphore",
        capacity: &[PERMITS],
        lanes: 0,
    });
}

/// `PERMITS` permits in shared memory, all free at first.
///
/// ```
/// use shm_runtime::prelude::*;
///
/// #[derive(ShmLayout)]
/// struct Server {
///     connections: sync::Semaphore<2>,
/// }
///
/// # let name = format!("doc-semaphore-{}", std::process::id());
/// let server = Server::create(&name)?;
/// let first = server.connections.acquire();
/// let second = server.connections.try_acquire().expect("there are two");
/// assert!(server.connections.try_acquire().is_none());
/// drop(first); // given back
/// assert_eq!(server.connections.available(), 1);
/// # drop(second);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A permit belongs to the attachment that acquired it until that gives it back or is dead: what the dead
/// held comes back by itself. It takes 8 bytes and a look, so a semaphore is for tens or hundreds of permits.
///
/// # Progress
///
/// Blocking: an owner who is stopped keeps its permits. A death is noticed within 50 ms by those who wait,
/// and at once by [`try_acquire`](Self::try_acquire).
#[derive(Clone)]
pub struct Semaphore<const PERMITS: usize> {
    site: Site<Repr<PERMITS>>,
}

impl<const PERMITS: usize> fmt::Debug for Semaphore<PERMITS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("name", &self.site.name())
            .field("permits", &PERMITS)
            .finish_non_exhaustive()
    }
}

impl<const PERMITS: usize> Field for Semaphore<PERMITS> {
    type Element = ();
    type Repr<const L: usize> = Repr<PERMITS>;

    fn bind<const L: usize>(binder: &mut Binder<'_>) -> Result<Self, BindError> {
        let site = binder.site()?;
        Ok(Self { site })
    }
}

impl<const PERMITS: usize> Structure for Semaphore<PERMITS> {}

static_assertions::assert_impl_all!(Semaphore<4>: Send, Sync, Clone);
static_assertions::assert_impl_all!(Permit<'static, 4>: Send, Sync);
static_assertions::assert_not_impl_any!(Permit<'static, 4>: Clone);

impl<const PERMITS: usize> Semaphore<PERMITS> {
    fn attachment(&self) -> &Attachment {
        self.site.attachment()
    }

    fn leases(&self) -> Leases<'_, &Attachment, Linux> {
        Leases {
            words: &self.site.words,
            freed: &self.site.freed,
            owners: self.attachment(),
            kernel: Linux,
        }
    }

    /// Where an attachment looks first, so that processes do not all try the same permit.
    fn start(me: Tag) -> usize {
        me.slot().map_or(0, |slot| slot as usize % PERMITS)
    }

    fn permit(&self, lease: Lease) -> Permit<'_, PERMITS> {
        Permit {
            semaphore: self,
            lease,
            stamp: self.attachment().local().stamp.load(Relaxed),
        }
    }

    /// Permits, free or not.
    pub const fn permits(&self) -> usize {
        PERMITS
    }

    /// How many permits are free, as far as that can be told while others work; those of the dead that nobody
    /// has asked for yet are not counted. Works on read-only attachments.
    ///
    /// # Progress
    ///
    /// Wait-free, in O(`PERMITS`).
    pub fn available(&self) -> usize {
        PERMITS - self.leases().leased()
    }

    /// Takes a permit, and waits as long as that takes.
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    ///
    /// # Progress
    ///
    /// Blocking, until somebody gives a permit back or dies.
    #[track_caller]
    pub fn acquire(&self) -> Permit<'_, PERMITS> {
        loop {
            if let Ok(permit) = self.acquire_wait(Duration::MAX) {
                return permit;
            }
        }
    }

    /// Takes a permit, if there is one: `None` where at some moment during the call all were held by those
    /// who lived when it began. What the dead held is freed first.
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    ///
    /// # Progress
    ///
    /// Lock-free. Where none is free, it asks the kernel which of the holders live.
    #[track_caller]
    pub fn try_acquire(&self) -> Option<Permit<'_, PERMITS>> {
        self.site.assert_writable();
        let me = me(self.attachment())?;
        let lease = self.leases().acquire(me, Self::start(me))?;
        Some(self.permit(lease))
    }

    /// Takes a permit, and waits up to `timeout`.
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
    /// Blocking, until somebody gives a permit back or dies, or the time is up.
    #[track_caller]
    pub fn acquire_wait(&self, timeout: Duration) -> Result<Permit<'_, PERMITS>, Timeout> {
        self.site.assert_writable();
        let acquire = || {
            let me = me(self.attachment())?;
            self.leases().acquire_free(me, Self::start(me))
        };
        let lease = wait_until(timeout, acquire, |left| {
            round(self.attachment(), |me| self.leases().wait_round(me, left));
            true
        });
        // whatever the time was: nobody is told that the dead have them
        let lease = lease.map(|lease| self.permit(lease));
        lease.or_else(|| self.try_acquire()).ok_or(Timeout)
    }
}

/// A permit that this attachment has; dropping it gives it back.
///
/// One that is forgotten stays with the attachment until that ends. In a forked child the parent's permits
/// are void.
#[must_use = "a permit that is dropped is given back"]
pub struct Permit<'a, const PERMITS: usize> {
    semaphore: &'a Semaphore<PERMITS>,
    lease: Lease,
    stamp: u64,
}

impl<const PERMITS: usize> Permit<'_, PERMITS> {
    /// Gives the permit back, as dropping does.
    ///
    /// # Progress
    ///
    /// Wait-free.
    pub fn release(self) {
        drop(self);
    }
}

impl<const PERMITS: usize> Drop for Permit<'_, PERMITS> {
    fn drop(&mut self) {
        let local = self.semaphore.attachment().local();
        if local.stamp.load(Relaxed) == self.stamp {
            self.semaphore.leases().release(self.lease); // this process's own
        }
    }
}

impl<const PERMITS: usize> fmt::Debug for Permit<'_, PERMITS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("semaphore", &self.semaphore.site.name())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeroed_is_empty() {
        let repr = Repr::<3>::new_zeroed();
        let free = |word: &AtomicU64| Tag::from_low(word.load(Relaxed)).is_nobody();
        assert!(repr.words.iter().all(free));
    }

    #[test]
    fn entry_covers_the_permits() {
        assert_eq!(<Repr<3> as Represent>::SIZE, 64 + 24);
        assert_eq!(<Repr<9> as Represent>::SIZE, 64 + 72);
    }
}
