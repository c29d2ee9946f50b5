//! `Set<K, N>`: a map without values.

use super::handle::{Body, Core};
use crate::error::Full;
use crate::layout::bind::{BindError, Binder};
use crate::layout::node::{Node, StructureNode};
use crate::layout::{Element, Field, Represent, Structure};
use crate::memory::shared::impl_shared;
use core::fmt;
use zerocopy::FromZeros;

/// The set's bytes: those of a map without values.
#[derive(Debug, FromZeros)]
#[repr(transparent)]
pub struct SetRepr<K, const N: usize, const L: usize>(pub(super) Body<K, (), N, N, L, 1>);

impl_shared!(impl[K: Element, const N: usize, const L: usize] SetRepr[K, N, L] { 0 });

impl<K: Element, const N: usize, const L: usize> Represent for SetRepr<K, N, L> {
    const SIZE: usize = Body::<K, (), N, N, L, 1>::SIZE;
    const HOT: usize = Body::<K, (), N, N, L, 1>::HOT;
    const NODE: Node = Node::Structure(StructureNode {
        kind: "Set",
        capacity: &[N],
        lanes: L,
    });
}

/// A lock-free set of up to `N` keys in shared memory, `N` a power of two.
///
/// A [`Map`](super::Map) without values: what is said there of keys, guarantees, progress and memory holds here.
///
/// ```
/// use shm_runtime::prelude::*;
///
/// #[derive(ShmLayout)]
/// struct Crawler {
///     seen: Set<u64, 1024>,
/// }
///
/// # let name = format!("doc-set-{}", std::process::id());
/// let crawler = Crawler::create(&name)?;
/// assert!(crawler.seen.insert(7)?);
/// assert!(!crawler.seen.insert(7)?, "it was there");
/// assert!(crawler.seen.contains(7));
/// assert!(crawler.seen.remove(7));
/// assert!(crawler.seen.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Progress
///
/// Lock-free, whoever is killed or stopped.
#[derive(Clone)]
pub struct Set<K: 'static, const N: usize>(Core<K, (), N, N>);

impl<K, const N: usize> fmt::Debug for Set<K, N>
where
    K: Element,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Set")
            .field("name", &self.0.name())
            .field("capacity", &N)
            .finish_non_exhaustive()
    }
}

impl<K: Element, const N: usize> Field for Set<K, N> {
    type Element = K;
    type Repr<const L: usize> = SetRepr<K, N, L>;

    fn bind<const L: usize>(binder: &mut Binder<'_>) -> Result<Self, BindError> {
        let site = binder.site::<SetRepr<K, N, L>>()?;
        Ok(Self(Core::bind(&site.map(|repr| &repr.0))))
    }
}

impl<K: Element, const N: usize> Structure for Set<K, N> {}

static_assertions::assert_impl_all!(Set<u64, 4>: Send, Sync, Clone);

impl<K: Element, const N: usize> Set<K, N> {
    /// Keys that there is room for.
    pub const fn capacity(&self) -> usize {
        N
    }

    /// How many keys there are, as far as that can be told while others insert and remove.
    ///
    /// # Progress
    ///
    /// Wait-free, in O(N).
    pub fn len(&self) -> usize {
        self.0.table().len()
    }

    /// Whether there is no key, as far as that can be told while others insert and remove.
    ///
    /// # Progress
    ///
    /// Wait-free, in O(N).
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Whether a key is there. Works on read-only attachments.
    ///
    /// # Progress
    ///
    /// Lock-free, as [`Map::get`](super::Map::get).
    #[inline]
    pub fn contains(&self, key: K) -> bool {
        self.0.get(key).is_some()
    }

    /// Inserts a key: whether it was not there before.
    ///
    /// # Errors
    ///
    /// [`Full`], as for [`Map::insert`](super::Map::insert).
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    ///
    /// # Progress
    ///
    /// Lock-free.
    #[inline]
    pub fn insert(&self, key: K) -> Result<bool, Full<K>> {
        let there = self.0.add(key, ()).map_err(|_| Full(key))?;
        Ok(there.is_none())
    }

    /// Removes a key: whether it was there.
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    ///
    /// # Progress
    ///
    /// Lock-free.
    #[inline]
    pub fn remove(&self, key: K) -> bool {
        self.0.remove(key).is_some()
    }

    /// The keys, in no order, as far as that can be told while others insert and remove: see
    /// [`Map::iter`](super::Map::iter).
    ///
    /// # Progress
    ///
    /// Each step is lock-free, in O(N) together.
    pub fn iter(&self) -> impl Iterator<Item = K> + '_ {
        self.0.iter().map(|(key, ())| key)
    }
}
