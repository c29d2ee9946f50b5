//! `VersionedArray<T, N>`: whole frames, from one writer to any number of readers.
//!
//! # Guarantees
//!
//! A reader sees a whole frame or knows that it did not; it only loads, holds nobody up, and works on a read-only
//! mapping. A writer never waits for readers. Killed or stopped at any instruction, it leaves the frame before or the
//! new one, and readers go on at full speed (P1, P2); a dead one's role is taken over at once, a stopped one's is not
//! (P2 names this exception). All-zero bytes are the frame of zeros, number 0 (P4).
//!
//! # Bytes
//!
//! ```text
//! 0x000  frame    u64, alone on 128 bytes     number of the latest frame
//! 0x080  writer   128 bytes: role u64, announced u32
//! 0x100  signals  128 bytes                   sleepers
//! 0x180  buffers  3 × { stamp u64, alone on 128 bytes; elements, size of T × N }   each at a multiple of 128
//! ```
//!
//! # If a process dies here
//!
//! | step | what survivors see | who repairs it |
//! |---|---|---|
//! | writing the frame | the one before | the next writer writes the same buffer |
//! | number stored | the new frame | nobody needs to |
//! | holding the role | the role is taken over by the next who claims it | the claimer |
//! | announced, not published | sleepers look whether the writer lives | nobody needs to |
//! | reading | nothing | nobody needs to |
//!
//! The algorithm is in [`frames`], the model in `models::frames`.

pub mod frames;
mod snapshot;
#[cfg(test)]
mod tests;
mod writer;

pub use snapshot::Snapshot;
pub use writer::{Frame, FrameWriter};

use super::role::{Role, RoleTaken};
use crate::error::{Outrun, Timeout};
use crate::layout::bind::{BindError, Binder};
use crate::layout::node::{Node, StructureNode};
use crate::layout::{Element, Field, Represent, Structure};
use crate::memory::attachment::Attachment;
use crate::memory::cell::{CellArray, Cells};
use crate::memory::kernel::Linux;
use crate::memory::padded::Padded;
use crate::memory::shared::impl_shared;
use crate::memory::signals::{Kernel, wait_until};
use crate::memory::site::Site;
use crate::memory::stamp::Stamp;
use core::fmt;
use core::mem::offset_of;
use core::time::Duration;
use frames::{BUFFERS, Frames, Head, Parts, Stop};
use zerocopy::FromZeros;

/// The array's bytes: see the module's picture.
#[derive(Debug, FromZeros)]
#[repr(C)]
pub struct Repr<T, const N: usize> {
    head: Head,
    buffers: [Buffer<T, N>; BUFFERS],
}

/// A frame's place.
#[derive(Debug, FromZeros)]
#[repr(C)]
struct Buffer<T, const N: usize> {
    stamp: Padded<Stamp>,
    cells: CellArray<T, N>,
}

impl_shared!(impl[T: Element, const N: usize] Buffer[T, N] { stamp, cells });
impl_shared!(impl[T: Element, const N: usize] Repr[T, N] { head, buffers });

impl<T: Element, const N: usize> Represent for Repr<T, N> {
    const HOT: usize = offset_of!(Self, buffers);
    const NODE: Node = Node::Structure(StructureNode {
        kind: "VersionedArray",
        capacity: &[N],
        lanes: 0,
    });
}

/// Frames of `N` elements in shared memory: one writer publishes them, any number of readers see whole ones.
///
/// ```
/// use shm_runtime::prelude::*;
///
/// #[derive(ShmLayout)]
/// struct Sim {
///     #[shm(shape = [2, 3])]
///     depth: VersionedArray<f32, 6>,
/// }
///
/// # let name = format!("doc-versioned-array-{}", std::process::id());
/// let sim = Sim::create(&name)?;
/// let mut writer = sim.depth.writer()?;
/// writer.publish(&[1.0; 6]);
/// writer.edit(|frame| frame.set(4, 2.5));
///
/// // some other process, which may have opened the segment read-only
/// let mut depth = [0.0; 6];
/// assert_eq!(sim.depth.read_into(&mut depth), 2); // the second frame
/// assert_eq!(depth, [1.0, 1.0, 1.0, 1.0, 2.5, 1.0]);
///
/// let frame = sim.depth.snapshot(); // in place
/// let sum: f32 = frame.iter().sum();
/// assert!(frame.still_valid() && sum == 7.5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// It takes three times the memory of the elements. With an element type of your own you can put the time into each
/// frame; the library trusts no clock and counts frames.
///
/// # Progress
///
/// To publish is wait-free. To read is lock-free: a reader is overtaken if two more frames come out while it reads, and
/// never if a copy takes no longer than it is from one frame to the next. [`snapshot`](Self::snapshot) and
/// [`try_snapshot`](Self::try_snapshot) are wait-free. Only [`wait_change`](Self::wait_change) blocks.
pub struct VersionedArray<T: 'static, const N: usize> {
    repr: Site<Repr<T, N>>,
}

impl<T, const N: usize> Clone for VersionedArray<T, N> {
    fn clone(&self) -> Self {
        Self {
            repr: self.repr.clone(),
        }
    }
}

impl<T, const N: usize> fmt::Debug for VersionedArray<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VersionedArray")
            .field("name", &self.repr.name())
            .field("len", &N)
            .finish_non_exhaustive()
    }
}

impl<T: Element, const N: usize> Field for VersionedArray<T, N> {
    type Element = T;
    type Repr<const L: usize> = Repr<T, N>;

    fn bind<const L: usize>(binder: &mut Binder<'_>) -> Result<Self, BindError> {
        Ok(Self {
            repr: binder.site()?,
        })
    }
}

impl<T: Element, const N: usize> Structure for VersionedArray<T, N> {}

static_assertions::assert_impl_all!(VersionedArray<u64, 4>: Send, Sync, Clone);
static_assertions::assert_impl_all!(FrameWriter<u64, 4>: Send);
static_assertions::assert_not_impl_any!(FrameWriter<u64, 4>: Clone);
static_assertions::assert_impl_all!(Snapshot<'static, u64, 4>: Send, Sync, Copy);

impl<T: Element, const N: usize> Parts for VersionedArray<T, N> {
    type Element = T;

    #[inline(always)]
    fn head(&self) -> &Head {
        &self.repr.head
    }

    #[inline(always)]
    fn buffer(&self, index: usize) -> (&Stamp, &Cells<T>) {
        let Buffer { stamp, cells } = &self.repr.buffers[index];
        (&stamp.0, cells.cells())
    }

    #[inline(always)]
    fn kernel(&self) -> impl Kernel {
        Linux
    }
}

impl<T: Element, const N: usize> VersionedArray<T, N> {
    #[inline(always)]
    fn attachment(&self) -> &Attachment {
        self.repr.attachment()
    }

    #[inline(always)]
    const fn frames(&self) -> Frames<'_, Self> {
        Frames(self)
    }

    /// Counts what makes no sense, for `Segment::health`.
    #[cold]
    #[inline(never)]
    fn note(&self, stop: Stop) {
        if stop == Stop::Corrupt {
            let local = self.attachment().local();
            local.note_corrupt(self.repr.offset());
        }
    }

    /// Fails where `len` elements are not a frame.
    #[track_caller]
    fn assert_frame(&self, len: usize) {
        assert!(
            len == N,
            "{len} elements are no frame: one of `{}` has {N}",
            self.repr.name()
        );
    }

    /// Elements of a frame: `N`.
    #[expect(clippy::len_without_is_empty, reason = "a frame is never empty")]
    pub const fn len(&self) -> usize {
        N
    }

    /// Claims the role of the writer, for this attachment and until the result is dropped.
    ///
    /// # Errors
    ///
    /// [`RoleTaken`] where somebody alive has it, this attachment itself perhaps.
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    ///
    /// # Progress
    ///
    /// Lock-free; asks the kernel whether the former holder lives.
    pub fn writer(&self) -> Result<FrameWriter<T, N>, RoleTaken> {
        let word = self.repr.map(|repr| &repr.head.writer.role);
        let role = Role::claim(word, "writer")?;
        Ok(FrameWriter::new(self.clone(), role))
    }

    /// The latest frame, to be read in place. Works on read-only attachments.
    ///
    /// # Progress
    ///
    /// Wait-free.
    #[inline]
    pub fn snapshot(&self) -> Snapshot<'_, T, N> {
        Snapshot::new(self, self.frames().version())
    }

    /// Has `read` look at the latest frame in place, and gives what that gave, if the frame was there to the end.
    /// Works on read-only attachments.
    ///
    /// What `read` sees may be of several frames; then what it gives is thrown away.
    ///
    /// # Errors
    ///
    /// [`Outrun`] where two more frames came out meanwhile.
    ///
    /// # Progress
    ///
    /// Wait-free, if `read` is.
    #[inline]
    pub fn try_snapshot<R>(
        &self,
        read: impl FnOnce(&Snapshot<'_, T, N>) -> R,
    ) -> Result<R, Outrun> {
        let snapshot = self.snapshot();
        let result = read(&snapshot);
        if snapshot.still_valid() {
            Ok(result)
        } else {
            Err(Outrun)
        }
    }

    /// Copies the latest frame into `out`, and gives its number. Works on read-only attachments.
    ///
    /// # Panics
    ///
    /// Where `out` has not `N` elements.
    ///
    /// # Progress
    ///
    /// Lock-free: it begins again where two more frames came out meanwhile. After a million attempts in a row it gives
    /// zeros as frame 0, and counts that in `Segment::health`.
    #[track_caller]
    pub fn read_into(&self, out: &mut [T]) -> u64 {
        self.assert_frame(out.len());
        self.frames().copy_latest(out).unwrap_or_else(|stop| {
            self.note(stop);
            out.fill(T::zeroed());
            0
        })
    }

    /// The number of the latest frame; 0 before the first.
    ///
    /// # Progress
    ///
    /// Wait-free.
    #[inline]
    pub fn version(&self) -> u64 {
        self.frames().version()
    }

    /// How many frames came out since the one numbered `version`: 0 if that is the latest.
    ///
    /// It counts frames and tells no time: whose clock would it be? Nobody learns from it whether the writer
    /// is slow, stopped or dead.
    ///
    /// # Progress
    ///
    /// Wait-free.
    #[inline]
    pub fn age(&self, version: u64) -> u64 {
        self.version().saturating_sub(version)
    }

    /// Waits up to `timeout` until the latest frame is another one than `version`, and gives it.
    ///
    /// A read-only attachment cannot be woken and looks every millisecond.
    ///
    /// # Errors
    ///
    /// [`Timeout`] where none came out in time.
    ///
    /// # Progress
    ///
    /// Blocking, until the writer publishes. A writer killed while it does loses no wake-up.
    pub fn wait_change(
        &self,
        version: u64,
        timeout: Duration,
    ) -> Result<Snapshot<'_, T, N>, Timeout> {
        let attempt = || {
            let latest = self.snapshot();
            (latest.version() != version).then_some(latest)
        };
        let changed = wait_until(timeout, attempt, |left| {
            let Head {
                writer, signals, ..
            } = self.head();
            let is_announced =
                || self.frames().is_announced() && Role::is_taken(&writer.role, self.attachment());
            let is_latest = || self.version() == version;
            let event = &signals.filled;
            self.attachment()
                .wait_round(event, left, is_announced, is_latest);
            true
        });
        changed.ok_or(Timeout)
    }
}
