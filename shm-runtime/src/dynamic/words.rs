//! The exchange words and lanes of a structure whose capacity is known at run time only.

use super::place::Place;
use crate::error::FieldError;
use crate::memory::atomic::AtomicU64;
use crate::memory::attachment::Attachment;
use crate::memory::exchange::{Dynamic, Exchange, Line};
use crate::memory::lane;
use crate::memory::signals::Signals;
use crate::memory::site::Site;
use core::cell::Cell;

/// Where the words begin behind the signals.
const WORDS: usize = size_of::<Signals>();

/// Words, lines, and what operations signal to each other.
#[derive(Clone, Debug)]
pub(super) struct Words {
    words: Site<[AtomicU64]>,
    signals: Site<Signals>,
    lines: Site<[Line]>,
    place: lane::Place,
}

impl Words {
    /// `count` words, a power of two.
    pub(super) fn bind(place: &Place<'_>, count: usize) -> Result<Self, FieldError> {
        let at = place.extent.signals;
        let signals = place.at::<Signals>(at)?;
        Ok(Self {
            words: place.slice(at + WORDS, count)?,
            place: lane::Place::new(signals.offset(), count),
            signals,
            lines: place.slice(place.extent.lines, place.lanes())?,
        })
    }

    pub(super) fn exchange(&self) -> Exchange<'_, Dynamic> {
        Exchange {
            words: &self.words,
            signals: &self.signals,
            lines: &self.lines,
            records: self.attachment().lanes(),
            place: self.place,
        }
    }

    pub(super) fn capacity(&self) -> usize {
        self.words.len()
    }

    pub(super) fn signals(&self) -> &Signals {
        &self.signals
    }

    pub(super) fn attachment(&self) -> &Attachment {
        self.signals.attachment()
    }

    pub(super) fn name(&self) -> &str {
        self.signals.name()
    }

    /// Returns if this attachment may write; panics with the structure's name otherwise.
    #[track_caller]
    pub(super) fn assert_writable(&self) {
        self.signals.assert_writable();
    }

    /// Counts what makes no sense, for [`Segment::health`](super::Segment::health).
    #[cold]
    pub(super) fn note_corrupt(&self) {
        self.attachment().local().note_corrupt(self.place.offset());
    }
}

/// Bytes of the caller's that a structure writes to.
pub(super) fn cells(bytes: &mut [u8]) -> &[Cell<u8>] {
    Cell::from_mut(bytes).as_slice_of_cells()
}

/// Panics where these are not the bytes of `what`.
#[inline]
#[track_caller]
pub(super) fn assert_size(name: &str, what: &str, found: usize, expected: usize) {
    if found != expected {
        wrong_size(name, what, found, expected);
    }
}

#[cold]
#[track_caller]
fn wrong_size(name: &str, what: &str, found: usize, expected: usize) -> ! {
    panic!("{found} bytes are no {what} of `{name}`, which has {expected}");
}

/// How many elements these bytes are; panics where they are not whole ones.
#[track_caller]
pub(super) fn whole(name: &str, bytes: usize, size: usize) -> usize {
    if !bytes.is_multiple_of(size) {
        panic!("{bytes} bytes are no whole elements of `{name}`, which have {size}");
    }
    bytes / size
}
