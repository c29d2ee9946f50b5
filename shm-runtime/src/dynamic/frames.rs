//! Whole frames as bytes.
//!
//! A frame is a row of words, of the width that belongs to its elements' size; so the typed algorithm runs
//! over an array of such words, one of four types.

use super::element::ElementType;
use super::place::Place;
use super::words::{assert_size, whole};
use crate::error::{FieldError, Outrun, Timeout};
use crate::memory::atomic::Ordering::Acquire;
use crate::memory::bytes::width;
use crate::memory::cell::Cells;
use crate::memory::kernel::Linux;
use crate::memory::signals::{Kernel, wait_until};
use crate::memory::site::Site;
use crate::memory::stamp::Stamp;
use crate::structures::RoleTaken;
use crate::structures::role::Role;
use crate::structures::versioned_array::frames::{BUFFERS, Frames, Head, Parts, Stop};
use bytemuck::{Pod, cast_slice, cast_slice_mut, try_cast_slice, try_cast_slice_mut};
use core::time::Duration;

/// The parts of an array, as words of one type.
#[derive(Clone, Debug)]
struct Buffers<W: 'static> {
    head: Site<Head>,
    buffers: [(Site<Stamp>, Site<Cells<W>>); BUFFERS],
}

impl<W: Pod> Parts for Buffers<W> {
    type Element = W;

    fn head(&self) -> &Head {
        &self.head
    }
    fn buffer(&self, index: usize) -> (&Stamp, &Cells<W>) {
        let (stamp, cells) = &self.buffers[index];
        (stamp, cells)
    }
    fn kernel(&self) -> impl Kernel {
        Linux
    }
}

impl<W: Pod> Buffers<W> {
    fn bind(place: &Place<'_>) -> Result<Self, FieldError> {
        let extent = place.extent;
        let words = place.field.capacity() * place.field.element().size() / size_of::<W>();
        let buffer = |i: usize| {
            let at = extent.cells + i * extent.stride;
            Ok((place.at(at)?, place.cells(at + extent.value, words)?))
        };
        Ok(Self {
            head: place.at(0)?,
            buffers: [buffer(0)?, buffer(1)?, buffer(2)?],
        })
    }

    /// Runs `copy` on the bytes as words; they are copied once more where they do not lie at a multiple of a
    /// word.
    fn through<R>(out: &mut [u8], copy: impl FnOnce(&mut [W]) -> R) -> R {
        match try_cast_slice_mut(out) {
            Ok(words) => copy(words),
            Err(_) => {
                let mut words = vec![W::zeroed(); out.len() / size_of::<W>()];
                let result = copy(&mut words);
                out.copy_from_slice(cast_slice(&words));
                result
            }
        }
    }

    fn publish(&self, latest: u64, frame: &[u8]) -> u64 {
        if let Ok(words) = try_cast_slice(frame) {
            return Frames(self).write(latest, words);
        }
        let mut words = vec![W::zeroed(); frame.len() / size_of::<W>()];
        cast_slice_mut(&mut words).copy_from_slice(frame);
        Frames(self).write(latest, &words)
    }

    /// Publishes what `change` makes of a copy of the latest frame.
    fn edit(&self, latest: u64, change: &mut dyn FnMut(&mut [u8])) -> u64 {
        let (next, cells) = Frames(self).begin_copy(latest);
        let mut words = vec![W::zeroed(); cells.len()];
        cells.load_slice(0, &mut words);
        change(cast_slice_mut(&mut words));
        cells.store_slice(0, &words);
        Frames(self).publish(next);
        next
    }
}

#[derive(Clone, Debug)]
enum Words {
    Of8(Buffers<u64>),
    Of4(Buffers<u32>),
    Of2(Buffers<u16>),
    Of1(Buffers<u8>),
}

/// Runs `$run` on the buffers, whatever their type.
macro_rules! each {
    ($words:expr, $buffers:ident => $run:expr) => {
        match $words {
            Words::Of8($buffers) => $run,
            Words::Of4($buffers) => $run,
            Words::Of2($buffers) => $run,
            Words::Of1($buffers) => $run,
        }
    };
}

/// The handle of a [`VersionedArray`](crate::VersionedArray): frames as bytes, by the algorithm of the typed
/// handle.
#[derive(Clone, Debug)]
pub struct VersionedArray {
    words: Words,
    head: Site<Head>,
    len: usize,
    element: ElementType,
}

impl VersionedArray {
    pub(super) fn bind(place: Place<'_>) -> Result<Self, FieldError> {
        let element = place.field.element().clone();
        let words = match width(element.size()) {
            8 => Words::Of8(Buffers::bind(&place)?),
            4 => Words::Of4(Buffers::bind(&place)?),
            2 => Words::Of2(Buffers::bind(&place)?),
            _ => Words::Of1(Buffers::bind(&place)?),
        };
        Ok(Self {
            words,
            head: place.at(0)?,
            len: place.field.capacity(),
            element,
        })
    }

    fn name(&self) -> &str {
        self.head.name()
    }

    #[track_caller]
    fn assert_frame(&self, bytes: usize) {
        assert_size(self.name(), "frame", bytes, self.len * self.element.size());
    }

    /// How many elements a frame has.
    #[expect(clippy::len_without_is_empty, reason = "a frame is never empty")]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// What they are.
    pub const fn element(&self) -> &ElementType {
        &self.element
    }

    /// The number of the latest frame; 0 before the first.
    pub fn version(&self) -> u64 {
        each!(&self.words, buffers => Frames(buffers).version())
    }

    /// Copies the latest frame into `out`, and gives its number. Works on read-only attachments.
    ///
    /// # Panics
    ///
    /// Where `out` has another size than a frame.
    #[track_caller]
    pub fn read_into(&self, out: &mut [u8]) -> u64 {
        self.assert_frame(out.len());
        let copied = each!(&self.words, buffers => {
            Buffers::through(out, |out| Frames(buffers).copy_latest(out))
        });
        copied.unwrap_or_else(|stop| {
            if stop == Stop::Corrupt {
                let local = self.head.attachment().local();
                local.note_corrupt(self.head.offset());
            }
            out.fill(0);
            0
        })
    }

    /// The latest frame, to be read in place.
    pub fn snapshot(&self) -> Snapshot<'_> {
        Snapshot {
            array: self,
            frame: self.version(),
        }
    }

    /// Waits up to `timeout` until the latest frame is another one than `version`.
    ///
    /// # Errors
    ///
    /// [`Timeout`] where none came in time.
    ///
    /// # Progress
    ///
    /// Blocking, until somebody publishes. A process killed while it does loses no wake-up.
    pub fn wait_change(&self, version: u64, timeout: Duration) -> Result<Snapshot<'_>, Timeout> {
        let attempt = || {
            let latest = self.snapshot();
            (latest.frame != version).then_some(latest)
        };
        let changed = wait_until(timeout, attempt, |left| {
            let Head {
                writer, signals, ..
            } = &*self.head;
            let attachment = self.head.attachment();
            let is_announced = || {
                let announced = writer.announced.load(Acquire) != 0; // (W): what was announced is out by then
                announced && Role::is_taken(&writer.role, attachment)
            };
            let is_latest = || self.version() == version;
            attachment.wait_round(&signals.filled, left, is_announced, is_latest);
            true
        });
        changed.ok_or(Timeout)
    }

    /// Claims the role of the writer.
    ///
    /// # Errors
    ///
    /// [`RoleTaken`] where somebody alive has it.
    ///
    /// # Panics
    ///
    /// Where the segment is open read-only.
    pub fn writer(&self) -> Result<FrameWriter, RoleTaken> {
        let role = Role::claim(self.head.map(|head| &head.writer.role), "writer")?;
        let latest = each!(&self.words, buffers => Frames(buffers).take_over());
        Ok(FrameWriter {
            array: self.clone(),
            role,
            latest,
        })
    }
}

/// A frame that is read in place: see [`crate::Snapshot`].
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a> {
    array: &'a VersionedArray,
    frame: u64,
}

impl Snapshot<'_> {
    /// The frame's number.
    pub const fn version(&self) -> u64 {
        self.frame
    }

    /// Whether all that was read of it before this was its own.
    #[must_use = "what was read means nothing without it"]
    pub fn still_valid(&self) -> bool {
        each!(&self.array.words, buffers => Frames(buffers).is_still(self.frame))
    }

    /// Copies elements `first ..` into `out`, as many as fit there.
    ///
    /// # Errors
    ///
    /// [`Outrun`] where the writer came back to the frame's buffer.
    ///
    /// # Panics
    ///
    /// Where they are out of range, or `out` does not have room for whole elements.
    #[track_caller]
    pub fn read_into(&self, first: usize, out: &mut [u8]) -> Result<(), Outrun> {
        let (size, len) = (self.array.element.size(), self.array.len);
        let count = whole(self.array.name(), out.len(), size);
        assert!(
            first <= len && count <= len - first,
            "{count} elements from {first} are out of range: `{}` has {len} elements",
            self.array.name()
        );
        let at = first * size;
        let whole = each!(&self.array.words, buffers => {
            let width = word(buffers);
            Buffers::through(out, |out| Frames(buffers).copy(self.frame, at / width, out))
        });
        whole.then_some(()).ok_or(Outrun)
    }

    /// The address of the frame's first element in this process, valid as long as a handle lives. What is
    /// read there means something only if [`still_valid`](Self::still_valid) says so afterwards.
    pub fn as_ptr(&self) -> *const u8 {
        each!(&self.array.words, buffers => Frames(buffers).cells(self.frame).as_ptr().cast())
    }
}

/// Bytes of a word.
const fn word<W>(_: &Buffers<W>) -> usize {
    size_of::<W>()
}

/// The one writer: see [`crate::FrameWriter`].
#[derive(Debug)]
pub struct FrameWriter {
    array: VersionedArray,
    role: Role,
    latest: u64,
}

impl FrameWriter {
    /// Publishes a frame: its number; `None` in a forked child, whose parent has the role.
    ///
    /// # Panics
    ///
    /// Where `frame` has another size than one.
    #[track_caller]
    pub fn publish(&mut self, frame: &[u8]) -> Option<u64> {
        self.array.assert_frame(frame.len());
        if !self.role.is_held() {
            return None;
        }
        self.latest = each!(&self.array.words, buffers => buffers.publish(self.latest, frame));
        Some(self.latest)
    }

    /// Publishes what `change` makes of a copy of the latest frame: its number; `None` in a forked child.
    pub fn edit(&mut self, mut change: impl FnMut(&mut [u8])) -> Option<u64> {
        if !self.role.is_held() {
            return None;
        }
        self.latest = each!(&self.array.words, buffers => buffers.edit(self.latest, &mut change));
        Some(self.latest)
    }

    /// The number of the latest frame.
    pub const fn version(&self) -> u64 {
        self.latest
    }
}
