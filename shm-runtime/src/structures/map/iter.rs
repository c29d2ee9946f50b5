//! A walk over all buckets.

use super::handle::Core;
use crate::layout::Element;

/// Entries of a map, copied one after the other.
pub struct Iter<'a, K: 'static, V: 'static, const N: usize> {
    core: &'a Core<K, V, N>,
    next: usize,
}

impl<K, V, const N: usize> core::fmt::Debug for Iter<'_, K, V, N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Iter")
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

impl<'a, K: Element, V: Element, const N: usize> Iter<'a, K, V, N> {
    pub(super) const fn new(core: &'a Core<K, V, N>) -> Self {
        Self { core, next: 0 }
    }
}

impl<K: Element, V: Element, const N: usize> Iterator for Iter<'_, K, V, N> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        while self.next < N {
            let slot = self.next;
            self.next += 1;
            if let Some(entry) = self.core.table().member(slot) {
                return Some(entry);
            }
        }
        None
    }
}
