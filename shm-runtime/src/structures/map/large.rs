//! `LargeMap<K, V, B, N>`: a map with more buckets than entries.

use super::handle::{Body, Core};
use crate::error::Full;
use crate::layout::bind::{BindError, Binder};
use crate::layout::node::{Node, StructureNode};
use crate::layout::{Element, Field, Represent, Structure};
use crate::memory::entries::Entry;
use crate::memory::shared::impl_shared;
use core::fmt;
use zerocopy::FromZeros;

/// The large map's bytes: those of a map, with `N` entries for `B` buckets and two more for each lane.
#[derive(Debug, FromZeros)]
#[repr(transparent)]
pub struct LargeMapRepr<K, V, const B: usize, const N: usize, const L: usize>(
    Body<K, V, B, N, L, 2>,
);

impl_shared!(
    impl[K: Element, V: Element, const B: usize, const N: usize, const L: usize]
    LargeMapRepr[K, V, B, N, L] { 0 }
);

impl<K: Element, V: Element, const B: usize, const N: usize, const L: usize> Represent
    for LargeMapRepr<K, V, B, N, L>
{
    const SIZE: usize = Body::<K, V, B, N, L, 2>::SIZE;
    const HOT: usize = Body::<K, V, B, N, L, 2>::HOT;
    const NODE: Node = Node::Structure(StructureNode {
        kind: "LargeMap",
        capacity: &[B, N],
        lanes: L,
    });
}

/// A lock-free hash map in shared memory with `B` buckets and room for `N` entries: two levels, so that large entries
/// do not lie idle for the sake of short searches.
///
/// A [`Map`](super::Map) whose buckets, 16 bytes each, are more than its entries: `B` is a power of two, `N` any number up
/// to `B`. With `B` at least `2 * N` a search is short however full the map is, and it costs no memory for entries that
/// will never be there. All that is said of a `Map` holds here.
///
/// ```
/// use shm_runtime::prelude::*;
///
/// #[derive(ShmLayout)]
/// struct Tiles {
///     pictures: LargeMap<[u32; 2], [u8; 4096], 2048, 1000>,
/// }
///
/// # let name = format!("doc-large-map-{}", std::process::id());
/// let tiles = Tiles::create(&name)?;
/// tiles.pictures.insert([3, 5], [7; 4096])?;
/// assert_eq!(tiles.pictures.get([3, 5]).map(|picture| picture[0]), Some(7));
/// assert_eq!((tiles.pictures.len(), tiles.pictures.capacity()), (1, 1000));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The memory is `(N + 2 × lanes)` entries: every lane owns two spare ones. `N` entries fit in at least, and up to one
/// more for each lane that inserts, because a lane that has two spare ones may give one of them away.
///
/// # Progress
///
/// Lock-free, whoever is killed or stopped. Reading writes nothing, and works on read-only attachments.
#[derive(Clone)]
pub struct LargeMap<K: 'static, V: 'static, const B: usize, const N: usize>(Core<K, V, B, N>);

impl<K: Element, V: Element, const B: usize, const N: usize> fmt::Debug for LargeMap<K, V, B, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LargeMap")
            .field("name", &self.0.name())
            .field("buckets", &B)
            .field("capacity", &N)
            .finish_non_exhaustive()
    }
}

impl<K: Element, V: Element, const B: usize, const N: usize> Field for LargeMap<K, V, B, N> {
    type Element = Entry<K, V>;
    type Repr<const L: usize> = LargeMapRepr<K, V, B, N, L>;

    fn bind<const L: usize>(binder: &mut Binder<'_>) -> Result<Self, BindError> {
        let site = binder.site::<LargeMapRepr<K, V, B, N, L>>()?;
        Ok(Self(Core::bind(&site.map(|repr| &repr.0))))
    }
}

impl<K: Element, V: Element, const B: usize, const N: usize> Structure for LargeMap<K, V, B, N> {}

static_assertions::assert_impl_all!(LargeMap<u64, u32, 4, 3>: Send, Sync, Clone);

impl<K: Element, V: Element, const B: usize, const N: usize> LargeMap<K, V, B, N> {
    /// Entries that there is room for, at least.
    pub const fn capacity(&self) -> usize {
        N
    }

    /// Buckets.
    pub const fn buckets(&self) -> usize {
        B
    }

    /// As [`Map::len`](super::Map::len), in O(B).
    pub fn len(&self) -> usize {
        self.0.table().len()
    }

    /// As [`Map::is_empty`](super::Map::is_empty), in O(B).
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// A copy of the value of a key, as [`Map::get`](super::Map::get).
    #[inline]
    pub fn get(&self, key: K) -> Option<V> {
        self.0.get(key)
    }

    /// As [`Map::get_many`](super::Map::get_many).
    pub fn get_many(&self, keys: &[K], values: &mut [Option<V>]) -> usize {
        self.0.get_many(keys, values)
    }

    /// Whether a key is there, as [`Map::contains`](super::Map::contains).
    #[inline]
    pub fn contains(&self, key: K) -> bool {
        self.0.get(key).is_some()
    }

    /// Sets the value of a key, and gives the one before, as [`Map::insert`](super::Map::insert).
    ///
    /// # Errors
    ///
    /// [`Full`] where the key was absent and there were at least `N` entries at some moment during the call,
    /// insertions in progress included.
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    #[inline]
    pub fn insert(&self, key: K, value: V) -> Result<Option<V>, Full<(K, V)>> {
        self.0.insert(key, value)
    }

    /// As [`Map::get_or_insert`](super::Map::get_or_insert).
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert).
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    #[inline]
    pub fn get_or_insert(&self, key: K, value: V) -> Result<V, Full<(K, V)>> {
        Ok(self.0.add(key, value)?.unwrap_or(value))
    }

    /// As [`Map::extend`](super::Map::extend).
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert).
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    pub fn extend(&self, entries: impl IntoIterator<Item = (K, V)>) -> Result<(), Full<(K, V)>> {
        entries
            .into_iter()
            .try_for_each(|(key, value)| self.insert(key, value).map(drop))
    }

    /// As [`Map::update`](super::Map::update).
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    #[inline]
    pub fn update(&self, key: K, next: impl FnMut(V) -> V) -> Option<V> {
        self.0.update(key, next)
    }

    /// As [`Map::compare_exchange`](super::Map::compare_exchange).
    ///
    /// # Errors
    ///
    /// The value that the key has instead; `None` where it is absent.
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    #[inline]
    pub fn compare_exchange(&self, key: K, current: V, new: V) -> Result<V, Option<V>> {
        self.0.compare_exchange(key, current, new)
    }

    /// Removes a key, and gives the value that it had, as [`Map::remove`](super::Map::remove).
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    #[inline]
    pub fn remove(&self, key: K) -> Option<V> {
        self.0.remove(key)
    }

    /// The entries, in no order, as [`Map::iter`](super::Map::iter).
    pub fn iter(&self) -> impl Iterator<Item = (K, V)> + '_ {
        self.0.iter()
    }
}
