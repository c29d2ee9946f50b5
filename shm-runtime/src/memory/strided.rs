//! Nodes whose size is known at run time only: the same algorithms, in segments that are opened without their
//! schema.
//!
//! A value has no type here. An operation lends the nodes its caller's bytes, of which a store takes the new
//! value and into which a load puts the old one; what the algorithm passes around is `()`.
//!
//! The width of a word is what it is in a typed handle: the largest of 8, 4, 2, 1 bytes that divides the
//! value's size, its place in the node and the distance of nodes. So both kinds of handles may work on one
//! structure.

use super::bytes::{Bytes, width};
use super::hash::hash;
use super::nodes::{Nodes, Pairs, StampedNode};
use super::site::Site;
use super::stamp::Stamp;
use core::cell::{Cell, RefCell};

/// Keys up to this many bytes are compared and hashed without an allocation.
const SMALL: usize = 64;

/// Values of equal size at equal distances.
#[derive(Clone, Debug)]
pub struct Run {
    bytes: Site<Bytes>,
    /// Where the first value begins.
    start: usize,
    size: usize,
    /// From one value to the next; not zero.
    stride: usize,
    len: usize,
}

impl Run {
    /// As many values of `size` bytes as there are strides in `bytes`, each `start` bytes behind the begin of
    /// its stride.
    pub fn new(bytes: Site<Bytes>, start: usize, size: usize, stride: usize) -> Option<Self> {
        let fits = start.checked_add(size)? <= stride && stride > 0;
        let len = bytes.len().checked_div(stride)?;
        let run = Self {
            bytes,
            start,
            size,
            stride,
            len,
        };
        fits.then_some(run)
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of one.
    pub const fn size(&self) -> usize {
        self.size
    }

    /// The bytes that the values lie in.
    pub const fn bytes(&self) -> &Site<Bytes> {
        &self.bytes
    }

    const fn width(&self) -> usize {
        width(self.start | self.size | self.stride)
    }

    /// Where value `i` begins.
    #[inline]
    fn at(&self, i: usize) -> Option<usize> {
        // no overflow: the product is less than the bytes that there are
        (i < self.len).then(|| i * self.stride + self.start)
    }

    /// Copies value `i` into `out`; false out of range or where `out` has another size.
    #[inline]
    pub fn load(&self, i: usize, out: &[Cell<u8>]) -> bool {
        let at = self.at(i).filter(|_| out.len() == self.size);
        at.is_some_and(|at| self.bytes.load(at, self.width(), out))
    }

    /// Overwrites value `i`; false out of range or where `value` has another size.
    #[inline]
    pub fn store(&self, i: usize, value: &[u8]) -> bool {
        let at = self.at(i).filter(|_| value.len() == self.size);
        at.is_some_and(|at| self.bytes.store(at, self.width(), value))
    }

    /// Whether `len` bytes from value `first` on are values side by side.
    fn side_by_side(&self, first: usize, len: usize) -> Option<usize> {
        let dense = self.stride == self.size && len.is_multiple_of(self.size);
        let inside = first <= self.len && dense && len / self.size <= self.len - first;
        inside.then(|| first * self.stride)
    }

    /// Copies values `first ..` into `out`; false where they are out of range, not side by side or not whole.
    pub fn load_slice(&self, first: usize, out: &[Cell<u8>]) -> bool {
        let at = self.side_by_side(first, out.len());
        at.is_some_and(|at| self.bytes.load(at, self.width(), out))
    }

    /// Overwrites values `first ..`; false as for [`load_slice`](Self::load_slice).
    pub fn store_slice(&self, first: usize, values: &[u8]) -> bool {
        let at = self.side_by_side(first, values.len());
        at.is_some_and(|at| self.bytes.store(at, self.width(), values))
    }
}

/// Nodes, and the bytes of one operation on them.
#[derive(Clone, Copy, Debug)]
pub struct Lent<'a> {
    /// The nodes.
    pub run: &'a Run,
    /// What is stored.
    pub from: &'a [u8],
    /// Where to loads go.
    pub to: &'a [Cell<u8>],
}

impl Nodes for Lent<'_> {
    type Value = ();

    fn len(&self) -> usize {
        self.run.len
    }
    fn load(&self, i: usize) -> Option<()> {
        self.run.load(i, self.to).then_some(())
    }
    fn store(&self, i: usize, (): ()) -> bool {
        self.run.store(i, self.from)
    }
    fn prefetch_write(&self, i: usize) {
        let at = i.wrapping_mul(self.run.stride);
        if at % 64 < self.run.stride {
            self.run.bytes.prefetch_write(at);
        }
    }
}

/// Keys with values, and the bytes of one operation on them.
#[derive(Debug)]
pub struct LentPairs<'a> {
    /// The keys.
    pub keys: &'a Run,
    /// The values, in the same nodes.
    pub values: &'a Run,
    /// The key that is sought or stored.
    pub key: &'a [u8],
    /// The value that is stored.
    pub from: &'a [u8],
    /// One that is stored instead: what an update made.
    pub made: RefCell<Option<Vec<u8>>>,
    /// Where keys go that are copied out.
    pub key_to: &'a [Cell<u8>],
    /// Where values go that are copied out.
    pub value_to: &'a [Cell<u8>],
}

impl LentPairs<'_> {
    /// Runs `then` on a copy of key `i`; `None` out of range.
    fn with_key<R>(&self, i: usize, then: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let (mut small, mut large);
        let copy = match self.keys.size {
            size @ ..=SMALL => {
                small = [0; SMALL];
                &mut small[..size]
            }
            size => {
                large = vec![0; size];
                &mut large[..]
            }
        };
        let there = self.keys.load(i, Cell::from_mut(copy).as_slice_of_cells());
        there.then(|| then(copy))
    }
}

impl Pairs for LentPairs<'_> {
    type Key = ();
    type Value = ();

    fn hash(&self, (): &()) -> u64 {
        hash(self.key)
    }
    fn hash_at(&self, i: usize) -> Option<u64> {
        self.with_key(i, hash)
    }
    fn has_key(&self, i: usize, (): &()) -> Option<bool> {
        self.with_key(i, |key| key == self.key)
    }
    fn key(&self, i: usize) -> Option<()> {
        self.keys.load(i, self.key_to).then_some(())
    }
    fn value(&self, i: usize) -> Option<()> {
        self.values.load(i, self.value_to).then_some(())
    }
    fn store(&self, i: usize, (): &(), (): &()) -> bool {
        let made = self.made.borrow();
        let value = made.as_deref().unwrap_or(self.from);
        self.keys.store(i, self.key) && self.values.store(i, value)
    }
    fn prefetch_write(&self, i: usize) {
        let at = i.wrapping_mul(self.keys.stride);
        self.keys.bytes.prefetch_write(at);
    }
}

/// A stamped node, and the bytes of one operation on it.
#[derive(Clone, Copy, Debug)]
pub struct LentStamped<'a> {
    /// The node's stamp.
    pub stamp: &'a Stamp,
    /// All values.
    pub values: &'a Run,
    /// Which of them is the node's.
    pub index: usize,
    /// What is stored.
    pub from: &'a [u8],
    /// Where loads go.
    pub to: &'a [Cell<u8>],
}

impl StampedNode for LentStamped<'_> {
    type Value = ();

    fn stamp(&self) -> &Stamp {
        self.stamp
    }
    fn load(&self) {
        self.values.load(self.index, self.to); // in range: who made it has looked
    }
    fn load_into(&self, (): &mut ()) {
        self.load();
    }
    fn fill(&self, (): &()) {
        self.stamp.dirty();
        self.values.store(self.index, self.from); // as above
    }
}
