//! `RwLock<T>`: a value that many read at a time, or one changes.
//!
//! # Bytes
//!
//! ```text
//! 0x000  freed    event, 8 bytes         those who wait for the writer
//! 0x008  word     8 bytes, to 64         {generation, done, doubtful, leaving, owner}: the writer
//! 0x040  left     event, to 64           the writer, who waits for readers
//! 0x080  readers  128 bytes × L          {generation, awaited, leaving, count}, one for each participant
//!        value    size of T
//! ```
//!
//! # If a process dies here
//!
//! | step | what survivors see | who repairs it |
//! |---|---|---|
//! | before it has the lock | nothing, or a reader too many, or as below | the next writer |
//! | reading | a reader too many | the next writer, within 50 ms of waiting for it |
//! | as the writer, from taking the word on | [`OwnerDied`] for all until it is settled; the value may be half changed | the next owner |
//! | unlocking as the writer | the value is whole, and nobody is told anything | the next who wants the lock |
//! | stopped with the lock | it is locked | SIGCONT or death |
//!
//! The algorithms are in `sync::lock` (the writer) and `sync::readers`, run by `sync::access`; the model in
//! `models::sync`.

use super::access::{Access, Reading};
use super::error::{LockWaitError, OwnerDied, TryLockError};
use super::guard::Guard;
use super::lock::LockLine;
use super::ownership::Ownership;
use crate::layout::bind::{BindError, Binder};
use crate::layout::node::{Node, StructureNode};
use crate::layout::{Element, Field, Represent, Structure};
use crate::memory::atomic::AtomicU64;
use crate::memory::cell::CellArray;
use crate::memory::padded::Padded;
use crate::memory::shared::impl_shared;
use crate::memory::signals::Event;
use crate::memory::site::Site;
use core::fmt;
use core::mem::offset_of;
use core::time::Duration;
use zerocopy::FromZeros;

/// The lock's bytes: see the module's picture.
#[derive(Debug, FromZeros)]
#[repr(C)]
pub struct Repr<T, const L: usize> {
    writer: LockLine,
    left: Left,
    readers: [Padded<AtomicU64>; L],
    value: CellArray<T, 1>,
}

/// The writer's sleep, on a line of its own.
#[derive(Debug, FromZeros)]
#[repr(C, align(64))]
struct Left {
    event: Event,
    reserved: [AtomicU64; 7],
}

impl_shared!(impl[] Left { event, reserved });
impl_shared!(impl[T: Element, const L: usize] Repr[T, L] { writer, left, readers, value });

impl<T: Element, const L: usize> Represent for Repr<T, L> {
    const SIZE: usize = offset_of!(Self, value) + size_of::<T>();
    const HOT: usize = offset_of!(Self, value);
    const NODE: Node = Node::Structure(StructureNode {
        kind: "RwLock",
        capacity: &[],
        lanes: L,
    });
}

/// A lock that this attachment has for writing.
pub type RwLockWriteGuard<'a, T> = Guard<'a, T>;

/// A value in shared memory that many read at a time, or one changes, in any process.
///
/// ```
/// use shm_runtime::prelude::*;
///
/// #[derive(ShmLayout)]
/// struct Config {
///     limits: sync::RwLock<[f64; 3]>,
/// }
///
/// # let name = format!("doc-rwlock-{}", std::process::id());
/// let config = Config::create(&name)?;
/// config.limits.write().expect("nobody died").set([1.0, 2.0, 3.0]);
/// let (one, two) = (config.limits.read(), config.limits.read());
/// assert_eq!(one.expect("nobody died").get(), two.expect("nobody died").get());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Each participant's readers are counted on a line of their own, which takes 128 bytes for each lane of the
/// schema; a writer looks at all of them. For a value that is small and read often, `Versioned` and `Atomic`
/// hold nobody up.
///
/// # Preference
///
/// Writers come first: a reader that comes while a writer has the lock or waits for readers waits behind it.
/// So a thread that reads must not ask to read again: if a writer came in between, the two wait for each
/// other. Writers one after the other can keep readers out.
///
/// # When an owner dies
///
/// A reader that dies is forgotten. If the writer dies, or panics, the next ones to lock, readers too, get
/// their guard inside of [`OwnerDied`], until somebody calls [`mark_consistent`](Guard::mark_consistent).
///
/// # Progress
///
/// Blocking: an owner who is stopped holds up all who wait for it. A death holds nobody up for longer than 50
/// ms.
pub struct RwLock<T: 'static> {
    writer: Site<LockLine>,
    left: Site<Left>,
    readers: Site<[Padded<AtomicU64>]>,
    value: Site<CellArray<T, 1>>,
}

impl<T> Clone for RwLock<T> {
    fn clone(&self) -> Self {
        Self {
            writer: self.writer.clone(),
            left: self.left.clone(),
            readers: self.readers.clone(),
            value: self.value.clone(),
        }
    }
}

impl<T> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RwLock")
            .field("name", &self.writer.name())
            .finish_non_exhaustive()
    }
}

impl<T: Element> Field for RwLock<T> {
    type Element = T;
    type Repr<const L: usize> = Repr<T, L>;

    fn bind<const L: usize>(binder: &mut Binder<'_>) -> Result<Self, BindError> {
        let site = binder.site::<Repr<T, L>>()?;
        Ok(Self {
            writer: site.map(|repr| &repr.writer),
            left: site.map(|repr| &repr.left),
            readers: site.map(|repr| &repr.readers[..]),
            value: site.map(|repr| &repr.value),
        })
    }
}

impl<T: Element> Structure for RwLock<T> {}

static_assertions::assert_impl_all!(RwLock<u64>: Send, Sync, Clone);
static_assertions::assert_impl_all!(RwLockReadGuard<'static, u64>: Send, Sync);

/// What a reader has: a guard, inside of [`OwnerDied`] where a writer died.
type ReadResult<'a, T> = Result<RwLockReadGuard<'a, T>, OwnerDied<RwLockReadGuard<'a, T>>>;
/// The same for a writer.
type WriteResult<'a, T> = Result<RwLockWriteGuard<'a, T>, OwnerDied<RwLockWriteGuard<'a, T>>>;

impl<T: Element> RwLock<T> {
    fn access(&self) -> Access<'_> {
        Access {
            writer: &self.writer,
            left: &self.left.event,
            readers: &self.readers,
        }
    }

    /// The guard of a reader, inside of [`OwnerDied`] where a writer died before.
    fn reader<'a>(&'a self, reading: Reading<'a>) -> ReadResult<'a, T> {
        let doubtful = reading.is_doubtful();
        let guard = RwLockReadGuard {
            lock: self,
            reading,
        };
        if doubtful {
            Err(OwnerDied::new(guard))
        } else {
            Ok(guard)
        }
    }

    fn writer<'a>(&'a self, writer: Ownership<'a>) -> WriteResult<'a, T> {
        Guard::new(&self.value, writer)
    }

    /// Reads, and waits as long as that takes.
    ///
    /// # Errors
    ///
    /// [`OwnerDied`] with the guard inside: the value may be half changed.
    ///
    /// # Panics
    ///
    /// On a read-only attachment: readers are counted.
    ///
    /// # Progress
    ///
    /// Blocking, until the writers before unlock or die.
    #[track_caller]
    pub fn read(&self) -> ReadResult<'_, T> {
        self.writer.assert_writable();
        loop {
            if let Some(reading) = self.access().read_wait(Duration::MAX) {
                return self.reader(reading);
            }
        }
    }

    /// Reads, if no writer who lives has the lock or waits for readers.
    ///
    /// # Errors
    ///
    /// [`TryLockError::WouldBlock`], also where this attachment has 65,535 readers, or
    /// [`TryLockError::OwnerDied`] with the guard inside.
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    ///
    /// # Progress
    ///
    /// Lock-free. Where there is a writer, it asks the kernel whether it lives.
    #[track_caller]
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_, T>, TryLockError<RwLockReadGuard<'_, T>>> {
        self.writer.assert_writable();
        let reading = self.access().try_read();
        Ok(self.reader(reading.ok_or(TryLockError::WouldBlock)?)?)
    }

    /// Reads, and waits up to `timeout`.
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
    /// Blocking, until the writers before unlock or die, or the time is up.
    #[track_caller]
    pub fn read_wait(
        &self,
        timeout: Duration,
    ) -> Result<RwLockReadGuard<'_, T>, LockWaitError<RwLockReadGuard<'_, T>>> {
        self.writer.assert_writable();
        let reading = self.access().read_wait(timeout);
        Ok(self.reader(reading.ok_or(LockWaitError::Timeout)?)?)
    }

    /// Locks for writing, and waits as long as that takes.
    ///
    /// # Errors
    ///
    /// [`OwnerDied`] with the guard inside: the value may be half changed.
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    ///
    /// # Progress
    ///
    /// Blocking, until the writers and readers before unlock or die. A thread that has the lock waits for
    /// ever.
    #[track_caller]
    pub fn write(&self) -> WriteResult<'_, T> {
        self.writer.assert_writable();
        loop {
            if let Some(writer) = self.access().write_wait(Duration::MAX) {
                return self.writer(writer);
            }
        }
    }

    /// Locks for writing, if nobody who lives has the lock.
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
    /// Lock-free. Where it is locked, it asks the kernel whether the owners live. For a moment it may keep
    /// others from the lock that it does not get itself.
    #[track_caller]
    pub fn try_write(
        &self,
    ) -> Result<RwLockWriteGuard<'_, T>, TryLockError<RwLockWriteGuard<'_, T>>> {
        self.writer.assert_writable();
        let writer = self.access().try_write();
        Ok(self.writer(writer.ok_or(TryLockError::WouldBlock)?)?)
    }

    /// Locks for writing, and waits up to `timeout`.
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
    /// Blocking, until the writers and readers before unlock or die, or the time is up.
    #[track_caller]
    pub fn write_wait(
        &self,
        timeout: Duration,
    ) -> Result<RwLockWriteGuard<'_, T>, LockWaitError<RwLockWriteGuard<'_, T>>> {
        self.writer.assert_writable();
        let writer = self.access().write_wait(timeout);
        Ok(self.writer(writer.ok_or(LockWaitError::Timeout)?)?)
    }

    /// How many readers there are, those of the dead that no writer has met yet included. Works on read-only
    /// attachments.
    ///
    /// # Progress
    ///
    /// Wait-free, in the number of lanes.
    pub fn readers(&self) -> usize {
        self.access().count()
    }
}

/// A lock that this attachment reads under; dropping it unlocks.
///
/// In a forked child the parent's guard is void: it reads zeros and is dropped without effect.
#[must_use = "a lock whose guard is dropped is unlocked"]
pub struct RwLockReadGuard<'a, T: Element> {
    lock: &'a RwLock<T>,
    reading: Reading<'a>,
}

impl<T: Element> RwLockReadGuard<'_, T> {
    /// A copy of the value.
    #[inline]
    pub fn get(&self) -> T {
        let value = self.lock.value.cells().load(0);
        value
            .filter(|_| self.reading.is_held())
            .unwrap_or_else(T::zeroed)
    }
}

impl<T: Element> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RwLockReadGuard")
            .field("lock", &self.lock.writer.name())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeroed_is_empty() {
        use core::sync::atomic::Ordering::Relaxed;
        let repr = Repr::<u64, 4>::new_zeroed();
        assert_eq!(repr.writer.word.load(Relaxed), 0);
        assert!(repr.readers.iter().all(|word| word.load(Relaxed) == 0));
        assert_eq!(repr.value.cells().load(0), Some(0));
    }

    #[test]
    fn entry_covers_readers_and_value() {
        assert_eq!(<Repr<u32, 4> as Represent>::SIZE, 128 + 4 * 128 + 4);
        assert_eq!(offset_of!(Repr<u32, 4>, readers), 128);
    }
}
