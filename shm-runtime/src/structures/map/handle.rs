//! What maps and sets are made of: the bytes, and the process-local handle.

use super::table::{Parts, Stop, Table};
use crate::layout::Element;
use crate::memory::atomic::AtomicU64;
use crate::memory::attachment::Attachment;
use crate::memory::bucket::Buckets;
use crate::memory::entries::{Entries, EntryGroups};
use crate::memory::exchange::{Exchange, Fixed, Line, Words};
use crate::memory::lane::Place;
use crate::memory::shared::impl_shared;
use crate::memory::site::Site;
use core::fmt;
use core::mem::offset_of;
use zerocopy::FromZeros;

/// The bytes of a map: see the picture in [`super`].
#[derive(Debug, FromZeros)]
#[repr(C)]
pub struct Body<K, V, const N: usize, const L: usize> {
    pub(super) exchange: Words<N>,
    pub(super) lines: [Line; L],
    pub(super) bounds: [AtomicU64; N],
    pub(super) entries: EntryGroups<K, V, N, L, 1>,
}

impl_shared!(impl[K: Element, V: Element, const N: usize, const L: usize] Body[K, V, N, L] {
    exchange, lines, bounds, entries
});

impl<K, V, const N: usize, const L: usize> Body<K, V, N, L> {
    /// Bytes before the entries.
    pub const HOT: usize = offset_of!(Self, entries);
    /// All bytes, without the padding at the end.
    pub const SIZE: usize = Self::HOT + size_of::<crate::memory::entries::Entry<K, V>>() * (N + L);
}

/// The handle.
pub struct Core<K: 'static, V: 'static, const N: usize> {
    exchange: Site<Words<N>>,
    lines: Site<[Line]>,
    bounds: Site<[AtomicU64; N]>,
    entries: Site<Entries<K, V>>,
    place: Place,
}

impl<K, V, const N: usize> Clone for Core<K, V, N> {
    fn clone(&self) -> Self {
        Self {
            exchange: self.exchange.clone(),
            lines: self.lines.clone(),
            bounds: self.bounds.clone(),
            entries: self.entries.clone(),
            place: self.place,
        }
    }
}

impl<K, V, const N: usize> fmt::Debug for Core<K, V, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("name", &self.exchange.name())
            .finish_non_exhaustive()
    }
}

impl<K: Element, V: Element, const N: usize> Parts for Core<K, V, N> {
    type Key = K;
    type Value = V;
    type Capacity = Fixed<N>;

    #[inline(always)]
    fn exchange(&self) -> Exchange<'_, Fixed<N>> {
        Exchange {
            words: &self.exchange.words,
            signals: &self.exchange.signals,
            lines: &self.lines,
            records: self.attachment().lanes(),
            place: self.place,
        }
    }

    #[inline(always)]
    fn bounds(&self) -> &[AtomicU64; N] {
        &self.bounds
    }

    #[inline(always)]
    fn entries(&self) -> &Entries<K, V> {
        &self.entries
    }
}

impl<K: Element, V: Element, const N: usize> Core<K, V, N> {
    pub(super) fn bind<const L: usize>(site: &Site<Body<K, V, N, L>>) -> Self {
        const {
            assert!(
                N.is_power_of_two() && N <= Buckets::MOST,
                "a map's capacity is a power of two up to 2^29"
            );
            assert!(size_of::<K>() > 0, "a key has bytes");
        };
        let exchange = site.map(|body| &body.exchange);
        Self {
            place: Place::new(exchange.offset(), N),
            exchange,
            lines: site.map(|body| body.lines.as_slice()),
            bounds: site.map(|body| &body.bounds),
            entries: site.map(|body| body.entries.entries()),
        }
    }

    #[inline(always)]
    pub(super) fn attachment(&self) -> &Attachment {
        self.exchange.attachment()
    }

    pub(super) fn name(&self) -> &str {
        self.exchange.name()
    }

    #[inline(always)]
    pub(super) const fn table(&self) -> Table<'_, Self> {
        Table(self)
    }

    /// What a read gave; none where the words make no sense.
    #[inline(always)]
    pub(super) fn read<R>(&self, read: Result<Option<R>, Stop>) -> Option<R> {
        match read {
            Ok(found) => found,
            Err(_) => {
                self.note_corrupt();
                None
            }
        }
    }

    /// Counts what makes no sense, for `Segment::health`.
    #[cold]
    #[inline(never)]
    fn note_corrupt(&self) {
        self.attachment().local().note_corrupt(self.place.offset());
    }

    /// Returns if this attachment may write; panics with the structure's name otherwise.
    #[inline]
    #[track_caller]
    pub(super) fn assert_writable(&self) {
        self.exchange.assert_writable();
    }

    /// Runs an operation on a lane: once more if what the dead left may have been in its way. `None` where there was
    /// no room, no lane, or no sense in the words.
    #[inline(always)]
    #[track_caller]
    pub(super) fn run<R>(&self, mut operation: impl FnMut(usize) -> Result<R, Stop>) -> Option<R> {
        let first = match self.attachment().enter() {
            Some(lane) => operation(lane.index()).map_err(Some),
            None => Err(None),
        };
        match first {
            Ok(result) => Some(result),
            Err(stop) => self.run_again(stop, operation),
        }
    }

    #[cold]
    #[track_caller]
    fn run_again<R>(
        &self,
        stop: Option<Stop>,
        mut operation: impl FnMut(usize) -> Result<R, Stop>,
    ) -> Option<R> {
        self.assert_writable();
        match stop? {
            Stop::Full { pending: true } => {
                self.attachment().recover();
                let lane = self.attachment().enter()?;
                operation(lane.index()).ok()
            }
            Stop::Full { pending: false } => None,
            Stop::Corrupt => {
                self.note_corrupt();
                None
            }
        }
    }
}
