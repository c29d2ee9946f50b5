//! Being alive is holding a lock byte: the protocol by which processes come, go and are missed.
//!
//! The bytes lie far behind the end of the file, so they cost nothing:
//!
//! | byte | who holds it |
//! |---|---|
//! | `BASE + slot` | the participant in that slot, exclusively, as long as its address space lives |
//! | `BASE + 1024` | every read-only attachment, shared |
//! | all of those | who removes the name, for a moment: nobody is attached and nobody can come |
//! | `BASE + 2048 + slot` | who moves into that slot, for a moment |
//! | `BASE + 4096 + lane` | who settles a dead participant's lane |
//! | `BASE + 8192` | who changes the table |
//!
//! A slot's byte is locked only once its generation is a new one, so a byte that is held under an old generation
//! is the old holder's: the dead do not come alive for the moment in which somebody takes their slot over.
//!
//! Nobody removes a name without the lock on all, so a name that a successor took is never hit.

use crate::posix::file::{self, Stat};
use crate::posix::lock::{self, Range};
use crate::seeded::{Bug, seeded};
use core::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The first lock byte: slot 0's.
const BASE: i64 = 1 << 40;
/// Most slots.
pub const MAX_SLOTS: u32 = 1024;
/// The byte that read-only attachments share.
pub const READERS: Range = one(MAX_SLOTS as i64);
/// The bytes of all slots and of the readers.
pub const ALL: Range = Range {
    start: BASE,
    len: MAX_SLOTS as i64 + 1,
};
/// The byte of who changes the table.
pub const REGISTRATION: Range = one(8192);

/// How long an opener waits by default for somebody who is removing the name.
pub const PATIENCE: Duration = Duration::from_secs(1);
/// How often it looks again.
const PAUSE: Duration = Duration::from_micros(200);

const fn one(byte: i64) -> Range {
    Range {
        start: BASE + byte,
        len: 1,
    }
}

/// The byte of a slot.
pub const fn slot(slot: u32) -> Range {
    one(slot as i64)
}

/// The byte of who moves into a slot.
const fn door(slot: u32) -> Range {
    one(2048 + slot as i64)
}

/// The byte of who settles a lane.
pub const fn lane(lane: u32) -> Range {
    one(4096 + lane as i64)
}

/// Why an attachment could not be registered.
#[derive(Debug)]
#[non_exhaustive]
pub enum AttachError {
    /// Every slot is taken.
    Full {
        /// How many there are.
        limit: u32,
    },
    /// Somebody is removing the name and does not come to an end.
    Closing,
    /// The attachment is read-only, so it has no slot.
    ReadOnly,
    /// A system call failed.
    System(io::Error),
}

impl From<io::Error> for AttachError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl fmt::Display for AttachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { limit } => write!(f, "all {limit} participant slots are taken"),
            Self::Closing => f.write_str("the segment is being removed"),
            Self::ReadOnly => f.write_str("a read-only attachment has no slot"),
            Self::System(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AttachError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::System(error) => Some(error),
            _ => None,
        }
    }
}

/// A segment's file, and where it is found.
#[derive(Clone, Debug)]
pub struct Place {
    /// The name's path.
    pub path: PathBuf,
    /// The file that the name led to, or will lead to.
    pub stat: Stat,
}

impl Place {
    /// Whether the name leads to the file now.
    pub fn leads_here(&self) -> bool {
        file::stat_name(&self.path).is_ok_and(|found| found.same_file(&self.stat))
    }

    /// Opens the file as a new description: through `known`, or by name where that fails.
    ///
    /// # Errors
    ///
    /// Where neither way leads to the file.
    pub fn reopen(&self, known: &File, writable: bool) -> io::Result<File> {
        let again = file::reopen(known, writable).and_then(|file| self.verify(file));
        again.or_else(|_| self.verify(file::open(&self.path, writable)?))
    }

    fn verify(&self, file: File) -> io::Result<File> {
        if file::stat(&file)?.same_file(&self.stat) {
            Ok(file)
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    }
}

/// Takes the first free slot's byte, through a description opened for this. `prepare` runs before the byte is
/// held, while nobody else can have it: it gives the slot a new generation.
///
/// Waits until `deadline` for somebody who is removing the name.
///
/// # Errors
///
/// [`AttachError::Full`], [`AttachError::Closing`], or of the system.
pub fn take_slot(
    file: &File,
    slots: u32,
    deadline: Instant,
    prepare: impl Fn(u32),
) -> Result<u32, AttachError> {
    loop {
        for candidate in 0..slots {
            if lock::query(file, slot(candidate))?.is_none()
                && lock::try_exclusive(file, door(candidate))?
            {
                let taken = move_in(file, candidate, &prepare);
                lock::unlock(file, door(candidate))?;
                if taken? {
                    return Ok(candidate);
                }
            }
        }
        if all_taken(file, slots)? {
            return Err(AttachError::Full { limit: slots });
        }
        // Somebody had all bytes for a moment, or left meanwhile.
        pause_until(deadline)?;
    }
}

/// Takes the byte of a slot whose door is locked, if it is free.
fn move_in(file: &File, candidate: u32, prepare: impl Fn(u32)) -> io::Result<bool> {
    if lock::query(file, slot(candidate))?.is_some() {
        return Ok(false);
    }
    if seeded(Bug::GenerationBehindLock) {
        let taken = lock::try_exclusive(file, slot(candidate));
        prepare(candidate);
        return taken;
    }
    prepare(candidate);
    lock::try_exclusive(file, slot(candidate)) // refused to nobody but who has all bytes
}

/// Whether every slot's byte is held by a participant or about to be, and none by somebody who holds them all.
fn all_taken(file: &File, slots: u32) -> io::Result<bool> {
    for candidate in 0..slots {
        match lock::query(file, slot(candidate))? {
            Some(held) if held.range.len == 1 => {}
            None if lock::query(file, door(candidate))?.is_some() => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// Takes a share of the readers' byte, through a description opened for this.
///
/// # Errors
///
/// [`AttachError::Closing`], or of the system.
pub fn take_reader(file: &File, deadline: Instant) -> Result<(), AttachError> {
    while !lock::try_shared(file, READERS)? {
        pause_until(deadline)?;
    }
    Ok(())
}

fn pause_until(deadline: Instant) -> Result<(), AttachError> {
    if Instant::now() >= deadline {
        return Err(AttachError::Closing);
    }
    std::thread::sleep(PAUSE);
    Ok(())
}

/// Whether anybody holds a slot's or the readers' byte, or all.
///
/// # Errors
///
/// Of the system.
pub fn is_anybody_there(file: &File) -> io::Result<bool> {
    lock::query(file, ALL).map(|held| held.is_some())
}

/// What came of an attempt to remove a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// The name is gone, or leads to another file.
    Gone,
    /// Somebody is attached.
    Attached,
    /// Somebody else is about to remove it.
    Closing,
}

/// Removes the name of a segment that nobody is attached to, through a description opened for this.
///
/// # Errors
///
/// Of the system: not everybody may remove a name from /dev/shm.
pub fn remove_if_deserted(file: &File, path: &Path) -> io::Result<Removal> {
    let alone = if seeded(Bug::LeaveWithoutLock) {
        !is_anybody_there(file)?
    } else {
        lock::try_exclusive(file, ALL)?
    };
    if !alone {
        let held = lock::query(file, ALL)?;
        return Ok(match held {
            Some(held) if held.range.len == 1 => Removal::Attached,
            _ => Removal::Closing,
        });
    }
    // Nobody is attached, and nobody can be before the lock is gone: with `file`, or here.
    let place = Place {
        path: path.to_owned(),
        stat: file::stat(file)?,
    };
    let removed = if place.leads_here() {
        file::unlink(path)
    } else {
        Ok(())
    };
    lock::unlock(file, ALL)?;
    removed.map(|()| Removal::Gone)
}
