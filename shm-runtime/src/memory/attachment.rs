//! The mapping of a segment, and this process's part in it.
//!
//! An attachment is alive as long as a lock byte is held (see [`super::liveness`]). The byte is locked
//! through a description of its own that only an anchor mapping keeps open, so it is free exactly when
//! this address space can no longer store under the attachment's identity: through kill, exec, zombies,
//! and in every PID namespace.
//!
//! **Fork.** What is local to the process lives in pages that a forked child finds zeroed. Zero means
//! "attach first": the child has the data mapping, but no identity and no anchor until it attaches.

#![allow(unsafe_code)] // owns the mapping

use super::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use super::atomic::fence;
use super::lane::LaneRecord;
use super::liveness::{self, AttachError, Place, Removal};
use super::local::{LocalHeader, LocalLane, STAMP_SHIFT};
use super::participant::{FLAG_FENCES, Identity, Participant, ParticipantInfo};
use super::shared::Shared;
use crate::posix::map::{Anchor, LocalPages, Mapping};
use crate::posix::process::yield_now;
use crate::posix::sigbus::Guard;
use crate::posix::{barrier, file, lock};
use crate::seeded::{Bug, seeded};
use core::mem::ManuallyDrop;
use core::ptr::NonNull;
use core::sync::atomic::AtomicU64;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

/// How often a thread lets others run while one of them attaches.
const YIELDS: usize = 10_000;
/// The identity word of a read-only attachment, which has no slot.
const READER: u64 = u64::MAX;

/// Counts attachments and registrations of this process, and never repeats in a forked child what its
/// parent counted before the fork.
static STAMPS: AtomicU64 = AtomicU64::new(1);

fn next_stamp() -> u64 {
    STAMPS.fetch_add(1, Relaxed) << STAMP_SHIFT // only has to be unique
}

/// Where the parts of ours lie that an attachment itself uses, in bytes from the file's start.
#[derive(Clone, Copy, Debug)]
pub struct Regions {
    /// The participants.
    pub participants: usize,
    /// The lane records.
    pub lanes: usize,
    /// How many there are of each.
    pub count: usize,
}

/// What an attachment is made of.
#[derive(Debug)]
pub struct Origin {
    /// The open file; no lock is ever taken through this description.
    pub file: File,
    /// Where it is found.
    pub place: Place,
    /// Bytes to map.
    pub len: usize,
    /// Where our parts lie.
    pub regions: Regions,
    /// Whether it may only be read.
    pub read_only: bool,
    /// Whether its name stays when nobody is attached.
    pub persist: bool,
    /// Whether a peer that truncates the file gives zero pages instead of a signal.
    pub guard: bool,
}

/// A segment that this process has mapped and attached to.
///
/// # Invariant
///
/// `regions` lie inside the mapping, aligned for their types.
#[derive(Debug)]
pub struct Attachment {
    guard: Option<Guard>,
    mapping: ManuallyDrop<Mapping>,
    local: LocalPages,
    /// For questions and for opening the file again; shared with forked children, never locked through.
    file: ManuallyDrop<File>,
    place: Place,
    regions: Regions,
    read_only: bool,
    persist: bool,
}

impl Attachment {
    /// Maps a segment without attaching to it.
    ///
    /// # Errors
    ///
    /// Of the system, or [`io::ErrorKind::InvalidData`] where the regions do not lie inside the file.
    pub fn map(origin: Origin) -> io::Result<Self> {
        let regions = origin.regions;
        let fits = |offset: usize, size: usize, align: usize| {
            offset.is_multiple_of(align)
                && regions.count <= liveness::MAX_SLOTS as usize
                && offset
                    .checked_add(size * regions.count)
                    .is_some_and(|end| end <= origin.len)
        };
        if !fits(
            regions.participants,
            size_of::<Participant>(),
            align_of::<Participant>(),
        ) || !fits(
            regions.lanes,
            size_of::<LaneRecord>(),
            align_of::<LaneRecord>(),
        ) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mapping = Mapping::new(&origin.file, origin.len, !origin.read_only)?;
        let guard = origin.guard.then(|| Guard::new(&mapping)).transpose()?;
        let local = size_of::<LocalHeader>() + regions.count * size_of::<LocalLane>();
        Ok(Self {
            guard,
            mapping: ManuallyDrop::new(mapping),
            local: LocalPages::new(local)?,
            file: ManuallyDrop::new(origin.file),
            place: origin.place,
            regions,
            read_only: origin.read_only,
            persist: origin.persist,
        })
    }

    /// First byte of the mapping, which is the file's first byte; page-aligned.
    pub fn base(&self) -> NonNull<u8> {
        self.mapping.start()
    }

    /// Bytes that are mapped.
    #[expect(clippy::len_without_is_empty, reason = "a mapping is never empty")]
    pub fn len(&self) -> usize {
        self.mapping.len()
    }

    /// Whether the mapping may only be read.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Whether the segment stays when nobody is attached.
    pub fn is_persistent(&self) -> bool {
        self.persist
    }

    /// The open file, for questions and for giving it a name; never to be locked through.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Where the segment's file is found.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Whether a page of the segment was gone when this process touched it; `false` without a guard.
    pub fn is_truncated(&self) -> bool {
        self.guard.as_ref().is_some_and(Guard::is_hit)
    }

    /// Brings all pages in.
    ///
    /// # Errors
    ///
    /// Of the system, where there is no room for them.
    pub fn populate(&self) -> io::Result<()> {
        self.mapping.populate(!self.read_only)
    }

    /// The mapping, for questions and requests about its pages.
    pub(crate) fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// What is local to this process, at the start of the local pages.
    #[inline]
    pub fn local(&self) -> &LocalHeader {
        // SAFETY: the pages are page-aligned, zeroed at first (valid for atomics) and larger than the
        // header (`map`); they live as long as `self`, and all access is through atomics.
        unsafe { self.local.as_ptr().cast().as_ref() }
    }

    /// What is local to this process for each lane.
    #[inline]
    pub fn local_lanes(&self) -> &[LocalLane] {
        let first = self
            .local
            .as_ptr()
            .as_ptr()
            .wrapping_add(size_of::<LocalHeader>());
        // SAFETY: `map` made the pages large enough for the header and `count` lanes behind it, both
        // are multiples of 64 bytes; zeroed at first, alive as long as `self`, accessed through atomics.
        unsafe { core::slice::from_raw_parts(first.cast(), self.regions.count) }
    }

    /// `count` values of a shared type, `offset` bytes into the mapping; `None` where they do not lie
    /// inside it or would be misaligned.
    pub fn slice<R: Shared>(&self, offset: usize, count: usize) -> Option<&[R]> {
        let end = count.checked_mul(size_of::<R>())?.checked_add(offset)?;
        if end > self.len() || !offset.is_multiple_of(align_of::<R>()) {
            return None;
        }
        // SAFETY: checked above.
        Some(unsafe { self.records(offset, count) })
    }

    /// `count` values of a shared type in the mapping.
    ///
    /// # Safety
    ///
    /// They must lie inside the mapping, and `offset` must be a multiple of their alignment.
    unsafe fn records<R: Shared>(&self, offset: usize, count: usize) -> &[R] {
        let first = self.base().as_ptr().wrapping_add(offset);
        // SAFETY: inside the mapping and aligned, as the caller promises; `Shared` makes every value
        // valid whatever others write; the mapping lives as long as `self`.
        unsafe { core::slice::from_raw_parts(first.cast(), count) }
    }

    /// The participants' slots.
    #[inline]
    pub fn slots(&self) -> &[Participant] {
        // SAFETY: the invariant of `Attachment`.
        unsafe { self.records(self.regions.participants, self.regions.count) }
    }

    /// Where the structures begin: behind all that the segment needs for itself.
    pub(super) fn structures(&self) -> usize {
        self.regions.lanes + self.regions.count * size_of::<LaneRecord>()
    }

    /// The lane records.
    #[inline]
    pub fn lanes(&self) -> &[LaneRecord] {
        // SAFETY: the invariant of `Attachment`.
        unsafe { self.records(self.regions.lanes, self.regions.count) }
    }
}

/// Coming and going.
impl Attachment {
    /// The identity of this process in the segment; `None` in a forked child that did not attach yet,
    /// and for a read-only attachment.
    #[inline]
    pub fn identity(&self) -> Option<Identity> {
        match self.local().identity.load(Acquire) {
            READER => None,
            word => Identity::from_word(word),
        }
    }

    /// Attaches this process, if it is not: at open, and again in a forked child.
    ///
    /// Takes no lock of the process, so it is safe in a child forked from many threads.
    ///
    /// # Errors
    ///
    /// Where no slot is free or the file cannot be opened again.
    pub fn register(&self) -> Result<Identity, AttachError> {
        self.attach(liveness::PATIENCE)?;
        self.identity().ok_or(AttachError::ReadOnly)
    }

    /// As [`Self::register`], for read-only attachments too; waits up to `patience` for somebody who is
    /// removing the name.
    ///
    /// # Errors
    ///
    /// As [`Self::register`].
    pub fn attach(&self, patience: Duration) -> Result<(), AttachError> {
        if self.local().stamp.load(Acquire) != 0 {
            return Ok(());
        }
        let deadline = Instant::now() + patience;
        let own = self.place.reopen(&self.file, !self.read_only)?;
        if self.read_only {
            liveness::take_reader(&own, deadline)?;
            return self.settle_in(Anchor::new(&own)?, READER, None);
        }
        let slot = liveness::take_slot(&own, self.regions.count as u32, deadline, |slot| {
            self.renew(slot);
        })?;
        let anchor = Anchor::new(&own)?; // keeps the description, and the lock, from here on
        let word = self.move_in(slot).word();
        let home = self.claim(word).or_else(|| {
            self.recover();
            self.claim(word)
        });
        let limit = self.regions.count as u32;
        let home = home.ok_or(AttachError::Full { limit })?;
        self.settle_in(anchor, word, Some(home))
    }

    /// Makes an identity this process's own. Another thread of a forked child may be doing the same: one of
    /// them wins, and the others wait for it to finish.
    fn settle_in(&self, anchor: Anchor, word: u64, home: Option<usize>) -> Result<(), AttachError> {
        let local = self.local();
        if local
            .identity
            .compare_exchange(0, word, AcqRel, Acquire)
            .is_ok()
        {
            local.anchor.store(anchor.into_address(), Relaxed); // read by drop only
            if let Some(home) = home {
                self.move_home(home);
            }
            local.stamp.store(next_stamp(), Release); // the identity and the home lane are there
            return Ok(());
        }
        if let Some(home) = home {
            self.lanes()[home].owner.store(0, Release); // never used
        }
        drop(anchor); // and with it the slot
        for _ in 0..YIELDS {
            if local.stamp.load(Acquire) != 0 {
                return Ok(());
            }
            yield_now();
        }
        Err(AttachError::Closing) // a handler that interrupted the one who is at it
    }

    /// Gives a slot that nobody has, and nobody else can have now, its next generation.
    fn renew(&self, slot: u32) {
        let generation = &self.slots()[slot as usize].generation;
        // Relaxed) // only the holder of the door writes; the kernel's locks order it
        if !seeded(Bug::NoSlotGeneration) {
            generation.store(generation.load(Relaxed).wrapping_add(1), Relaxed);
        }
    }

    /// Makes a slot whose byte is held this attachment's own.
    fn move_in(&self, slot: u32) -> Identity {
        let record = &self.slots()[slot as usize];
        let generation = record.generation.load(Relaxed); // ours: see `renew`
        record.pid.store(std::process::id(), Relaxed); // for people
        let flags = if barrier::register() { 0 } else { FLAG_FENCES };
        record.flags.store(flags, Relaxed); // read behind a heavy barrier
        Identity { slot, generation }
    }

    /// Whether the segment's file still has a name.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn is_linked(&self) -> io::Result<bool> {
        Ok(file::stat(&self.file)?.links > 0)
    }

    /// Asks the kernel about the segment's file, through the kept descriptor or, where a daemon closed
    /// that, by name.
    fn ask<T>(&self, question: impl FnOnce(&File) -> io::Result<T>) -> io::Result<T> {
        if self.is_file_ours() {
            question(&self.file)
        } else {
            question(&self.place.reopen(&self.file, false)?)
        }
    }

    /// Whether the kept descriptor still leads to the segment.
    fn is_file_ours(&self) -> bool {
        file::stat(&self.file).is_ok_and(|found| found.same_file(&self.place.stat))
    }

    /// Whether the attachment of that name may still store: its slot's byte is held, and not by a
    /// successor. What is dead stays dead; where the kernel cannot be asked, it is called alive.
    pub fn alive(&self, identity: Identity) -> bool {
        let Some(record) = self.slots().get(identity.slot as usize) else {
            return false; // nobody ever had such a slot
        };
        let held = self.ask(|file| lock::query(file, liveness::slot(identity.slot)));
        let mut held = held.map_or(true, |held| held.is_some());
        if seeded(Bug::AliveByProcess) {
            let process = record.pid.load(Relaxed);
            held = std::path::Path::new(&format!("/proc/{process}")).exists();
        }
        // Behind the question: who holds the byte had its generation before it had the byte.
        let alive = held && record.generation.load(Relaxed) == identity.generation; // ordered by the system call
        fence(Acquire); // what the dead stored is visible to who goes on from here
        alive
    }

    /// Everybody who is attached, but for read-only ones.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn participants(&self) -> io::Result<Vec<ParticipantInfo>> {
        let mut found = Vec::new();
        self.ask(|file| {
            for (slot, record) in (0..).zip(self.slots()) {
                if lock::query(file, liveness::slot(slot))?.is_some() {
                    found.push(ParticipantInfo {
                        identity: Identity {
                            slot,
                            generation: record.generation.load(Relaxed),
                        },
                        pid: record.pid.load(Relaxed),
                    });
                }
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Reads the file's bytes as they are now; a file that became too short is an error, not a signal.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.ask(|file| file.read_exact_at(bytes, offset))
    }

    /// Tries to lock bytes through a description of its own: they are free again when it is dropped.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn try_lock(&self, range: lock::Range) -> io::Result<Option<lock::Locked>> {
        lock::Locked::try_new(self.place.reopen(&self.file, true)?, range)
    }

    /// Removes the segment's name if nobody else is attached.
    fn close_door(&self) -> io::Result<Removal> {
        let own = self.place.reopen(&self.file, true)?;
        if self.persist {
            return Ok(Removal::Attached);
        }
        liveness::remove_if_deserted(&own, &self.place.path)
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        if let Some(identity) = self.identity() {
            self.leave_lanes(identity.word());
        }
        // Zero in a forked child that never attached: the parent's anchor is none of its business.
        let address = self.local().anchor.load(Relaxed);
        self.guard = None;
        // SAFETY: dropped once, here, and not used below.
        unsafe { ManuallyDrop::drop(&mut self.mapping) };
        // SAFETY: stored by `attach` in this very process, since a fork would have zeroed it.
        let anchor = unsafe { Anchor::from_address(address) };
        let attached = anchor.is_some();
        drop(anchor); // from here on this attachment is dead
        if attached && !self.read_only {
            // Nothing to be done about a failure: the name is a leftover then, as after a kill.
            let _ = self.close_door();
        }
        // A daemon may have closed all its descriptors and got this number for another file.
        if self.is_file_ours() {
            // SAFETY: dropped once, here, and not used below.
            unsafe { ManuallyDrop::drop(&mut self.file) };
        }
    }
}
