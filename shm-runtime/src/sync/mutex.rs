//! `Mutex<T>`: a value that one owner changes at a time, and whose owner's death is told to the next.
//!
//! # Bytes
//!
//! ```text
//! 0x000  freed  event, 8 bytes          sleepers
//! 0x008  word   8 bytes, to 64          {generation, done, doubtful, leaving, owner}
//! 0x040  value  size of T
//! ```
//!
//! # If a process dies here
//!
//! | step | what survivors see | who repairs it |
//! |---|---|---|
//! | locking, before it has the lock | nothing | nobody needs to |
//! | with the lock | the next owner gets [`OwnerDied`]; the value may be half changed | that one: `mark_consistent` |
//! | unlocking, from its first store on | the value is whole, and nobody is told anything | the next who wants the lock |
//! | freeing the lock of a dead one | it is free, or still the dead one's | the next who wants it |
//! | stopped with the lock | it is locked | SIGCONT or death |
//!
//! The algorithm is in `sync::lock`, the model in `models::sync`.

use super::error::{LockWaitError, OwnerDied, TryLockError};
use super::guard::Guard;
use super::lock::LockLine;
use super::ownership::Ownership;
use crate::layout::bind::{BindError, Binder};
use crate::layout::node::{Node, StructureNode};
use crate::layout::{Element, Field, Represent, Structure};
use crate::memory::cell::CellArray;
use crate::memory::shared::impl_shared;
use crate::memory::site::Site;
use core::fmt;
use core::mem::offset_of;
use core::time::Duration;
use zerocopy::FromZeros;

/// The mutex's bytes: see the module's picture.
#[derive(Debug, FromZeros)]
#[repr(C)]
pub struct Repr<T> {
    line: LockLine,
    value: CellArray<T, 1>,
}

impl_shared!(impl[T: Element] Repr[T] { line, value });

impl<T: Element> Represent for Repr<T> {
    const SIZE: usize = offset_of!(Self, value) + size_of::<T>();
    const HOT: usize = offset_of!(Self, value);
    const NODE: Node = Node::Structure(StructureNode {
        kind: "Mutex",
        capacity: &[],
        lanes: 0,
    });
}

/// A mutex that this attachment has locked.
pub type MutexGuard<'a, T> = Guard<'a, T>;

/// A value in shared memory that one owner changes at a time, in any process.
///
/// ```
/// use shm_runtime::prelude::*;
///
/// #[derive(ShmLayout)]
/// struct Bank {
///     accounts: sync::Mutex<[i64; 2]>,
/// }
///
/// # let name = format!("doc-mutex-{}", std::process::id());
/// let bank = Bank::create(&name)?;
/// let mut accounts = bank.accounts.lock().expect("nobody died with it");
/// accounts.update(|[from, to]| {
///     *from -= 10;
///     *to += 10;
/// });
/// drop(accounts); // unlocked
/// assert_eq!(bank.accounts.lock().expect("nobody died with it").get(), [-10, 10]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # When an owner dies
///
/// The owner is the attachment. If it dies with the lock, or leaves the segment without unlocking, or a
/// thread of it panics with the lock, the next one to lock gets the guard inside of [`OwnerDied`], and so
/// does everybody until somebody calls [`mark_consistent`](Guard::mark_consistent).
///
/// # Locking twice
///
/// A thread that locks a mutex which it holds waits for itself: [`lock`](Self::lock) never returns,
/// [`lock_wait`](Self::lock_wait) says `Timeout`, [`try_lock`](Self::try_lock) says `WouldBlock`. A signal
/// handler that may have interrupted an owner uses one of the latter two.
///
/// # Progress
///
/// Blocking: an owner who is stopped holds up all who wait. A death holds nobody up for longer than 50 ms.
/// There is no order among those who wait.
pub struct Mutex<T: 'static> {
    line: Site<LockLine>,
    value: Site<CellArray<T, 1>>,
}

impl<T> Clone for Mutex<T> {
    fn clone(&self) -> Self {
        Self {
            line: self.line.clone(),
            value: self.value.clone(),
        }
    }
}

impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex")
            .field("name", &self.line.name())
            .finish_non_exhaustive()
    }
}

impl<T: Element> Field for Mutex<T> {
    type Element = T;
    type Repr<const L: usize> = Repr<T>;

    fn bind<const L: usize>(binder: &mut Binder<'_>) -> Result<Self, BindError> {
        let site = binder.site::<Repr<T>>()?;
        Ok(Self {
            line: site.map(|repr| &repr.line),
            value: site.map(|repr| &repr.value),
        })
    }
}

impl<T: Element> Structure for Mutex<T> {}

static_assertions::assert_impl_all!(Mutex<u64>: Send, Sync, Clone);

impl<T: Element> Mutex<T> {
    /// Locks, and waits as long as that takes.
    ///
    /// # Errors
    ///
    /// [`OwnerDied`] with the guard inside: locked, but the value may be half changed.
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    ///
    /// # Progress
    ///
    /// Blocking, until the owner unlocks or dies. A thread that has the lock waits for ever.
    #[track_caller]
    pub fn lock(&self) -> Result<MutexGuard<'_, T>, OwnerDied<MutexGuard<'_, T>>> {
        self.line.assert_writable();
        loop {
            if let Some(lock) = Ownership::acquire_wait(&self.line, Duration::MAX, || false) {
                return Guard::new(&self.value, lock);
            }
        }
    }

    /// Locks, if nobody who lives has the lock.
    ///
    /// # Errors
    ///
    /// [`TryLockError::WouldBlock`], or [`TryLockError::OwnerDied`] with the guard inside.
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    ///
    /// # Progress
    ///
    /// Lock-free. Where it is locked, it asks the kernel whether the owner lives.
    #[track_caller]
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError<MutexGuard<'_, T>>> {
        self.line.assert_writable();
        let lock = Ownership::acquire(&self.line).ok_or(TryLockError::WouldBlock)?;
        Ok(Guard::new(&self.value, lock)?)
    }

    /// Locks, and waits up to `timeout`.
    ///
    /// # Errors
    ///
    /// [`LockWaitError::Timeout`], or [`LockWaitError::OwnerDied`] with the guard inside.
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    ///
    /// # Progress
    ///
    /// Blocking, until the owner unlocks or dies, or the time is up.
    #[track_caller]
    pub fn lock_wait(
        &self,
        timeout: Duration,
    ) -> Result<MutexGuard<'_, T>, LockWaitError<MutexGuard<'_, T>>> {
        self.line.assert_writable();
        let lock = Ownership::acquire_wait(&self.line, timeout, || false);
        Ok(Guard::new(
            &self.value,
            lock.ok_or(LockWaitError::Timeout)?,
        )?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeroed_is_empty() {
        let repr = Repr::<u64>::new_zeroed();
        let word = repr.line.word.load(core::sync::atomic::Ordering::Relaxed);
        assert!(
            super::super::lock::LockWord::from_bits(word)
                .owner()
                .is_nobody()
        );
        assert_eq!(repr.value.cells().load(0), Some(0));
    }

    #[test]
    fn entry_covers_the_lock_and_the_value() {
        assert_eq!(<Repr<u32> as Represent>::SIZE, 64 + 4);
        assert_eq!(<Repr<[u8; 100]> as Represent>::SIZE, 64 + 100);
    }
}
