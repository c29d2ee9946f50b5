//! What an algorithm needs to know of the nodes beside its words: that it can fill them and copy them.
//!
//! An algorithm is written once, over these traits. In a typed handle the nodes are [`Cells`], [`Entries`]
//! and [`Stamped`] values, whose sizes the compiler knows; where a segment is opened without its schema they
//! are [`super::strided`] runs, and a value is not passed at all: it goes from its node to the caller's bytes
//! and back, so it has the type `()`.

use super::cell::Cells;
use super::entries::Entries;
use super::hash::hash;
use super::stamp::{Stamp, Stamped};
use bytemuck::{Pod, bytes_of};

/// Nodes that hold one value each.
pub trait Nodes {
    /// The value.
    type Value: Pod;

    /// How many there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies value `i` out; `None` out of range.
    fn load(&self, i: usize) -> Option<Self::Value>;

    /// Overwrites value `i`; false out of range.
    fn store(&self, i: usize, value: Self::Value) -> bool;

    /// Asks for value `i` to be brought here for writing; `i` is not checked, as a hint cannot fault.
    fn prefetch_write(&self, i: usize);
}

impl<T: Pod> Nodes for Cells<T> {
    type Value = T;

    #[inline(always)]
    fn len(&self) -> usize {
        self.len()
    }
    #[inline(always)]
    fn load(&self, i: usize) -> Option<T> {
        self.load(i)
    }
    #[inline(always)]
    fn store(&self, i: usize, value: T) -> bool {
        self.store_from(i, &value)
    }
    #[inline(always)]
    fn prefetch_write(&self, i: usize) {
        self.prefetch_write(i);
    }
}

/// Nodes that hold a key and a value each.
pub trait Pairs {
    /// The key: keys are equal if their bytes are.
    type Key: Pod;
    /// The value.
    type Value: Pod;

    /// The hash of a key.
    fn hash(&self, key: &Self::Key) -> u64;

    /// The hash of the key of pair `i`; `None` out of range.
    fn hash_at(&self, i: usize) -> Option<u64>;

    /// Whether pair `i` has this key; `None` out of range.
    fn has_key(&self, i: usize, key: &Self::Key) -> Option<bool>;

    /// Copies key `i` out; `None` out of range.
    fn key(&self, i: usize) -> Option<Self::Key>;

    /// Copies value `i` out; `None` out of range.
    fn value(&self, i: usize) -> Option<Self::Value>;

    /// Overwrites pair `i`; false out of range.
    fn store(&self, i: usize, key: &Self::Key, value: &Self::Value) -> bool;

    /// Asks for pair `i` to be brought here for writing; `i` is not checked, as a hint cannot fault.
    fn prefetch_write(&self, i: usize);
}

impl<K: Pod, V: Pod> Pairs for Entries<K, V> {
    type Key = K;
    type Value = V;

    #[inline(always)]
    fn hash(&self, key: &K) -> u64 {
        hash(bytes_of(key))
    }
    #[inline(always)]
    fn hash_at(&self, i: usize) -> Option<u64> {
        Some(hash(bytes_of(&self.key(i)?)))
    }
    #[inline(always)]
    fn has_key(&self, i: usize, key: &K) -> Option<bool> {
        Some(bytes_of(&self.key(i)?) == bytes_of(key))
    }
    #[inline(always)]
    fn key(&self, i: usize) -> Option<K> {
        self.key(i)
    }
    #[inline(always)]
    fn value(&self, i: usize) -> Option<V> {
        self.value(i)
    }
    #[inline(always)]
    fn store(&self, i: usize, key: &K, value: &V) -> bool {
        self.store(i, key, value)
    }
    #[inline(always)]
    fn prefetch_write(&self, i: usize) {
        self.prefetch_write(i);
    }
}

/// A node whose value bears a stamp.
pub trait StampedNode {
    /// The value.
    type Value: Pod;

    /// The version of the value.
    fn stamp(&self) -> &Stamp;

    /// A copy of the value, which means something only if the stamp is still the same behind it.
    fn load(&self) -> Self::Value;

    /// As [`load`](Self::load), to where the value is wanted: a large one is copied once, a small one stays in registers
    /// only with the other.
    fn load_into(&self, out: &mut Self::Value);

    /// Overwrites the value, which nobody is told of, and leaves the stamp dirty.
    fn fill(&self, value: &Self::Value);
}

impl<T: Pod> StampedNode for &Stamped<T> {
    type Value = T;

    #[inline(always)]
    fn stamp(&self) -> &Stamp {
        &self.stamp
    }
    #[inline(always)]
    fn load(&self) -> T {
        (**self).load()
    }
    #[inline(always)]
    fn load_into(&self, out: &mut T) {
        (**self).load_into(out);
    }
    #[inline(always)]
    fn fill(&self, value: &T) {
        (**self).fill(value);
    }
}
