//! Several elements at once: written or read in place, published or given back by one store.

use super::Spsc;
use super::ring::Memo;
use crate::layout::Element;

/// Free places that the producer may write.
#[derive(Debug)]
pub struct WriteChunk<'a, T: Element, const N: usize> {
    queue: &'a Spsc<T, N>,
    memo: &'a mut Memo,
    len: usize,
}

impl<'a, T: Element, const N: usize> WriteChunk<'a, T, N> {
    pub(super) const fn new(queue: &'a Spsc<T, N>, memo: &'a mut Memo, len: usize) -> Self {
        Self { queue, memo, len }
    }

    /// How many places there are.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Writes place `i`.
    ///
    /// # Panics
    ///
    /// Where `i` is not below [`len`](Self::len).
    pub fn set(&mut self, i: usize, value: T) {
        assert!(i < self.len, "place {i} of a chunk of {}", self.len);
        self.queue.ring().write(self.memo, i, value);
    }

    /// Writes `values` to place `start` and those behind it: faster than one by one.
    ///
    /// # Panics
    ///
    /// Where they do not all have a place.
    pub fn set_slice(&mut self, start: usize, values: &[T]) {
        assert_within(start, values.len(), self.len);
        self.queue.ring().write_slice(self.memo, start, values);
    }

    /// Publishes the first `count` places. Those that were not written hold what was there before.
    ///
    /// # Panics
    ///
    /// Where `count` is more than [`len`](Self::len).
    pub fn commit(self, count: usize) {
        assert!(
            count <= self.len,
            "{count} places of a chunk of {}",
            self.len
        );
        if count > 0 {
            self.queue.ring().publish(self.memo, count);
        }
    }
}

/// Elements that the consumer may read.
#[derive(Debug)]
pub struct ReadChunk<'a, T: Element, const N: usize> {
    queue: &'a Spsc<T, N>,
    memo: &'a mut Memo,
    len: usize,
}

impl<'a, T: Element, const N: usize> ReadChunk<'a, T, N> {
    pub(super) const fn new(queue: &'a Spsc<T, N>, memo: &'a mut Memo, len: usize) -> Self {
        Self { queue, memo, len }
    }

    /// How many elements there are.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Element `i`.
    ///
    /// # Panics
    ///
    /// Where `i` is not below [`len`](Self::len).
    pub fn get(&self, i: usize) -> T {
        assert!(i < self.len, "element {i} of a chunk of {}", self.len);
        let value = self.queue.ring().read(self.memo, i);
        value.unwrap_or_else(T::zeroed) // every position has a place
    }

    /// Copies element `start` and those behind it to `out`: faster than one by one.
    ///
    /// # Panics
    ///
    /// Where there are not as many.
    pub fn get_slice(&self, start: usize, out: &mut [T]) {
        assert_within(start, out.len(), self.len);
        self.queue.ring().read_slice(self.memo, start, out);
    }

    /// The elements in order.
    pub fn iter(&self) -> impl Iterator<Item = T> + '_ {
        (0..self.len).map(|i| self.get(i))
    }

    /// Pops the first `count`; the others stay.
    ///
    /// # Panics
    ///
    /// Where `count` is more than [`len`](Self::len).
    pub fn commit(self, count: usize) {
        assert!(
            count <= self.len,
            "{count} elements of a chunk of {}",
            self.len
        );
        if count > 0 {
            self.queue.ring().release(self.memo, count);
        }
    }
}

#[track_caller]
fn assert_within(start: usize, count: usize, len: usize) {
    let fits = start <= len && count <= len - start;
    assert!(fits, "{count} elements from {start} of a chunk of {len}");
}
