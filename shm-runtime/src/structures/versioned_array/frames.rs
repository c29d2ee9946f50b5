//! The algorithm: three buffers, of which one is the latest frame and one is written.
//!
//! Frames are numbered, and frame `f` lies in buffer `f mod 3`. `frame` is the number of the last one that was
//! published: it is the truth, and its store is the moment of publication. Each buffer bears the stamp of the frame
//! that it holds, all ones while it is written. The writer marks the next buffer, writes it, stamps it, and
//! stores the number. A reader reads the number, reads the buffer in place, and looks at the stamp.
//!
//! A reader is overtaken only if two more frames came out while it read, because the writer comes back to its buffer
//! for the third. So if reading takes no longer than it is from one publication to the next, the first attempt succeeds
//! in whatever moment it began; with two buffers it would fail in some. No number of buffers is enough for every
//! reader, if readers do not write.
//!
//! There is one writer at a time. It may be killed anywhere before it stores the number: that frame never was, and the
//! next writer begins the same one again, in the same buffer, which no reader of a published frame looks at.
//!
//! | killed | what is in memory | who repairs it |
//! |---|---|---|
//! | writer: buffer marked, written, stamped | the frame before | the next writer writes the same buffer |
//! | writer: number stored | the new frame | nobody needs to |
//! | writer: announced | sleepers look whether the writer lives | the next writer withdraws it |
//! | reader, anywhere | nothing | nobody needs to |
//! | writer stopped for ever | the frame before, or the new one; no other writer (P2 names this exception) | SIGCONT or death |
//!
//! # Ordering
//!
//! (W) `publish.frame -> version`: the frame and its stamp are visible to whoever sees its number; and
//! `publish.announced -> is_announced`: the number is visible to whoever sees that it is not announced any more.
//! (D) `begin -> is_still`: see `memory::stamp`.
//! (R) `begin -> try_copy`: whoever sees a buffer's mark sees that the frame which it held is not the latest. (A writer's
//! own frames need no more than (D) for that: two of its fences lie in between. A successor's first ones do.)

use crate::memory::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
    fence,
};
use crate::memory::cell::Cells;
use crate::memory::exchange::look;
use crate::memory::padded::Padded;
use crate::memory::patience::PATIENCE;
use crate::memory::shared::impl_shared;
use crate::memory::signals::{Kernel, Signals};
use crate::memory::stamp::Stamp;
use crate::seeded::{Bug, order, seeded};
use bytemuck::Pod;
use zerocopy::FromZeros;

/// Buffers of an array.
pub const BUFFERS: usize = 3;
/// Bytes that a copy moves from one look at the stamp to the next.
const PART: usize = 16 << 10;

/// What lies before the buffers.
#[derive(Debug, FromZeros)]
#[repr(C)]
pub struct Head {
    /// The number of the latest frame; zero before the first.
    pub frame: Padded<AtomicU64>,
    /// What the writer's role is about.
    pub writer: WriterLine,
    /// Who sleeps.
    pub signals: Signals,
}

impl_shared!(impl[] Head { frame, writer, signals });

/// The writer's own line: 128 bytes.
#[derive(Debug, FromZeros)]
#[repr(C, align(128))]
pub struct WriterLine {
    /// Who has the role: [`crate::memory::participant::Identity::word`], or zero.
    pub role: AtomicU64,
    /// 1 while a publication is announced to those who sleep.
    pub announced: AtomicU32,
    reserved: [AtomicU32; 29],
}

impl_shared!(impl[] WriterLine { role, announced, reserved });
static_assertions::const_assert_eq!(size_of::<WriterLine>(), 128);

/// Why an attempt to copy a frame ended without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The writer came back to its buffer.
    Outrun,
    /// The numbers make no sense.
    Corrupt,
}

/// The parts of an array: of a handle, of a test's memory, of a model's.
pub trait Parts {
    /// The elements' type.
    type Element: Pod;
    /// What lies before the buffers.
    fn head(&self) -> &Head;
    /// A buffer below [`BUFFERS`], and its stamp.
    fn buffer(&self, index: usize) -> (&Stamp, &Cells<Self::Element>);
    /// How sleepers are woken.
    fn kernel(&self) -> impl Kernel;
}

/// The algorithm over an array's parts.
#[derive(Debug)]
pub struct Frames<'a, P>(pub &'a P);

impl<P> Clone for Frames<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<P> Copy for Frames<'_, P> {}

impl<'a, P: Parts> Frames<'a, P> {
    /// Where a frame lies.
    #[inline(always)]
    fn place(self, frame: u64) -> (&'a Stamp, &'a Cells<P::Element>) {
        self.0.buffer((frame % BUFFERS as u64) as usize)
    }

    // ---- reading: loads only --------------------------------------------------------------------

    /// The number of the latest frame.
    #[inline(always)]
    pub fn version(self) -> u64 {
        look(&self.0.head().frame) // (W)
    }

    /// The elements of a frame: they mean something only if it [is still](Self::is_still) there behind the look at them.
    #[inline(always)]
    pub fn cells(self, frame: u64) -> &'a Cells<P::Element> {
        self.place(frame).1
    }

    /// Whether all elements of the frame that were loaded before this were its own.
    #[inline(always)]
    pub fn is_still(self, frame: u64) -> bool {
        self.place(frame).0.is_still(frame)
    }

    /// Copies elements `start ..` of a frame, as many as fit; false where the writer came back to its buffer, or
    /// where they are out of range.
    pub fn copy(self, frame: u64, start: usize, out: &mut [P::Element]) -> bool {
        let (stamp, cells) = self.place(frame);
        let part = (PART / size_of::<P::Element>().max(1)).max(1);
        let mut at = start;
        for part in out.chunks_mut(part) {
            let there = stamp.is(frame) || seeded(Bug::ReadUnchecked); // a hint: no use to go on
            if !there || !cells.load_slice(at, part) {
                return false;
            }
            at += part.len();
        }
        stamp.is_still(frame)
    }

    /// One attempt to copy the latest frame: its number.
    pub fn try_copy(self, out: &mut [P::Element]) -> Result<u64, Stop> {
        let frame = self.version();
        if self.copy(frame, 0, out) {
            return Ok(frame);
        }
        fence(Acquire); // (R)
        if self.version() == frame {
            return Err(Stop::Corrupt);
        }
        Err(Stop::Outrun)
    }

    /// Copies the latest frame: its number.
    pub fn copy_latest(self, out: &mut [P::Element]) -> Result<u64, Stop> {
        for _ in 0..PATIENCE {
            match self.try_copy(out) {
                Err(Stop::Outrun) => {} // two more frames: progress
                other => return other,
            }
        }
        Err(Stop::Corrupt)
    }

    /// Whether a publication is announced, by a writer who may be dead.
    pub fn is_announced(self) -> bool {
        self.0.head().writer.announced.load(Acquire) != 0 // (W): what was announced is out by then
    }

    // ---- writing: by the holder of the role -----------------------------------------------------

    /// The latest frame, for who has taken the role.
    pub fn take_over(self) -> u64 {
        let Head { frame, writer, .. } = self.0.head();
        writer.announced.store(0, Relaxed); // by who died in the middle; the role's holder alone writes it
        frame.load(Relaxed) // handed over by the role: (H) of `structures::role`
    }

    /// Begins the frame `next`, in whose buffer nobody looks for the latest: its elements.
    pub fn begin(self, next: u64) -> &'a Cells<P::Element> {
        let (stamp, cells) = match seeded(Bug::CurrentBuffer) {
            true => self.place(next.wrapping_sub(1)),
            false => self.place(next),
        };
        if !seeded(Bug::RelaxedBuffer) {
            fence(Release); // (R) the frame that it held was replaced before its buffer is marked
        }
        stamp.dirty(); // (D)
        cells
    }

    /// Publishes the frame `next`, which was begun and written.
    pub fn publish(self, next: u64) {
        let Head {
            frame,
            writer,
            signals,
        } = self.0.head();
        self.place(next).0.set(next);
        if !seeded(Bug::NotAnnounced) {
            writer.announced.store(1, Relaxed); // ordered by the sleeper's barrier
        }
        if !seeded(Bug::WakeAfterPublish) {
            signals.filled.ring(&self.0.kernel());
        }
        frame.store(next, order(Bug::RelaxedFrame, Release)); // (W)
        if seeded(Bug::WakeAfterPublish) {
            signals.filled.ring(&self.0.kernel());
        }
        let out = order(Bug::RelaxedWithdraw, Release);
        writer.announced.store(0, out); // (W): published before it is withdrawn
    }

    /// Publishes `values` as the frame behind `latest`: its number.
    pub fn write(self, latest: u64, values: &[P::Element]) -> u64 {
        let next = latest.wrapping_add(1);
        if seeded(Bug::PublishBeforeWrite) {
            self.publish(next);
        }
        self.begin(next).store_slice(0, values);
        if !seeded(Bug::PublishBeforeWrite) {
            self.publish(next);
        }
        next
    }

    /// Begins the frame behind `latest` with what that holds: its number and its elements.
    pub fn begin_copy(self, latest: u64) -> (u64, &'a Cells<P::Element>) {
        let next = latest.wrapping_add(1);
        let cells = self.begin(next);
        cells.copy_from(self.cells(latest)); // nobody writes that but the role's holder
        (next, cells)
    }
}
