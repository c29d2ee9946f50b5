//! Reader-writer locks whose value is bytes.

use super::element::ElementType;
use super::place::Place;
use super::words::{assert_size, cells};
use crate::error::{FieldError, Timeout};
use crate::memory::atomic::AtomicU64;
use crate::memory::padded::Padded;
use crate::memory::signals::Event;
use crate::memory::site::Site;
use crate::memory::strided::Run;
use crate::sync::access::{Access, Reading};
use crate::sync::lock::LockLine;
use crate::sync::ownership::Ownership;
use core::time::Duration;

/// Where the writer's sleep and the readers' words begin.
const LEFT: usize = 64;
const READERS: usize = 128;

/// The handle of an [`RwLock`](crate::sync::RwLock): its value as bytes, by the algorithm of the typed handle.
///
/// ```
/// use shm_runtime::{dynamic, prelude::*};
///
/// #[derive(ShmLayout)]
/// struct Config {
///     limit: sync::RwLock<u64>,
/// }
///
/// # let name = format!("doc-dynamic-rwlock-{}", std::process::id());
/// let config = Config::create(&name)?;
/// let limit = dynamic::Segment::open(&name)?.rwlock("limit")?;
/// limit.try_write().expect("nobody has it").write(&7_u64.to_le_bytes());
/// assert_eq!(config.limit.read().expect("nobody died").get(), 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Progress
///
/// Blocking: an owner who is stopped holds up all who wait. A death holds nobody up for longer than 50 ms. Writers come
/// first, so a thread that reads must not ask to read again.
#[derive(Clone, Debug)]
pub struct RwLock {
    writer: Site<LockLine>,
    left: Site<Event>,
    readers: Site<[Padded<AtomicU64>]>,
    value: Run,
    element: ElementType,
}

impl RwLock {
    pub(super) fn bind(place: Place<'_>) -> Result<Self, FieldError> {
        let element = place.field.element().clone();
        Ok(Self {
            writer: place.at(0)?,
            left: place.at(LEFT)?,
            readers: place.slice(READERS, place.lanes())?,
            value: place.run(0, element.size())?,
            element,
        })
    }

    fn access(&self) -> Access<'_> {
        Access {
            writer: &self.writer,
            left: &self.left,
            readers: &self.readers,
        }
    }

    /// What the value is.
    pub const fn element(&self) -> &ElementType {
        &self.element
    }

    /// How many readers there are: see [`crate::sync::RwLock::readers`].
    pub fn readers(&self) -> usize {
        self.access().count()
    }

    #[track_caller]
    fn assert_value(&self, bytes: usize) {
        assert_size(self.writer.name(), "value", bytes, self.element.size());
    }

    /// Reads, if no writer who lives has the lock or waits for readers.
    ///
    /// # Panics
    ///
    /// Where the segment is open read-only: readers are counted.
    #[track_caller]
    pub fn try_read(&self) -> Option<ReadGuard<'_>> {
        self.writer.assert_writable();
        let reading = self.access().try_read()?;
        Some(ReadGuard {
            lock: self,
            reading,
        })
    }

    /// Reads, and waits up to `timeout`.
    ///
    /// # Errors
    ///
    /// [`Timeout`] where a writer who lives had the lock, or waited for it, all the time.
    ///
    /// # Panics
    ///
    /// Where the segment is open read-only.
    #[track_caller]
    pub fn read_wait(&self, timeout: Duration) -> Result<ReadGuard<'_>, Timeout> {
        self.writer.assert_writable();
        let reading = self.access().read_wait(timeout).ok_or(Timeout)?;
        Ok(ReadGuard {
            lock: self,
            reading,
        })
    }

    /// Locks for writing, if nobody who lives has the lock.
    ///
    /// # Panics
    ///
    /// Where the segment is open read-only.
    #[track_caller]
    pub fn try_write(&self) -> Option<WriteGuard<'_>> {
        self.writer.assert_writable();
        let owner = self.access().try_write()?;
        Some(WriteGuard { lock: self, owner })
    }

    /// Locks for writing, and waits up to `timeout`.
    ///
    /// # Errors
    ///
    /// [`Timeout`] where others who live had the lock all the time.
    ///
    /// # Panics
    ///
    /// Where the segment is open read-only.
    #[track_caller]
    pub fn write_wait(&self, timeout: Duration) -> Result<WriteGuard<'_>, Timeout> {
        self.writer.assert_writable();
        let owner = self.access().write_wait(timeout).ok_or(Timeout)?;
        Ok(WriteGuard { lock: self, owner })
    }
}

/// A lock that this attachment reads under; dropping it unlocks. In a forked child the parent's is void.
#[derive(Debug)]
#[must_use = "a lock whose guard is dropped is unlocked"]
pub struct ReadGuard<'a> {
    lock: &'a RwLock,
    reading: Reading<'a>,
}

impl ReadGuard<'_> {
    /// Whether a writer died with the lock, so that the value may be half changed, and nobody has settled it since.
    pub fn is_doubtful(&self) -> bool {
        self.reading.is_doubtful()
    }

    /// Copies the value into `out`; zeros in a forked child.
    ///
    /// # Panics
    ///
    /// Where `out` has another size than the value.
    #[track_caller]
    pub fn read_into(&self, out: &mut [u8]) {
        self.lock.assert_value(out.len());
        if !self.reading.is_held() || !self.lock.value.load(0, cells(out)) {
            out.fill(0);
        }
    }
}

/// A lock that this attachment has for writing; dropping it unlocks. In a forked child the parent's is void.
#[derive(Debug)]
#[must_use = "a lock whose guard is dropped is unlocked"]
pub struct WriteGuard<'a> {
    lock: &'a RwLock,
    owner: Ownership<'a>,
}

impl WriteGuard<'_> {
    /// Whether a writer died with the lock: see [`ReadGuard::is_doubtful`].
    pub fn is_doubtful(&self) -> bool {
        self.owner.is_doubtful()
    }

    /// Says that the value is in order.
    pub fn mark_consistent(&mut self) {
        self.owner.settle();
    }

    /// Copies the value into `out`; zeros in a forked child.
    ///
    /// # Panics
    ///
    /// Where `out` has another size than the value.
    #[track_caller]
    pub fn read_into(&self, out: &mut [u8]) {
        self.lock.assert_value(out.len());
        if !self.owner.is_held() || !self.lock.value.load(0, cells(out)) {
            out.fill(0);
        }
    }

    /// Overwrites the value.
    ///
    /// # Panics
    ///
    /// Where `value` has another size.
    #[track_caller]
    pub fn write(&mut self, value: &[u8]) {
        self.lock.assert_value(value.len());
        if self.owner.is_held() {
            self.lock.value.store(0, value);
        }
    }
}
