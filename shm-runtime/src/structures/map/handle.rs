//! What maps and sets are made of: the bytes, and the process-local handle.

use super::table::{Parts, Stop, Table};
use crate::error::Full;
use crate::layout::Element;
use crate::memory::atomic::AtomicU64;
use crate::memory::attachment::Attachment;
use crate::memory::bucket::Buckets;
use crate::memory::entries::{Entries, Entry, EntryGroups};
use crate::memory::exchange::{Corrupt, Exchange, Fixed, Line, Words};
use crate::memory::lane::Place;
use crate::memory::shared::impl_shared;
use crate::memory::site::Site;
use core::fmt;
use core::mem::offset_of;
use zerocopy::FromZeros;

/// Keys that are looked for at a time.
const BATCH: usize = 8;

/// The bytes of a map with `B` buckets and `N` nodes, and `G` more for each of `L` lanes: see the picture in
/// [`super`].
#[derive(Debug, FromZeros)]
#[repr(C)]
pub struct Body<K, V, const B: usize, const N: usize, const L: usize, const G: usize> {
    pub(super) exchange: Words<B>,
    pub(super) lines: [Line; L],
    pub(super) bounds: [AtomicU64; B],
    pub(super) entries: EntryGroups<K, V, N, L, G>,
}

impl_shared!(
    impl[K: Element, V: Element, const B: usize, const N: usize, const L: usize, const G: usize]
    Body[K, V, B, N, L, G] { exchange, lines, bounds, entries }
);

impl<K, V, const B: usize, const N: usize, const L: usize, const G: usize> Body<K, V, B, N, L, G> {
    /// Bytes before the entries.
    pub const HOT: usize = offset_of!(Self, entries);
    /// All bytes, without the padding at the end.
    pub const SIZE: usize = Self::HOT + size_of::<Entry<K, V>>() * (N + G * L);
}

/// The handle of a map with `B` buckets and `N` nodes.
pub struct Core<K: 'static, V: 'static, const B: usize, const N: usize> {
    exchange: Site<Words<B>>,
    lines: Site<[Line]>,
    bounds: Site<[AtomicU64; B]>,
    entries: Site<Entries<K, V>>,
    place: Place,
}

impl<K, V, const B: usize, const N: usize> Clone for Core<K, V, B, N> {
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

impl<K, V, const B: usize, const N: usize> fmt::Debug for Core<K, V, B, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("name", &self.exchange.name())
            .finish_non_exhaustive()
    }
}

impl<K: Element, V: Element, const B: usize, const N: usize> Parts for Core<K, V, B, N> {
    type Key = K;
    type Value = V;
    type Entries = Entries<K, V>;
    type Capacity = Fixed<B>;

    #[inline(always)]
    fn exchange(&self) -> Exchange<'_, Fixed<B>> {
        Exchange {
            words: &self.exchange.words,
            signals: &self.exchange.signals,
            lines: &self.lines,
            records: self.attachment().lanes(),
            place: self.place,
        }
    }

    #[inline(always)]
    fn bounds(&self) -> &[AtomicU64; B] {
        &self.bounds
    }

    #[inline(always)]
    fn stock(&self) -> usize {
        N
    }

    #[inline(always)]
    fn entries(&self) -> &Entries<K, V> {
        &self.entries
    }
}

impl<K: Element, V: Element, const B: usize, const N: usize> Core<K, V, B, N> {
    pub(super) fn bind<const L: usize, const G: usize>(
        site: &Site<Body<K, V, B, N, L, G>>,
    ) -> Self {
        const {
            assert!(
                B.is_power_of_two() && B <= Buckets::MOST,
                "a map has a power of two of buckets, at most 2^29"
            );
            assert!(
                N > 0 && N <= B,
                "a map has at most as many entries as buckets"
            );
            assert!(
                N == B || G == 2,
                "where there are blanks, a lane has two nodes"
            );
            assert!(size_of::<K>() > 0, "a key has bytes");
        };
        let exchange = site.map(|body| &body.exchange);
        Self {
            place: Place::new(exchange.offset(), B),
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
    pub(super) fn read<R>(&self, read: Result<Option<R>, Corrupt>) -> Option<R> {
        match read {
            Ok(found) => found,
            Err(Corrupt) => {
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
    pub(super) fn assert_writable(&self) {
        self.exchange.assert_writable();
    }

    /// Runs an operation on a lane: once more if what the dead left may have been in its way. `None` where there was
    /// no room, no lane, or no sense in the words.
    #[inline(always)]
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

    /// See [`Map::get`](super::Map::get).
    #[inline(always)]
    pub(super) fn get(&self, key: K) -> Option<V> {
        self.read(self.table().get(&self.table().seek(key)))
    }

    /// See [`Map::get_many`](super::Map::get_many).
    pub(super) fn get_many(&self, keys: &[K], values: &mut [Option<V>]) -> usize {
        let table = self.table();
        let mut found = 0;
        for (keys, values) in keys.chunks(BATCH).zip(values.chunks_mut(BATCH)) {
            let sought: [_; BATCH] = core::array::from_fn(|i| {
                let sought = table.seek(keys[i.min(keys.len() - 1)]);
                table.prefetch(&sought);
                sought
            });
            for (value, (sought, _)) in values.iter_mut().zip(sought.iter().zip(keys)) {
                *value = self.read(table.get(sought));
                found += usize::from(value.is_some());
            }
        }
        found
    }

    /// See [`Map::insert`](super::Map::insert).
    #[inline(always)]
    pub(super) fn insert(&self, key: K, value: V) -> Result<Option<V>, Full<(K, V)>> {
        let before = self.run(|lane| self.table().insert(lane, key, &value));
        before.ok_or(Full((key, value)))
    }

    /// Inserts a key that is absent; the value that it has if it is not.
    #[inline(always)]
    pub(super) fn add(&self, key: K, value: V) -> Result<Option<V>, Full<(K, V)>> {
        let there = self.run(|lane| self.table().add(lane, key, &value));
        there.ok_or(Full((key, value)))
    }

    /// See [`Map::update`](super::Map::update).
    #[inline(always)]
    pub(super) fn update(&self, key: K, mut next: impl FnMut(V) -> V) -> Option<V> {
        let update = |lane| self.table().update(lane, key, |value| Some(next(value)));
        let before = self.run(update).flatten();
        before.map(|(Ok(before) | Err(before))| before)
    }

    /// See [`Map::compare_exchange`](super::Map::compare_exchange).
    #[inline(always)]
    pub(super) fn compare_exchange(&self, key: K, current: V, new: V) -> Result<V, Option<V>> {
        let exchange = |lane| self.table().compare_exchange(lane, key, &current, &new);
        match self.run(exchange).flatten() {
            Some(exchanged) => exchanged.map_err(Some),
            None => Err(None),
        }
    }

    /// See [`Map::remove`](super::Map::remove).
    #[inline(always)]
    pub(super) fn remove(&self, key: K) -> Option<V> {
        self.assert_writable();
        self.read(self.table().remove(key))
    }

    /// See [`Map::iter`](super::Map::iter).
    pub(super) fn iter(&self) -> impl Iterator<Item = (K, V)> + '_ {
        (0..B).filter_map(|slot| self.table().member(slot))
    }
}
