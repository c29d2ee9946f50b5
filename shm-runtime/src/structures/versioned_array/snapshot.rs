//! A frame that is read in place.

use super::VersionedArray;
use crate::error::Outrun;
use crate::layout::Element;
use core::fmt;

/// A frame of a [`VersionedArray`], where it lies: nothing was copied, and nobody is kept from writing.
///
/// What is read from it is the frame's if it is [still valid](Self::still_valid) *afterwards*. If it is not, it was a
/// mixture perhaps; each element of 1, 2, 4 or 8 bytes is some frame's.
///
/// ```
/// # use shm_runtime::prelude::*;
/// # #[derive(ShmLayout)]
/// # struct Sim { depth: VersionedArray<f32, 6> }
/// # let name = format!("doc-snapshot-{}", std::process::id());
/// # let sim = Sim::create(&name)?;
/// let deepest = loop {
///     let frame = sim.depth.snapshot();
///     let deepest = frame.iter().fold(0.0, f32::max);
///     if frame.still_valid() {
///         break deepest;
///     }
/// };
/// # assert_eq!(deepest, 0.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Snapshot<'a, T: Element, const N: usize> {
    array: &'a VersionedArray<T, N>,
    frame: u64,
}

impl<T: Element, const N: usize> Clone for Snapshot<'_, T, N> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T: Element, const N: usize> Copy for Snapshot<'_, T, N> {}

impl<T: Element, const N: usize> fmt::Debug for Snapshot<'_, T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("array", self.array)
            .field("version", &self.frame)
            .finish_non_exhaustive()
    }
}

impl<'a, T: Element, const N: usize> Snapshot<'a, T, N> {
    pub(super) const fn new(array: &'a VersionedArray<T, N>, frame: u64) -> Self {
        Self { array, frame }
    }

    /// The frame's number; 0 before the first.
    pub const fn version(&self) -> u64 {
        self.frame
    }

    /// How many frames came out since this one.
    ///
    /// # Progress
    ///
    /// Wait-free.
    pub fn age(&self) -> u64 {
        self.array.age(self.frame)
    }

    /// Whether all that was read from the frame so far was the frame's.
    ///
    /// # Progress
    ///
    /// Wait-free.
    #[inline]
    #[must_use = "what was read means nothing without it"]
    pub fn still_valid(&self) -> bool {
        self.array.frames().is_still(self.frame)
    }

    /// Element `i`, as it is now.
    ///
    /// # Panics
    ///
    /// Where `i` is not less than `N`.
    #[inline]
    #[track_caller]
    pub fn get(&self, i: usize) -> T {
        match self.array.frames().cells(self.frame).load(i) {
            Some(value) => value,
            None => out_of_range(self.array, i, 1),
        }
    }

    /// The elements in order, each read when the iterator comes to it.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = T> + ExactSizeIterator + '_ {
        (0..N).map(|i| self.get(i))
    }

    /// Copies elements `start ..` into `out`, as many as fit there: the frame's own, if it says so.
    ///
    /// # Errors
    ///
    /// [`Outrun`] where two more frames came out meanwhile: it gives up early, and what is in `out` is a mixture.
    ///
    /// # Panics
    ///
    /// Where `start + out.len()` is more than `N`.
    ///
    /// # Progress
    ///
    /// Wait-free.
    #[track_caller]
    pub fn read_into(&self, start: usize, out: &mut [T]) -> Result<(), Outrun> {
        if start > N || out.len() > N - start {
            out_of_range(self.array, start, out.len());
        }
        if self.array.frames().copy(self.frame, start, out) {
            Ok(())
        } else {
            Err(Outrun)
        }
    }

    /// A copy of the frame.
    ///
    /// # Errors
    ///
    /// As [`read_into`](Self::read_into).
    ///
    /// # Progress
    ///
    /// Wait-free, but for the memory that it allocates.
    pub fn to_vec(&self) -> Result<Vec<T>, Outrun> {
        let mut all = vec![T::zeroed(); N];
        self.read_into(0, &mut all)?;
        Ok(all)
    }
}

#[cold]
#[inline(never)]
#[track_caller]
pub(super) fn out_of_range<T: Element, const N: usize>(
    array: &VersionedArray<T, N>,
    start: usize,
    len: usize,
) -> ! {
    let name = array.repr.name();
    match len {
        1 => panic!("index {start} is out of range: `{name}` has {N} elements"),
        _ => panic!("{len} elements from {start} are out of range: `{name}` has {N} elements"),
    }
}
