//! Why a structure could not be registered, found or erased at run time.

use core::fmt;
use std::error::Error;
use std::io;

/// A structure could not be registered, found or erased. The segment is as it was.
#[derive(Debug)]
#[non_exhaustive]
pub enum RegisterError {
    /// The name is not one that a structure can have.
    BadName {
        /// The segment's name.
        segment: String,
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The table has an entry of that name.
    Taken {
        /// The segment's name.
        segment: String,
        /// The name.
        name: String,
    },
    /// The table has no such entry.
    NotFound {
        /// The segment's name.
        segment: String,
        /// The name.
        name: String,
    },
    /// It is a field of the segment's schema, or the segment's own, and cannot be erased.
    Permanent {
        /// The segment's name.
        segment: String,
        /// The name.
        name: String,
    },
    /// The structure of that name has another shape.
    Mismatch {
        /// The segment's name.
        segment: String,
        /// The name.
        name: String,
        /// This program's shape.
        here: String,
        /// The segment's.
        there: String,
    },
    /// Every entry of the table is in use.
    TableFull {
        /// The segment's name.
        segment: String,
        /// How many there are.
        capacity: usize,
    },
    /// The segment has no room for it.
    NoRoom {
        /// The segment's name.
        segment: String,
        /// The name.
        name: String,
        /// Bytes that it needs, with what is stored around it.
        needed: u64,
        /// The most that are free in one piece.
        largest: u64,
        /// All that are free.
        free: u64,
    },
    /// The file system has no room for it.
    NoMemory {
        /// The segment's name.
        segment: String,
        /// Bytes that are free.
        free: u64,
    },
    /// Only one structure at a time can be registered, not a schema or an array of structures.
    NotOne {
        /// The segment's name.
        segment: String,
    },
    /// The program's schema has another number of lanes than the segment.
    Lanes {
        /// The segment's name.
        segment: String,
        /// This program's.
        here: usize,
        /// The segment's.
        there: usize,
    },
    /// Another process is changing the table and does not come to an end: a stopped process.
    Busy {
        /// The segment's name.
        segment: String,
        /// The process that began last, by its own number; for people, it may name somebody else here.
        process: u32,
    },
    /// The segment was opened read-only.
    ReadOnly {
        /// The segment's name.
        segment: String,
    },
    /// The table, or what belongs to the structure, is damaged.
    Corrupt {
        /// The segment's name.
        segment: String,
        /// In what way.
        why: String,
    },
    /// A system call failed.
    System {
        /// The segment's name.
        segment: String,
        /// What was being done.
        doing: &'static str,
        /// The system's error.
        source: io::Error,
    },
}

impl RegisterError {
    /// The segment's name.
    pub fn segment(&self) -> &str {
        match self {
            Self::BadName { segment, .. }
            | Self::Taken { segment, .. }
            | Self::NotFound { segment, .. }
            | Self::Permanent { segment, .. }
            | Self::Mismatch { segment, .. }
            | Self::TableFull { segment, .. }
            | Self::NoRoom { segment, .. }
            | Self::NoMemory { segment, .. }
            | Self::NotOne { segment }
            | Self::Lanes { segment, .. }
            | Self::Busy { segment, .. }
            | Self::ReadOnly { segment }
            | Self::Corrupt { segment, .. }
            | Self::System { segment, .. } => segment,
        }
    }
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "segment `{}`: ", self.segment())?;
        match self {
            Self::BadName { name, why, .. } => write!(
                f,
                "{name:?} cannot be a structure's name: {why}; use 1 to 31 bytes without `@` in front and \
                 without `.`, `[` and `]`"
            ),
            Self::Taken { name, .. } => write!(
                f,
                "there is a structure `{name}`; `find` it, `erase` it first, or choose another name"
            ),
            Self::NotFound { name, .. } => write!(
                f,
                "there is no structure `{name}`; `register` it first, or look at `Segment::table`"
            ),
            Self::Permanent { name, .. } => write!(
                f,
                "`{name}` belongs to the schema; only what was registered can be erased"
            ),
            Self::Mismatch {
                name, here, there, ..
            } => write!(
                f,
                "`{name}` has another shape: here {here}, there {there}; find it with the type that it was \
                 registered with"
            ),
            Self::TableFull { capacity, .. } => write!(
                f,
                "all {capacity} entries of the table are in use; `erase` something, or create the segment with \
                 `.spare(entries, bytes)`"
            ),
            Self::NoRoom {
                name,
                needed,
                largest,
                free,
                ..
            } => write!(
                f,
                "`{name}` needs {needed} bytes in one piece, and the largest free piece has {largest} of {free} that \
                 are free; `erase` something, or create the segment with `.spare(1, {needed})` or more"
            ),
            Self::NoMemory { free, .. } => write!(
                f,
                "/dev/shm is full, {free} bytes are free; make it larger (in a container: `--shm-size`), or create \
                 the segment with `.reserve(true)`"
            ),
            Self::NotOne { .. } => f.write_str(
                "only single structures can be registered; register the parts of a schema or array one by one",
            ),
            Self::Lanes { here, there, .. } => write!(
                f,
                "the structure's memory depends on the lanes, of which this program's schema has {here} and the \
                 segment {there}; give the schema `#[shm(lanes = {there})]`"
            ),
            Self::Busy { process, .. } => write!(
                f,
                "a process that does not come to an end is changing the table, perhaps {process}; resume or kill it, \
                 or open the segment with a longer `.register_wait(…)`"
            ),
            Self::ReadOnly { .. } => {
                f.write_str("it was opened read-only; open it without `.read_only()`")
            }
            Self::Corrupt { why, .. } => write!(f, "the table or a block is damaged: {why}"),
            Self::System { doing, source, .. } => write!(f, "{doing} failed: {source}"),
        }
    }
}

impl Error for RegisterError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::System { source, .. } => Some(source),
            _ => None,
        }
    }
}
