//! `Array<T, N>`: `N` elements and nothing else, so any program that knows the table can read it.
//!
//! An array is memory. An element of 1, 2, 4 or 8 bytes is never seen half written, and can be changed in
//! one step. A larger one can be seen, and left by a killed process, half written; each of its words is
//! whole (the word is the largest of 8, 4, 2, 1 bytes that divides the size).
//!
//! # Ordering
//!
//! (A) [`Array::store`], [`Array::swap`], [`Array::compare_exchange`] and `fetch_…` -> [`Array::load`] and
//! the same: who sees the value sees what its writer wrote before. All other operations are unordered.
//!
//! # Crashes
//!
//! | killed in | what others see | who repairs it |
//! |---|---|---|
//! | `set`, 1, 2, 4, 8 bytes; `store`, `swap`, … | the old or the new value | nothing to repair |
//! | `set`, larger | some words old, some new | the next writer |
//! | `fill`, `write_from`, `copy_within` | a part is written, as above | the next writer |

use crate::layout::bind::{BindError, Binder};
use crate::layout::node::{Node, StructureNode};
use crate::layout::{Element, Field, Represent, Structure};
use crate::memory::cell::{CellArray, Cells};
use crate::memory::scalar::{Integer, Scalar};
use crate::memory::site::Site;
use core::fmt;
use core::ops::Range;
use core::sync::atomic::Ordering;

impl<T: Element, const N: usize> Represent for CellArray<T, N> {
    const SIZE: usize = size_of::<T>() * N;
    const NODE: Node = Node::Structure(StructureNode {
        kind: "Array",
        capacity: &[N],
        lanes: 0,
    });
}

/// `N` elements in shared memory.
///
/// An element is read and written as a whole value; one of more than 8 bytes may be seen half written.
///
/// ```
/// use shm_runtime::prelude::*;
///
/// #[derive(ShmLayout)]
/// struct Field {
///     #[shm(shape = [2, 3])]
///     depth: Array<f32, 6>,
/// }
///
/// # let name = format!("doc-array-{}", std::process::id());
/// let field = Field::create(&name)?;
/// field.depth.fill(1.5);
/// field.depth.set(4, 0.5);
/// field.depth.fetch_add(4, 0.25);
/// assert_eq!(field.depth.iter().sum::<f32>(), 8.25);
///
/// let mut row = [0.0; 3];
/// field.depth.read_into(3, &mut row);
/// assert_eq!(row, [1.5, 0.75, 1.5]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Progress
///
/// No operation waits. `fetch_add`, `fetch_sub`, `fetch_max` and `fetch_min` on `f32` and `f64` retry
/// while others change the element (lock-free); all else is wait-free.
pub struct Array<T: 'static, const N: usize> {
    cells: Site<CellArray<T, N>>,
}

impl<T: Element, const N: usize> Field for Array<T, N> {
    type Element = T;
    type Repr<const L: usize> = CellArray<T, N>;

    fn bind<const L: usize>(binder: &mut Binder<'_>) -> Result<Self, BindError> {
        let cells = binder.site()?;
        Ok(Self { cells })
    }
}

impl<T: Element, const N: usize> Structure for Array<T, N> {}

impl<T: Element, const N: usize> Array<T, N> {
    /// How many elements there are: `N`.
    #[expect(clippy::len_without_is_empty, reason = "an array is never empty")]
    pub const fn len(&self) -> usize {
        N
    }

    fn cells(&self) -> &Cells<T> {
        self.cells.cells()
    }

    /// What an operation found at `i`; panics where that is out of range.
    #[inline(always)]
    #[track_caller]
    fn expect<R>(&self, i: usize, found: Option<R>) -> R {
        match found {
            Some(found) => found,
            None => out_of_range(self.cells.name(), i, 1, N),
        }
    }

    /// Element `i`.
    ///
    /// # Panics
    ///
    /// Where `i` is not less than `N`.
    #[inline]
    #[track_caller]
    pub fn get(&self, i: usize) -> T {
        self.expect(i, self.cells().load(i))
    }

    /// Overwrites element `i`.
    ///
    /// # Panics
    ///
    /// Where `i` is not less than `N`, or the segment is open read-only.
    #[inline]
    #[track_caller]
    pub fn set(&self, i: usize, value: T) {
        self.cells.assert_writable();
        let done = self.cells().store(i, value).then_some(());
        self.expect(i, done)
    }

    /// Overwrites every element.
    ///
    /// # Panics
    ///
    /// Where the segment is open read-only.
    #[track_caller]
    pub fn fill(&self, value: T) {
        self.cells.assert_writable();
        let mut start = 0;
        if size_of::<T>() <= 64 {
            let block = [value; 64];
            while self.cells().store_slice(start, &block) {
                start += block.len();
            }
        }
        for i in start..N {
            self.cells().store(i, value);
        }
    }

    /// The elements in order, each read when the iterator comes to it.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = T> + ExactSizeIterator + '_ {
        (0..N).map(|i| self.get(i))
    }

    /// Copies elements `start ..` into `out`, as many as fit there.
    ///
    /// # Panics
    ///
    /// Where `start + out.len()` is more than `N`.
    #[track_caller]
    pub fn read_into(&self, start: usize, out: &mut [T]) {
        if !self.cells().load_slice(start, out) {
            out_of_range(self.cells.name(), start, out.len(), N);
        }
    }

    /// Overwrites elements `start ..` with `values`.
    ///
    /// # Panics
    ///
    /// Where `start + values.len()` is more than `N`, or the segment is open read-only.
    #[track_caller]
    pub fn write_from(&self, start: usize, values: &[T]) {
        self.cells.assert_writable();
        if !self.cells().store_slice(start, values) {
            out_of_range(self.cells.name(), start, values.len(), N);
        }
    }

    /// Copies elements `from` to `to ..`; the two may overlap.
    ///
    /// # Panics
    ///
    /// Where one of the two is out of range, or the segment is open read-only.
    #[track_caller]
    pub fn copy_within(&self, from: Range<usize>, to: usize) {
        self.cells.assert_writable();
        let len = from.len();
        if from.start > from.end || from.end > N {
            out_of_range(self.cells.name(), from.start, len, N);
        }
        if to > N - len {
            out_of_range(self.cells.name(), to, len, N);
        }
        let copy = |i| {
            if let Some(value) = self.cells().load(from.start + i) {
                self.cells().store(to + i, value);
            }
        };
        // Away from the overlap, so that nothing is overwritten before it is read.
        if to < from.start {
            (0..len).for_each(copy);
        } else {
            (0..len).rev().for_each(copy);
        }
    }

    /// The address of the first element in this process, valid as long as a handle lives. Whoever reads
    /// or writes through it arranges exclusion with the other processes.
    pub fn as_ptr(&self) -> *mut T {
        self.cells().as_ptr()
    }

    /// The elements as memory.
    ///
    /// # Safety
    ///
    /// The caller must make sure that nobody, in any process, writes an element as long as the slice lives.
    #[allow(unsafe_code)] // hands the caller's promise on, nothing else
    pub unsafe fn as_slice(&self) -> &[T] {
        // SAFETY: the caller's promise is the one that `Cells::as_slice` asks for.
        unsafe { self.cells().as_slice() }
    }
}

/// Elements of 1, 2, 4 or 8 bytes; for others these do not compile.
impl<T: Element, const N: usize> Array<T, N> {
    /// Element `i`, with acquire ordering.
    ///
    /// # Panics
    ///
    /// Where `i` is not less than `N`.
    #[inline]
    #[track_caller]
    pub fn load(&self, i: usize) -> T {
        self.expect(i, self.cells().load_acquire(i))
    }

    /// Overwrites element `i`, with release ordering.
    ///
    /// # Panics
    ///
    /// Where `i` is not less than `N`, or the segment is open read-only.
    #[inline]
    #[track_caller]
    pub fn store(&self, i: usize, value: T) {
        self.cells.assert_writable();
        self.expect(i, self.cells().store_release(i, value))
    }

    /// Overwrites element `i` and returns the one before, in one step.
    ///
    /// # Panics
    ///
    /// Where `i` is not less than `N`, or the segment is open read-only.
    #[inline]
    #[track_caller]
    pub fn swap(&self, i: usize, value: T) -> T {
        self.cells.assert_writable();
        self.expect(i, self.cells().swap(i, value))
    }

    /// Overwrites element `i` if it equals `current` bit for bit, in one step.
    ///
    /// # Errors
    ///
    /// The element that was there, where it was another.
    ///
    /// # Panics
    ///
    /// Where `i` is not less than `N`, or the segment is open read-only.
    #[inline]
    #[track_caller]
    pub fn compare_exchange(&self, i: usize, current: T, new: T) -> Result<T, T> {
        self.cells.assert_writable();
        self.expect(i, self.cells().compare_exchange(i, current, new))
    }
}

macro_rules! fetch {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        ///
        /// # Panics
        ///
        /// Where `i` is not less than `N`, or the segment is open read-only.
        #[inline]
        #[track_caller]
        pub fn $name(&self, i: usize, value: T) -> T {
            self.cells.assert_writable();
            let word = self.expect(i, self.cells().atomic::<T>(i));
            T::$name(word, value, Ordering::AcqRel) // both ends of (A)
        }
    )*};
}

/// Numbers of at most 8 bytes.
impl<T: Element + Scalar, const N: usize> Array<T, N> {
    fetch! {
        /// Adds `value` to element `i` in one step, wrapping around; returns the one before.
        fetch_add
        /// Subtracts `value` from element `i` in one step, wrapping around; returns the one before.
        fetch_sub
        /// Raises element `i` to `value` if it is less, in one step; returns the one before.
        fetch_max
        /// Lowers element `i` to `value` if it is more, in one step; returns the one before.
        fetch_min
    }
}

/// Integers of at most 8 bytes.
impl<T: Element + Integer, const N: usize> Array<T, N> {
    fetch! {
        /// Clears the bits of element `i` that are not in `value`, in one step; returns the one before.
        fetch_and
        /// Sets the bits of element `i` that are in `value`, in one step; returns the one before.
        fetch_or
        /// Flips the bits of element `i` that are in `value`, in one step; returns the one before.
        fetch_xor
    }
}

#[cold]
#[inline(never)]
#[track_caller]
fn out_of_range(name: &str, start: usize, len: usize, all: usize) -> ! {
    match len {
        1 => panic!("index {start} is out of range: `{name}` has {all} elements"),
        _ => panic!("{len} elements from {start} are out of range: `{name}` has {all} elements"),
    }
}

impl<T, const N: usize> Clone for Array<T, N> {
    fn clone(&self) -> Self {
        Self {
            cells: self.cells.clone(),
        }
    }
}

impl<T, const N: usize> fmt::Debug for Array<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Array")
            .field("name", &self.cells.name())
            .field("len", &N)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zerocopy::FromZeros;

    #[test]
    fn zeroed_is_empty() {
        let cells = CellArray::<f32, 5>::new_zeroed();
        assert!((0..5).all(|i| cells.cells().load(i) == Some(0.0)));
        assert_eq!(cells.cells().load(5), None);
    }

    #[test]
    fn entry_covers_the_elements_and_nothing_else() {
        assert_eq!(<CellArray<[u8; 3], 5> as Represent>::SIZE, 15);
        assert_eq!(<CellArray<u64, 2> as Represent>::SIZE, 16);
    }

    #[test]
    fn one_word_changes_in_one_step() {
        let array = CellArray::<[u16; 2], 2>::new_zeroed();
        let cells = array.cells();
        assert_eq!(cells.swap(1, [1, 2]), Some([0, 0]));
        assert_eq!(cells.compare_exchange(1, [0, 0], [3, 4]), Some(Err([1, 2])));
        assert_eq!(cells.compare_exchange(1, [1, 2], [3, 4]), Some(Ok([1, 2])));
        assert_eq!(cells.load_acquire(1), Some([3, 4]));
        assert_eq!(cells.store_release(0, [5, 6]), Some(()));
        assert_eq!(cells.load(0), Some([5, 6]));
        assert_eq!(cells.swap(2, [0, 0]), None);
        assert!(cells.atomic::<u64>(0).is_none(), "of another size");
    }

    #[test]
    #[should_panic = "index 7 is out of range: `grid` has 5 elements"]
    fn message_names_the_array() {
        out_of_range("grid", 7, 1, 5);
    }
}
