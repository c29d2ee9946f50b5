//! The role of the writer, and the frame that it writes.

use super::VersionedArray;
use super::snapshot::out_of_range;
use crate::layout::Element;
use crate::memory::cell::Cells;
use crate::structures::role::Role;

/// The writer's role: see [`VersionedArray::writer`].
///
/// In a forked child the parent's role is void: it publishes nothing, and says so.
#[derive(Debug)]
pub struct FrameWriter<T: Element, const N: usize> {
    array: VersionedArray<T, N>,
    role: Role,
    /// The number of the latest frame: ours from here on.
    latest: u64,
}

impl<T: Element, const N: usize> FrameWriter<T, N> {
    pub(super) fn new(array: VersionedArray<T, N>, role: Role) -> Self {
        Self {
            latest: array.frames().take_over(),
            array,
            role,
        }
    }

    /// Publishes a frame, and gives its number; `None` in a forked child, whose parent has the role.
    ///
    /// # Panics
    ///
    /// Where `frame` has not `N` elements.
    ///
    /// # Progress
    ///
    /// Wait-free: one copy. Readers do not notice it before it is whole.
    #[track_caller]
    pub fn publish(&mut self, frame: &[T]) -> Option<u64> {
        self.array.assert_frame(frame.len());
        if !self.role.is_held() {
            return None;
        }
        self.latest = self.array.frames().write(self.latest, frame);
        Some(self.latest)
    }

    /// Changes a copy of the latest frame, in place, and publishes that; gives what `change` gave, and `None` in
    /// a forked child, whose parent has the role.
    ///
    /// Where `change` panics, or the process is killed in it, nothing was published.
    ///
    /// # Progress
    ///
    /// Wait-free, if `change` is: one copy within the shared memory.
    pub fn edit<R>(&mut self, change: impl FnOnce(&mut Frame<'_, T, N>) -> R) -> Option<R> {
        if !self.role.is_held() {
            return None;
        }
        let frames = self.array.frames();
        let (next, cells) = frames.begin_copy(self.latest);
        let mut frame = Frame {
            array: &self.array,
            cells,
        };
        let result = change(&mut frame);
        frames.publish(next);
        self.latest = next;
        Some(result)
    }

    /// The number of the frame that was published last; 0 before the first.
    pub const fn version(&self) -> u64 {
        self.latest
    }
}

/// The frame that [`FrameWriter::edit`] is about to publish: at first what the one before holds.
#[derive(Debug)]
pub struct Frame<'a, T: Element, const N: usize> {
    array: &'a VersionedArray<T, N>,
    cells: &'a Cells<T>,
}

impl<T: Element, const N: usize> Frame<'_, T, N> {
    /// How many elements there are: `N`.
    #[expect(clippy::len_without_is_empty, reason = "a frame is never empty")]
    pub const fn len(&self) -> usize {
        N
    }

    /// Element `i`.
    ///
    /// # Panics
    ///
    /// Where `i` is not less than `N`.
    #[inline]
    #[track_caller]
    pub fn get(&self, i: usize) -> T {
        match self.cells.load(i) {
            Some(value) => value,
            None => out_of_range(self.array, i, 1),
        }
    }

    /// Overwrites element `i`.
    ///
    /// # Panics
    ///
    /// Where `i` is not less than `N`.
    #[inline]
    #[track_caller]
    pub fn set(&mut self, i: usize, value: T) {
        if !self.cells.store(i, value) {
            out_of_range(self.array, i, 1);
        }
    }

    /// Overwrites every element.
    pub fn fill(&mut self, value: T) {
        for i in 0..N {
            self.cells.store(i, value);
        }
    }

    /// Copies elements `start ..` into `out`, as many as fit there.
    ///
    /// # Panics
    ///
    /// Where `start + out.len()` is more than `N`.
    #[track_caller]
    pub fn read_into(&self, start: usize, out: &mut [T]) {
        if !self.cells.load_slice(start, out) {
            out_of_range(self.array, start, out.len());
        }
    }

    /// Overwrites elements `start ..` with `values`.
    ///
    /// # Panics
    ///
    /// Where `start + values.len()` is more than `N`.
    #[track_caller]
    pub fn write_from(&mut self, start: usize, values: &[T]) {
        if !self.cells.store_slice(start, values) {
            out_of_range(self.array, start, values.len());
        }
    }
}
