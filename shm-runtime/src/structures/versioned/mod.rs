//! `Versioned<T>`: the latest value, for any number of writers and readers.
//!
//! # Guarantees
//!
//! A reader gets a whole value that was the latest at some moment during its call, and only loads: it holds nobody up
//! and works on a read-only mapping. Killed at any instruction, a store took effect once or not at all, and nobody
//! is held up (P1); stopped for ever, likewise (P2). All-zero bytes are the zero value, version 0 (P4).
//!
//! # Bytes
//!
//! ```text
//! 0x000  signals   128 bytes                         sleepers
//! 0x080  word      u64, alone on 128 bytes           {version, updated, node}
//! 0x100  lines     128 bytes × lanes                 spare node of each lane
//!        nodes     {stamp u64, value} × (1 + lanes)  each at a multiple of 64
//! ```
//!
//! # If a process dies here
//!
//! | step | what survivors see | who repairs it |
//! |---|---|---|
//! | copying the value out | nothing | nobody needs to |
//! | writing the value | the one before | nobody needs to |
//! | intent written, word not exchanged | the one before | recovery closes the intent |
//! | word exchanged | the new value | recovery settles the two nodes |
//! | woken the sleepers, not published | sleepers look again and find an announced operation | the first of them recovers it |
//!
//! The algorithm is in [`latest`], the primitive in `memory::exchange`, the model in `models::versioned`.

pub mod latest;
#[cfg(test)]
mod tests;

use crate::error::{NoLane, Outrun, Timeout};
use crate::layout::bind::{BindError, Binder};
use crate::layout::node::{Node, StructureNode};
use crate::layout::{Element, Field, Represent, Structure};
use crate::memory::attachment::Attachment;
use crate::memory::exchange::{Exchange, Fixed, Line, Words};
use crate::memory::kernel::Linux;
use crate::memory::lane::Place;
use crate::memory::nodes::StampedNode;
use crate::memory::pace::give_way;
use crate::memory::patience::PATIENCE;
use crate::memory::shared::impl_shared;
use crate::memory::signals::{Kernel, wait_until};
use crate::memory::site::Site;
use crate::memory::stamp::{Stamped, StampedNodes};
use core::fmt;
use core::mem::offset_of;
use core::time::Duration;
use latest::{Latest, Parts, Seen, Stop};
use zerocopy::FromZeros;

/// The value's bytes: see the module's picture.
#[derive(Debug, FromZeros)]
#[repr(C)]
pub struct Repr<T, const L: usize> {
    exchange: Words<1>,
    lines: [Line; L],
    nodes: StampedNodes<T, L>,
}

impl_shared!(impl[T: Element, const L: usize] Repr[T, L] { exchange, lines, nodes });

impl<T: Element, const L: usize> Represent for Repr<T, L> {
    const SIZE: usize = offset_of!(Self, nodes) + size_of::<StampedNodes<T, L>>();
    const HOT: usize = offset_of!(Self, nodes);
    const NODE: Node = Node::Structure(StructureNode {
        kind: "Versioned",
        capacity: &[],
        lanes: L,
    });
}

/// The latest value in shared memory: any number of processes write it, and any number read it without ever seeing a
/// half-written one.
///
/// The value may have any size; each change of it has a number, its *version*. Before the first one the value is
/// zeros and its version 0.
///
/// ```
/// use shm_runtime::prelude::*;
///
/// #[derive(ShmLayout)]
/// struct Drone {
///     pose: Versioned<[f64; 6]>,
/// }
///
/// # let name = format!("doc-versioned-{}", std::process::id());
/// let drone = Drone::create(&name)?;
/// drone.pose.store([1.0, 2.0, 3.0, 0.0, 0.0, 0.0])?;
/// drone.pose.update(|pose| pose[2] += 0.5)?;
///
/// // some other process, which may have opened the segment read-only
/// assert_eq!(drone.pose.load()[2], 3.5);
/// let (version, pose) = drone.pose.changed_since(0).expect("it did change");
/// assert_eq!((version, pose[2]), (2, 3.5));
/// assert_eq!(drone.pose.changed_since(version), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Progress
///
/// Lock-free, whoever is killed or stopped. A [`store`](Self::store) is one attempt as long as nobody updates. A reader
/// that does not write can be overtaken again and again, if writers are faster than its copy:
/// [`try_load`](Self::try_load) is one attempt. Only [`wait_change`](Self::wait_change) blocks.
pub struct Versioned<T: 'static> {
    exchange: Site<Words<1>>,
    lines: Site<[Line]>,
    nodes: Site<[Stamped<T>]>,
    place: Place,
}

impl<T> Clone for Versioned<T> {
    fn clone(&self) -> Self {
        Self {
            exchange: self.exchange.clone(),
            lines: self.lines.clone(),
            nodes: self.nodes.clone(),
            place: self.place,
        }
    }
}

impl<T> fmt::Debug for Versioned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Versioned")
            .field("name", &self.exchange.name())
            .finish_non_exhaustive()
    }
}

impl<T: Element> Field for Versioned<T> {
    type Element = T;
    type Repr<const L: usize> = Repr<T, L>;

    fn bind<const L: usize>(binder: &mut Binder<'_>) -> Result<Self, BindError> {
        let site = binder.site::<Repr<T, L>>()?;
        let exchange = site.map(|repr| &repr.exchange);
        Ok(Self {
            place: Place::new(exchange.offset(), 1),
            exchange,
            lines: site.map(|repr| repr.lines.as_slice()),
            nodes: site.map(|repr| repr.nodes.as_slice()),
        })
    }
}

impl<T: Element> Structure for Versioned<T> {}

static_assertions::assert_impl_all!(Versioned<u64>: Send, Sync, Clone);

impl<T: Element> Parts for Versioned<T> {
    type Element = T;

    #[inline(always)]
    fn exchange(&self) -> Exchange<'_, Fixed<1>> {
        Exchange {
            words: &self.exchange.words,
            signals: &self.exchange.signals,
            lines: &self.lines,
            records: self.attachment().lanes(),
            place: self.place,
        }
    }

    #[inline(always)]
    fn node(&self, index: usize) -> Option<impl StampedNode<Value = T>> {
        self.nodes.get(index)
    }

    #[inline(always)]
    fn kernel(&self) -> impl Kernel {
        Linux
    }
}

/// Bytes from which a value is written where the caller wants it: it would be copied once more, and that costs
/// more than to hand it over in memory.
const LARGE: usize = 1024;

impl<T: Element> Versioned<T> {
    #[inline(always)]
    fn attachment(&self) -> &Attachment {
        self.exchange.attachment()
    }

    #[inline(always)]
    const fn latest(&self) -> Latest<'_, Self> {
        Latest(self)
    }

    /// Counts what makes no sense, for `Segment::health`.
    #[cold]
    #[inline(never)]
    fn note(&self, stop: Stop) {
        if stop == Stop::Corrupt {
            let local = self.attachment().local();
            local.note_corrupt(self.place.offset());
        }
    }

    /// Why nothing was written; panics on a read-only attachment.
    #[cold]
    #[inline(never)]
    fn refused(&self, stop: Option<Stop>) -> NoLane {
        self.exchange.assert_writable();
        if let Some(stop) = stop {
            self.note(stop);
        }
        NoLane
    }

    /// The latest value and its version; zeros where the bytes make no sense.
    #[inline]
    fn seen(&self) -> Seen<T> {
        self.latest().load().unwrap_or_else(|stop| {
            self.note(stop);
            Seen {
                word: 0,
                version: self.version(),
                value: T::zeroed(),
            }
        })
    }

    /// Replaces the value, whatever it is.
    ///
    /// # Errors
    ///
    /// [`NoLane`] where nothing was stored: in a signal handler that interrupted an operation on the segment's last
    /// lane, and in a forked child for which the segment has no place. Also where other processes wrote nonsense
    /// into the segment; `Segment::health` counts those.
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    ///
    /// # Progress
    ///
    /// Wait-free as long as nobody updates, and one compare-and-swap; else lock-free.
    #[inline]
    pub fn store(&self, value: T) -> Result<(), NoLane> {
        let stored = match self.attachment().enter() {
            Some(lane) => self.latest().store(lane.index(), &value).map_err(Some),
            None => Err(None),
        };
        stored.map_err(|stop| self.refused(stop))
    }

    /// The latest value: whole, and not older than the latest one when the call began. Works on read-only attachments.
    ///
    /// # Progress
    ///
    /// Lock-free: it begins again where writers replaced the value twice over while it was copied. After a million
    /// attempts in a row it gives zeros and counts that in `Segment::health`.
    #[inline]
    pub fn load(&self) -> T {
        if size_of::<T>() > LARGE {
            let mut value = T::zeroed();
            self.load_into(&mut value);
            return value;
        }
        self.latest().value_or(|| {
            self.note(Stop::Corrupt);
            T::zeroed()
        })
    }

    /// As [`load`](Self::load), to a place of the caller's, which spares a copy of a large value; gives its version.
    ///
    /// ```
    /// use shm_runtime::{ShmLayout, Versioned};
    ///
    /// #[derive(ShmLayout)]
    /// struct Camera {
    ///     tile: Versioned<[u16; 2048]>,
    /// }
    ///
    /// # let name = format!("doc-versioned-load-into-{}", std::process::id());
    /// let camera = Camera::create(&name)?;
    /// camera.tile.store([7; 2048])?;
    /// let mut tile = Box::new([0; 2048]);
    /// assert_eq!(camera.tile.load_into(&mut tile), 1);
    /// assert_eq!(tile[2047], 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Progress
    ///
    /// As [`load`](Self::load), which says what is given where the bytes make no sense.
    #[inline]
    pub fn load_into(&self, value: &mut T) -> u64 {
        self.latest().load_into(value).unwrap_or_else(|stop| {
            self.note(stop);
            *value = T::zeroed();
            self.version()
        })
    }

    /// As [`load`](Self::load), in one attempt.
    ///
    /// # Errors
    ///
    /// [`Outrun`] where writers were faster than the copy.
    ///
    /// # Progress
    ///
    /// Wait-free.
    #[inline]
    pub fn try_load(&self) -> Result<T, Outrun> {
        match self.latest().try_load() {
            Ok(seen) => Ok(seen.value),
            Err(stop) => {
                self.note(stop);
                Err(Outrun)
            }
        }
    }

    /// Changes a copy of the value, and stores that if nobody stored anything meanwhile; else begins again. Gives what
    /// `change` gave the last time.
    ///
    /// So `change` may run several times, each time on another value, and should do nothing but change it. It may
    /// use the segment; it holds nobody up, however long it takes.
    ///
    /// # Errors
    ///
    /// As [`store`](Self::store).
    ///
    /// # Panics
    ///
    /// On a read-only attachment, and where `change` does: then nothing was stored.
    ///
    /// # Progress
    ///
    /// Lock-free.
    pub fn update<R>(&self, mut change: impl FnMut(&mut T) -> R) -> Result<R, NoLane> {
        self.exchange.assert_writable();
        for _ in 0..PATIENCE {
            let seen = self
                .latest()
                .load()
                .map_err(|stop| self.refused(Some(stop)))?;
            let mut value = seen.value;
            let result = change(&mut value);
            let lane = self.attachment().enter();
            let lane = lane.ok_or_else(|| self.refused(None))?;
            match self.latest().replace(lane.index(), seen.word, &value) {
                Ok(true) => return Ok(result),
                Ok(false) => give_way(), // somebody else published: progress
                Err(stop) => return Err(self.refused(Some(stop))),
            }
        }
        Err(self.refused(Some(Stop::Corrupt)))
    }

    /// How often the value was replaced, but for stores that were overwritten at once; 0 before the first time.
    ///
    /// # Progress
    ///
    /// Wait-free.
    #[inline]
    pub fn version(&self) -> u64 {
        self.latest().version()
    }

    /// The latest value and its version, if that is another one than `version`.
    ///
    /// # Progress
    ///
    /// As [`load`](Self::load); wait-free where nothing changed.
    #[inline]
    pub fn changed_since(&self, version: u64) -> Option<(u64, T)> {
        if self.version() == version {
            return None;
        }
        let seen = self.seen();
        Some((seen.version, seen.value))
    }

    /// Waits up to `timeout` until the version is another one than `version`, and gives it and its value.
    ///
    /// A read-only attachment cannot be woken and looks every millisecond.
    ///
    /// # Errors
    ///
    /// [`Timeout`] where nothing changed in time.
    ///
    /// # Progress
    ///
    /// Blocking, until somebody stores. A process killed while it does loses no wake-up.
    pub fn wait_change(&self, version: u64, timeout: Duration) -> Result<(u64, T), Timeout> {
        let attempt = || self.changed_since(version);
        let changed = wait_until(timeout, attempt, |left| {
            let latest = self.latest();
            self.attachment().wait_round(
                &self.exchange.signals.filled,
                left,
                || latest.is_announced(),
                || latest.version() == version,
            );
            true
        });
        changed.ok_or(Timeout)
    }
}
