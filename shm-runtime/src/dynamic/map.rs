//! Maps and sets: keys and values as bytes.

use super::element::ElementType;
use super::kind::Kind;
use super::place::Place;
use super::words::{Words, assert_size, cells};
use crate::error::{FieldError, Full};
use crate::memory::atomic::AtomicU64;
use crate::memory::exchange::{Corrupt, Dynamic, Exchange};
use crate::memory::site::Site;
use crate::memory::strided::{LentPairs, Run};
use crate::structures::map::table::{Parts, Stop, Table};
use core::cell::{Cell, RefCell};

/// What a map and a set have in common.
#[derive(Clone, Debug)]
struct Core {
    words: Words,
    bounds: Site<[AtomicU64]>,
    stock: usize,
    keys: Run,
    values: Run,
}

/// One operation: the map, and the bytes that it moves.
#[derive(Debug)]
struct Operation<'a> {
    map: &'a Core,
    entries: LentPairs<'a>,
}

impl<'a> Parts for Operation<'a> {
    type Key = ();
    type Value = ();
    type Entries = LentPairs<'a>;
    type Capacity = Dynamic;

    fn exchange(&self) -> Exchange<'_, Dynamic> {
        self.map.words.exchange()
    }
    fn bounds(&self) -> &[AtomicU64] {
        &self.map.bounds
    }
    fn stock(&self) -> usize {
        self.map.stock
    }
    fn entries(&self) -> &LentPairs<'a> {
        &self.entries
    }
}

impl Core {
    /// A map whose values of `value.1` bytes begin `value.0` bytes behind the entry's start.
    fn bind(place: &Place<'_>, key: usize, value: (usize, usize)) -> Result<Self, FieldError> {
        let capacity = place.field.capacities();
        let (buckets, stock) = (capacity[0], capacity[capacity.len() - 1]); // as many as the kind says
        Ok(Self {
            words: Words::bind(place, buckets)?,
            bounds: place.slice(place.extent.rows, buckets)?,
            stock,
            keys: place.run(0, key)?,
            values: place.run(value.0, value.1)?,
        })
    }

    /// An operation on `key`, which stores `from`; keys and values that it finds go to the two slices.
    fn operation<'a>(
        &'a self,
        key: &'a [u8],
        from: &'a [u8],
        key_to: &'a [Cell<u8>],
        value_to: &'a [Cell<u8>],
    ) -> Operation<'a> {
        let entries = LentPairs {
            keys: &self.keys,
            values: &self.values,
            key,
            from,
            made: RefCell::new(None),
            key_to,
            value_to,
        };
        Operation { map: self, entries }
    }

    #[track_caller]
    fn assert_key(&self, key: &[u8]) {
        assert_size(self.words.name(), "key", key.len(), self.keys.size());
    }

    #[track_caller]
    fn assert_value(&self, bytes: usize) {
        assert_size(self.words.name(), "value", bytes, self.values.size());
    }

    /// What a look-up or a removal gave.
    fn seen(&self, seen: Result<Option<()>, Corrupt>) -> bool {
        match seen {
            Ok(found) => found.is_some(),
            Err(Corrupt) => {
                self.words.note_corrupt();
                false
            }
        }
    }

    /// Runs an operation on a lane: once more if what the dead left may have been in its way. `None` where
    /// there was no room, no lane, or no sense in the words.
    fn run<R>(
        &self,
        operation: &Operation<'_>,
        run: impl Fn(Table<'_, Operation<'_>>, usize) -> Result<R, Stop>,
    ) -> Option<R> {
        for is_last in [false, true] {
            let done = match self.words.attachment().enter() {
                Some(lane) => run(Table(operation), lane.index()),
                None => {
                    self.words.assert_writable();
                    return None;
                }
            };
            match done {
                Ok(result) => return Some(result),
                Err(Stop::Full { pending: true }) if !is_last => {
                    self.words.attachment().recover();
                }
                Err(Stop::Full { .. }) => return None,
                Err(Stop::Corrupt) => {
                    self.words.note_corrupt();
                    return None;
                }
            }
        }
        None
    }

    fn get(&self, key: &[u8], out: &mut [u8]) -> bool {
        let operation = self.operation(key, &[], &[], cells(out));
        let table = Table(&operation);
        self.seen(table.get(&table.seek(())))
    }

    fn remove(&self, key: &[u8], out: &mut [u8]) -> bool {
        self.words.assert_writable();
        let operation = self.operation(key, &[], &[], cells(out));
        self.seen(Table(&operation).remove(()))
    }

    /// Inserts a key that is absent; whether it was there, and then its value is in `out`.
    fn add(&self, key: &[u8], value: &[u8], out: &mut [u8]) -> Option<bool> {
        let operation = self.operation(key, value, &[], cells(out));
        let there = self.run(&operation, |table, lane| table.add(lane, (), &()))?;
        Some(there.is_some())
    }

    fn len(&self) -> usize {
        Table(&self.operation(&[], &[], &[], &[])).len()
    }

    fn changes(&self) -> u64 {
        Table(&self.operation(&[], &[], &[], &[])).changes()
    }

    /// Calls `visit` with each entry's key and value.
    fn for_each(&self, mut visit: impl FnMut(&[u8], &[u8])) {
        let (mut key, mut value) = (vec![0; self.keys.size()], vec![0; self.values.size()]);
        for slot in 0..self.words.capacity() {
            let operation = self.operation(&[], &[], cells(&mut key), cells(&mut value));
            if Table(&operation).member(slot).is_some() {
                visit(&key, &value);
            }
        }
    }
}

/// The handle of a [`Map`](crate::Map) or [`LargeMap`](crate::LargeMap): keys and values as bytes, by the
/// algorithm of the typed handle.
///
/// ```
/// use shm_runtime::{dynamic, prelude::*};
///
/// #[derive(ShmLayout)]
/// struct Market {
///     prices: Map<u32, u64, 1024>,
/// }
///
/// # let name = format!("doc-dynamic-map-{}", std::process::id());
/// let market = Market::create(&name)?;
/// let prices = dynamic::Segment::open(&name)?.map("prices")?;
/// let (key, mut value) = (17_u32.to_le_bytes(), 250_u64.to_le_bytes());
/// assert_eq!(prices.insert(&key, &value, &mut [0; 8])?, false, "it was not there");
/// assert_eq!(market.prices.get(17), Some(250));
/// assert!(prices.remove(&key, &mut value));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Progress
///
/// Lock-free, whoever is killed or stopped. Reading writes nothing, and works on read-only attachments.
#[derive(Clone, Debug)]
pub struct Map {
    core: Core,
    key: ElementType,
    value: ElementType,
}

impl Map {
    pub(super) fn bind(place: Place<'_>) -> Result<Self, FieldError> {
        let Some(pair) = place.field.pair() else {
            return Err(FieldError::Undescribed {
                segment: place.segment.name().to_owned(),
                field: place.field.name().to_owned(),
                found: place.field.canonical(),
            });
        };
        let value = (pair.value_offset, pair.value.size());
        Ok(Self {
            core: Core::bind(&place, pair.key.size(), value)?,
            key: pair.key.clone(),
            value: pair.value.clone(),
        })
    }

    /// Entries that there is room for, at least.
    pub const fn capacity(&self) -> usize {
        self.core.stock
    }

    /// What the keys are.
    pub const fn key(&self) -> &ElementType {
        &self.key
    }

    /// What the values are.
    pub const fn value(&self) -> &ElementType {
        &self.value
    }

    /// How many entries there are, as far as that can be told while others insert and remove.
    pub fn len(&self) -> usize {
        self.core.len()
    }

    /// How often its buckets were changed since it is there, as far as that can be told while others work: twice by a key
    /// that is inserted, once by one that is removed, once by a value that is replaced. Processes that insert one key at the same moment make a few more
    /// changes, and so do those that die inserting. In a [`LargeMap`](crate::LargeMap) it is an estimate: lanes change buckets
    /// where they trade a node, at most twice for each insertion.
    pub fn changes(&self) -> u64 {
        self.core.changes()
    }

    /// Whether there is no entry, as far as that can be told.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies the value of a key into `out`; false where it is absent, and `out` may then be overwritten.
    ///
    /// # Panics
    ///
    /// Where `key` has another size than a key, or `out` than a value.
    #[track_caller]
    pub fn get(&self, key: &[u8], out: &mut [u8]) -> bool {
        self.core.assert_key(key);
        self.core.assert_value(out.len());
        self.core.get(key, out)
    }

    /// Whether a key is there.
    ///
    /// # Panics
    ///
    /// Where `key` has another size than a key.
    #[track_caller]
    pub fn contains(&self, key: &[u8]) -> bool {
        self.get(key, &mut vec![0; self.value.size()])
    }

    /// Sets the value of a key; whether the key was there, and then `before` has its value.
    ///
    /// # Errors
    ///
    /// [`Full`] where the key was absent and there was no room.
    ///
    /// # Panics
    ///
    /// Where `key` has another size than a key, `value` or `before` than a value, or the segment is open
    /// read-only.
    #[track_caller]
    pub fn insert(&self, key: &[u8], value: &[u8], before: &mut [u8]) -> Result<bool, Full<()>> {
        self.core.assert_key(key);
        self.core.assert_value(value.len());
        self.core.assert_value(before.len());
        let operation = self.core.operation(key, value, &[], cells(before));
        let was = self
            .core
            .run(&operation, |table, lane| table.insert(lane, (), &()));
        was.map(|was| was.is_some()).ok_or(Full(()))
    }

    /// Inserts a key that is absent; whether it was there, and then `out` has its value.
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert).
    ///
    /// # Panics
    ///
    /// As [`insert`](Self::insert).
    #[track_caller]
    pub fn get_or_insert(
        &self,
        key: &[u8],
        value: &[u8],
        out: &mut [u8],
    ) -> Result<bool, Full<()>> {
        self.core.assert_key(key);
        self.core.assert_value(value.len());
        self.core.assert_value(out.len());
        self.core.add(key, value, out).ok_or(Full(()))
    }

    /// Replaces the value of a key by what `next` makes of it, in one step; whether the key was there, and
    /// then `before` has the value that was replaced. `next` gets the value and changes it; it is called
    /// again where another process was faster.
    ///
    /// # Panics
    ///
    /// As [`insert`](Self::insert).
    #[track_caller]
    pub fn update(&self, key: &[u8], before: &mut [u8], mut next: impl FnMut(&mut [u8])) -> bool {
        self.exchange(key, before, |value| {
            next(value);
            true
        }) == Some(true)
    }

    /// Replaces the value of a key by `new` if it is `current`, byte for byte, in one step: whether it did,
    /// or `None` where the key is absent. `before` gets the value that the key had.
    ///
    /// # Panics
    ///
    /// As [`insert`](Self::insert).
    #[track_caller]
    pub fn compare_exchange(
        &self,
        key: &[u8],
        current: &[u8],
        new: &[u8],
        before: &mut [u8],
    ) -> Option<bool> {
        self.core.assert_value(current.len());
        self.core.assert_value(new.len());
        self.exchange(key, before, |value| {
            let same = *value == *current;
            value.copy_from_slice(new);
            same
        })
    }

    /// Replaces the value of a key by what `next` makes of it, if that says so.
    #[track_caller]
    fn exchange(
        &self,
        key: &[u8],
        before: &mut [u8],
        next: impl FnMut(&mut [u8]) -> bool,
    ) -> Option<bool> {
        self.core.assert_key(key);
        self.core.assert_value(before.len());
        let operation = self.core.operation(key, &[], &[], cells(before));
        let next = RefCell::new(next);
        let exchanged = self.core.run(&operation, |table, lane| {
            table.update(lane, (), |()| {
                let entries = &operation.entries;
                let mut value: Vec<u8> = entries.value_to.iter().map(Cell::get).collect();
                let goes_on = (next.borrow_mut())(&mut value);
                *entries.made.borrow_mut() = Some(value);
                goes_on.then_some(())
            })
        });
        exchanged.flatten().map(|done| done.is_ok())
    }

    /// Removes a key; whether it was there, and then `before` has its value.
    ///
    /// # Panics
    ///
    /// Where `key` has another size than a key, `before` than a value, or the segment is open read-only.
    #[track_caller]
    pub fn remove(&self, key: &[u8], before: &mut [u8]) -> bool {
        self.core.assert_key(key);
        self.core.assert_value(before.len());
        self.core.remove(key, before)
    }

    /// Calls `visit` with each entry's key and value, in no order: see [`crate::Map::iter`].
    pub fn for_each(&self, visit: impl FnMut(&[u8], &[u8])) {
        self.core.for_each(visit);
    }
}

/// The handle of a [`Set`](crate::Set): keys as bytes, by the algorithm of the typed handle.
///
/// # Progress
///
/// Lock-free, whoever is killed or stopped. Reading writes nothing, and works on read-only attachments.
#[derive(Clone, Debug)]
pub struct Set {
    core: Core,
    key: ElementType,
}

impl Set {
    pub(super) fn bind(place: Place<'_>) -> Result<Self, FieldError> {
        debug_assert!(*place.field.kind() == Kind::Set);
        let key = place.field.element().clone();
        Ok(Self {
            core: Core::bind(&place, key.size(), (key.size(), 0))?,
            key,
        })
    }

    /// Keys that there is room for.
    pub const fn capacity(&self) -> usize {
        self.core.stock
    }

    /// What the keys are.
    pub const fn key(&self) -> &ElementType {
        &self.key
    }

    /// How many keys there are, as far as that can be told while others insert and remove.
    pub fn len(&self) -> usize {
        self.core.len()
    }

    /// How often its buckets were changed since it is there, as far as that can be told while others work: twice by a key
    /// that is inserted, once by one that is removed. Processes that insert one key at the same moment make a few more
    /// changes, and so do those that die inserting.
    pub fn changes(&self) -> u64 {
        self.core.changes()
    }

    /// Whether there is no key, as far as that can be told.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a key is there.
    ///
    /// # Panics
    ///
    /// Where `key` has another size than a key.
    #[track_caller]
    pub fn contains(&self, key: &[u8]) -> bool {
        self.core.assert_key(key);
        self.core.get(key, &mut [])
    }

    /// Inserts a key: whether it was not there before.
    ///
    /// # Errors
    ///
    /// [`Full`] where the key was absent and there was no room.
    ///
    /// # Panics
    ///
    /// Where `key` has another size than a key, or the segment is open read-only.
    #[track_caller]
    pub fn insert(&self, key: &[u8]) -> Result<bool, Full<()>> {
        self.core.assert_key(key);
        let was_there = self.core.add(key, &[], &mut []).ok_or(Full(()))?;
        Ok(!was_there)
    }

    /// Removes a key: whether it was there.
    ///
    /// # Panics
    ///
    /// Where `key` has another size than a key, or the segment is open read-only.
    #[track_caller]
    pub fn remove(&self, key: &[u8]) -> bool {
        self.core.assert_key(key);
        self.core.remove(key, &mut [])
    }

    /// Calls `visit` with each key, in no order.
    pub fn for_each(&self, mut visit: impl FnMut(&[u8])) {
        self.core.for_each(|key, _| visit(key));
    }
}
