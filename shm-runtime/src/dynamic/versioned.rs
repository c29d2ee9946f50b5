//! Latest values as bytes.

use super::element::ElementType;
use super::place::Place;
use super::words::{assert_size, cells};
use crate::error::{FieldError, NoLane, Outrun, Timeout};
use crate::memory::attachment::Attachment;
use crate::memory::audit::Audit;
use crate::memory::exchange::{Exchange, Fixed, Line, Words};
use crate::memory::kernel::Linux;
use crate::memory::lane;
use crate::memory::nodes::StampedNode;
use crate::memory::patience::PATIENCE;
use crate::memory::signals::{Kernel, wait_until};
use crate::memory::site::Site;
use crate::memory::stamp::Stamp;
use crate::memory::strided::{LentStamped, Run};
use crate::structures::versioned::latest::{Latest, Parts, Stop};
use core::cell::Cell;
use core::convert::Infallible;
use core::time::Duration;

/// The handle of a [`Versioned`](crate::Versioned): the value as bytes, by the algorithm of the typed handle.
///
/// # Progress
///
/// As the typed handle: lock-free, whoever is killed or stopped. Only [`wait_change`](Self::wait_change) blocks.
#[derive(Clone, Debug)]
pub struct Versioned {
    exchange: Site<Words<1>>,
    lines: Site<[Line]>,
    /// Where the first node's stamp is, in bytes from the segment's start, and how far it is to the next.
    stamps: (usize, usize),
    values: Run,
    place: lane::Place,
    element: ElementType,
}

/// One operation: the value, and the bytes that it moves.
#[derive(Clone, Copy, Debug)]
struct Operation<'a> {
    versioned: &'a Versioned,
    from: &'a [u8],
    to: &'a [Cell<u8>],
}

impl Parts for Operation<'_> {
    type Element = ();

    fn exchange(&self) -> Exchange<'_, Fixed<1>> {
        let Versioned {
            exchange, lines, ..
        } = self.versioned;
        Exchange {
            words: &exchange.words,
            signals: &exchange.signals,
            lines,
            records: exchange.attachment().lanes(),
            place: self.versioned.place,
        }
    }

    fn node(&self, index: usize) -> Option<impl StampedNode<Value = ()>> {
        let Versioned { stamps, values, .. } = self.versioned;
        let (first, stride) = *stamps;
        if index >= values.len() {
            return None;
        }
        let attachment = self.versioned.attachment();
        let stamp = attachment.slice::<Stamp>(first + index * stride, 1)?; // no overflow: `index` is in range
        Some(LentStamped {
            stamp: stamp.first()?,
            values,
            index,
            from: self.from,
            to: self.to,
        })
    }

    fn kernel(&self) -> impl Kernel {
        Linux
    }
}

impl Versioned {
    pub(super) fn bind(place: Place<'_>) -> Result<Self, FieldError> {
        let (element, extent) = (place.field.element().clone(), place.extent);
        let exchange = place.at::<Words<1>>(0)?;
        Ok(Self {
            place: lane::Place::new(exchange.offset(), 1),
            exchange,
            lines: place.slice(extent.lines, place.lanes())?,
            stamps: (place.field.offset() + extent.cells, extent.stride),
            values: place.run(extent.value, element.size())?,
            element,
        })
    }

    fn attachment(&self) -> &Attachment {
        self.exchange.attachment()
    }

    fn operation<'a>(&'a self, from: &'a [u8], to: &'a [Cell<u8>]) -> Operation<'a> {
        Operation {
            versioned: self,
            from,
            to,
        }
    }

    #[track_caller]
    fn assert_value(&self, bytes: usize) {
        assert_size(self.exchange.name(), "value", bytes, self.element.size());
    }

    #[cold]
    fn note(&self, stop: Stop) {
        if stop == Stop::Corrupt {
            self.attachment().local().note_corrupt(self.place.offset());
        }
    }

    /// Why nothing was written; panics on a read-only attachment.
    #[cold]
    fn refused(&self, stop: Option<Stop>) -> NoLane {
        self.exchange.assert_writable();
        if let Some(stop) = stop {
            self.note(stop);
        }
        NoLane
    }

    /// Counts the owners of every node: see [`Audit`].
    pub fn audit(&self) -> Audit {
        self.operation(&[], &[]).exchange().audit()
    }

    /// What the value is.
    pub const fn element(&self) -> &ElementType {
        &self.element
    }

    /// Replaces the value, whatever it is.
    ///
    /// # Errors
    ///
    /// [`NoLane`] where nothing was stored: see [`crate::Versioned::store`].
    ///
    /// # Panics
    ///
    /// Where `value` has another size than the element, or the segment is open read-only.
    #[track_caller]
    pub fn store(&self, value: &[u8]) -> Result<(), NoLane> {
        self.assert_value(value.len());
        let operation = self.operation(value, &[]);
        let stored = match self.attachment().enter() {
            Some(lane) => Latest(&operation).store(lane.index(), &()).map_err(Some),
            None => Err(None),
        };
        stored.map_err(|stop| self.refused(stop))
    }

    /// Copies the latest value into `out`, and gives its version. Works on read-only attachments.
    ///
    /// # Panics
    ///
    /// Where `out` has another size than the element.
    #[track_caller]
    pub fn load(&self, out: &mut [u8]) -> u64 {
        self.assert_value(out.len());
        match Latest(&self.operation(&[], cells(out))).load() {
            Ok(seen) => seen.version,
            Err(stop) => {
                self.note(stop);
                out.fill(0);
                self.version()
            }
        }
    }

    /// As [`load`](Self::load), in one attempt.
    ///
    /// # Errors
    ///
    /// [`Outrun`] where writers were faster than the copy; `out` may then be overwritten.
    ///
    /// # Panics
    ///
    /// Where `out` has another size than the element.
    #[track_caller]
    pub fn try_load(&self, out: &mut [u8]) -> Result<u64, Outrun> {
        self.assert_value(out.len());
        let seen = Latest(&self.operation(&[], cells(out))).try_load();
        seen.map(|seen| seen.version).map_err(|stop| {
            self.note(stop);
            Outrun
        })
    }

    /// Changes a copy of the value, and stores that if nobody stored anything meanwhile; else begins again.
    ///
    /// # Errors
    ///
    /// As [`store`](Self::store).
    ///
    /// # Panics
    ///
    /// Where the segment is open read-only, and where `change` does: then nothing was stored.
    pub fn update(&self, mut change: impl FnMut(&mut [u8])) -> Result<(), NoLane> {
        let updated = self.try_update(|value| {
            change(value);
            Ok::<(), Infallible>(())
        })?;
        let Ok(()) = updated;
        Ok(())
    }

    /// As [`update`](Self::update); where `change` fails, nothing is stored, and its error is the inner one.
    ///
    /// # Errors
    ///
    /// As [`store`](Self::store).
    ///
    /// # Panics
    ///
    /// As [`update`](Self::update).
    pub fn try_update<E>(
        &self,
        mut change: impl FnMut(&mut [u8]) -> Result<(), E>,
    ) -> Result<Result<(), E>, NoLane> {
        self.exchange.assert_writable();
        let mut value = vec![0; self.element.size()];
        for _ in 0..PATIENCE {
            let seen = Latest(&self.operation(&[], cells(&mut value))).load();
            let seen = seen.map_err(|stop| self.refused(Some(stop)))?;
            if let Err(why) = change(&mut value) {
                return Ok(Err(why));
            }
            let lane = self.attachment().enter();
            let lane = lane.ok_or_else(|| self.refused(None))?;
            let operation = self.operation(&value, &[]);
            match Latest(&operation).replace(lane.index(), seen.word, &()) {
                Ok(true) => return Ok(Ok(())),
                Ok(false) => {} // somebody else published: progress
                Err(stop) => return Err(self.refused(Some(stop))),
            }
        }
        Err(self.refused(Some(Stop::Corrupt)))
    }

    /// How often the value was replaced: see [`crate::Versioned::version`].
    pub fn version(&self) -> u64 {
        Latest(&self.operation(&[], &[])).version()
    }

    /// Waits up to `timeout` until the version is another one than `version`; copies the value into `out`
    /// then, and gives its version.
    ///
    /// # Errors
    ///
    /// [`Timeout`] where nothing changed in time.
    ///
    /// # Panics
    ///
    /// Where `out` has another size than the element.
    ///
    /// # Progress
    ///
    /// Blocking, until somebody stores. A process killed while it does loses no wake-up.
    #[track_caller]
    pub fn wait_change(
        &self,
        version: u64,
        out: &mut [u8],
        timeout: Duration,
    ) -> Result<u64, Timeout> {
        self.assert_value(out.len());
        let attempt = || (self.version() != version).then(|| self.load(out));
        let changed = wait_until(timeout, attempt, |left| {
            let looking = self.operation(&[], &[]);
            self.attachment().wait_round(
                &self.exchange.signals.filled,
                left,
                || Latest(&looking).is_announced(),
                || self.version() == version,
            );
            true
        });
        changed.ok_or(Timeout)
    }
}
