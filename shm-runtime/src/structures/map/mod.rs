//! `Map<K, V, N>`, `Set<K, N>` and `LargeMap<K, V, B, N>`: lock-free hash maps of fixed capacity, whose room can be used
//! again for ever.
//!
//! # Guarantees
//!
//! Killed at any instruction, an operation took effect once or not at all, and nobody is held up (P1); stopped
//! for ever, likewise (P2). There is never more than one entry of a key; a value is never torn; "full" is exact. What
//! the dead left half inserted is removed (P3). All-zero bytes are the empty map (P4).
//!
//! # Bytes
//!
//! ```text
//! 0x000  signals  128 bytes              nobody waits for a map: zero
//! 0x080  buckets  8 bytes × N            {version, fingerprint, state, node}
//!        lines    128 bytes × lanes      spare node of each lane
//!        bounds   8 bytes × N            how far from its home a key can be
//!        entries  struct { K key; V value; } × (N + lanes), at a multiple of 64
//! ```
//!
//! The memory is `(N + lanes)` entries: every lane owns a spare one. A `LargeMap` has B buckets and bounds, and `N + 2 ×
//! lanes` entries.
//!
//! # If a process dies here
//!
//! | step | what survivors see | who repairs it |
//! |---|---|---|
//! | writing the entry | nothing | nobody needs to |
//! | intent written, bucket not exchanged | nothing | recovery closes the intent |
//! | value exchanged | it is replaced | recovery settles the two nodes |
//! | bucket claimed, undecided | the key is absent and one bucket is taken | recovery empties it; or who inserts the same key meanwhile decides it, and it took effect or not |
//! | decided | the key is there, or an entry of somebody else | recovery closes the phase |
//! | removed | the key is absent; misses may look a little further | the next who works there |
//!
//! The algorithm is in [`table`], the primitive in `memory::exchange`, the model in `models::map`.

mod bound;
mod handle;
mod large;
mod set;
pub mod table;
#[cfg(test)]
mod tests;

pub use handle::{Body, Core};
pub use large::{LargeMap, LargeMapRepr};
pub use set::{Set, SetRepr};

use crate::error::Full;
use crate::layout::bind::{BindError, Binder};
use crate::layout::node::{Node, StructureNode};
use crate::layout::{Element, Field, Represent, Structure};
use crate::memory::entries::Entry;
use crate::memory::shared::impl_shared;
use core::fmt;
use zerocopy::FromZeros;

/// The map's bytes: see the module's picture.
#[derive(Debug, FromZeros)]
#[repr(transparent)]
pub struct MapRepr<K, V, const N: usize, const L: usize>(Body<K, V, N, N, L, 1>);

impl_shared!(impl[K: Element, V: Element, const N: usize, const L: usize] MapRepr[K, V, N, L] { 0 });

impl<K: Element, V: Element, const N: usize, const L: usize> Represent for MapRepr<K, V, N, L> {
    const SIZE: usize = Body::<K, V, N, N, L, 1>::SIZE;
    const HOT: usize = Body::<K, V, N, N, L, 1>::HOT;
    const NODE: Node = Node::Structure(StructureNode {
        kind: "Map",
        capacity: &[N],
        lanes: L,
    });
}

/// A lock-free hash map of up to `N` entries in shared memory, `N` a power of two.
///
/// Keys and values are plain data and copied in and out. Keys are equal if their bytes are; so a key with a float in
/// it is refused: `0.0` and `-0.0` would be two keys.
///
/// ```
/// use shm_runtime::prelude::*;
///
/// #[derive(ShmLayout)]
/// struct Market {
///     prices: Map<u32, u64, 1024>,
/// }
///
/// # let name = format!("doc-map-{}", std::process::id());
/// let market = Market::create(&name)?;
/// assert_eq!(market.prices.insert(17, 250)?, None);
/// assert_eq!(market.prices.insert(17, 260)?, Some(250));
/// assert_eq!(market.prices.update(17, |price| price + 5), Some(260));
/// assert_eq!(market.prices.get(17), Some(265));
/// assert_eq!(market.prices.remove(17), Some(265));
/// assert_eq!(market.prices.get(17), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Room that a removal frees is used again, for ever: there are no tombstones. Up to four fifths of `N` entries it is
/// fast; it works up to the last one, but a look-up may then walk far.
///
/// The hash function is fixed and public, so whoever chooses the keys can make them collide. That costs time and
/// breaks nothing.
///
/// # Progress
///
/// Lock-free, whoever is killed or stopped. Reading writes nothing, and works on read-only attachments.
#[derive(Clone)]
pub struct Map<K: 'static, V: 'static, const N: usize>(Core<K, V, N, N>);

impl<K: Element, V: Element, const N: usize> fmt::Debug for Map<K, V, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map")
            .field("name", &self.0.name())
            .field("capacity", &N)
            .finish_non_exhaustive()
    }
}

impl<K: Element, V: Element, const N: usize> Field for Map<K, V, N> {
    type Element = Entry<K, V>;
    type Repr<const L: usize> = MapRepr<K, V, N, L>;

    fn bind<const L: usize>(binder: &mut Binder<'_>) -> Result<Self, BindError> {
        let site = binder.site::<MapRepr<K, V, N, L>>()?;
        Ok(Self(Core::bind(&site.map(|repr| &repr.0))))
    }
}

impl<K: Element, V: Element, const N: usize> Structure for Map<K, V, N> {}

static_assertions::assert_impl_all!(Map<u64, u32, 4>: Send, Sync, Clone);

impl<K: Element, V: Element, const N: usize> Map<K, V, N> {
    /// Entries that there is room for.
    pub const fn capacity(&self) -> usize {
        N
    }

    /// How many entries there are, as far as that can be told while others insert and remove.
    ///
    /// # Progress
    ///
    /// Wait-free, in O(N).
    pub fn len(&self) -> usize {
        self.0.table().len()
    }

    /// Whether there is no entry, as far as that can be told while others insert and remove.
    ///
    /// # Progress
    ///
    /// Wait-free, in O(N).
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// A copy of the value of a key. Works on read-only attachments.
    ///
    /// # Progress
    ///
    /// Lock-free: it looks again at a bucket that changes under it, if that has the key's fingerprint.
    #[inline]
    pub fn get(&self, key: K) -> Option<V> {
        self.0.get(key)
    }

    /// Copies of the values of `keys`, as far as `values` has room; says how many keys are there. Each is a
    /// [`get`](Self::get) of its own, but they wait for memory together.
    ///
    /// # Progress
    ///
    /// As [`get`](Self::get).
    pub fn get_many(&self, keys: &[K], values: &mut [Option<V>]) -> usize {
        self.0.get_many(keys, values)
    }

    /// Whether a key is there. Works on read-only attachments.
    ///
    /// # Progress
    ///
    /// As [`get`](Self::get).
    #[inline]
    pub fn contains(&self, key: K) -> bool {
        self.get(key).is_some()
    }

    /// Sets the value of a key, and gives the one before; `None` where the key was absent.
    ///
    /// # Errors
    ///
    /// [`Full`] gives both back where the key was absent and all `N` buckets were taken at some moment during the
    /// call: by entries, or by insertions in progress. What the dead left is removed first.
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    ///
    /// # Progress
    ///
    /// Lock-free.
    #[inline]
    pub fn insert(&self, key: K, value: V) -> Result<Option<V>, Full<(K, V)>> {
        self.0.insert(key, value)
    }

    /// The value of a key, which is inserted with `value` where it is absent.
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert).
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    ///
    /// # Progress
    ///
    /// Lock-free.
    #[inline]
    pub fn get_or_insert(&self, key: K, value: V) -> Result<V, Full<(K, V)>> {
        Ok(self.0.add(key, value)?.unwrap_or(value))
    }

    /// Inserts entries one after the other. A kill leaves a prefix.
    ///
    /// # Errors
    ///
    /// [`Full`] gives the first entry back that there is no room for; those before it are in the map, those behind it
    /// stay in the iterator.
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    ///
    /// # Progress
    ///
    /// Each insertion is lock-free.
    pub fn extend(&self, entries: impl IntoIterator<Item = (K, V)>) -> Result<(), Full<(K, V)>> {
        entries
            .into_iter()
            .try_for_each(|(key, value)| self.insert(key, value).map(drop))
    }

    /// Replaces the value of a key by what `next` makes of it, in one step, and gives the one before; `None` where the
    /// key is absent.
    ///
    /// `next` is called again where another process was faster. It may use this map. `None` too where a signal
    /// handler finds no lane.
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    ///
    /// # Progress
    ///
    /// Lock-free.
    #[inline]
    pub fn update(&self, key: K, next: impl FnMut(V) -> V) -> Option<V> {
        self.0.update(key, next)
    }

    /// Replaces the value of a key by `new` if it is `current`, byte for byte, in one step, and gives `current` back.
    ///
    /// # Errors
    ///
    /// The value that the key has instead; `None` where it is absent.
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    ///
    /// # Progress
    ///
    /// Lock-free.
    #[inline]
    pub fn compare_exchange(&self, key: K, current: V, new: V) -> Result<V, Option<V>> {
        self.0.compare_exchange(key, current, new)
    }

    /// Removes a key, and gives the value that it had.
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    ///
    /// # Progress
    ///
    /// Lock-free; needs no lane.
    #[inline]
    pub fn remove(&self, key: K) -> Option<V> {
        self.0.remove(key)
    }

    /// The entries, in no order, each copied whole. Works on read-only attachments.
    ///
    /// Others may insert and remove meanwhile. An entry that is there throughout comes once; one that is removed and
    /// inserted again meanwhile may come twice or not at all.
    ///
    /// # Progress
    ///
    /// Each step is lock-free, in O(N) together.
    pub fn iter(&self) -> impl Iterator<Item = (K, V)> + '_ {
        self.0.iter()
    }
}
