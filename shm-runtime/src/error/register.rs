//! Why a structure could not be registered, found or erased at run time.

use core::fmt;
use std::error::Error;
use std::io;

/// A structure could not be registered, found or erased.
#[derive(Debug)]
#[non_exhaustive]
pub enum RegisterError {
    /// The name is not one that a structure can have.
    BadName {
        /// The name.
        name: String,
    },
    /// The table has an entry of that name.
    Taken {
        /// The name.
        name: String,
    },
    /// The table has no such entry, or none that was registered.
    NotFound {
        /// The name.
        name: String,
    },
    /// The structure of that name has another shape.
    Mismatch {
        /// The name.
        name: String,
        /// This program's shape.
        here: String,
        /// The segment's.
        there: String,
    },
    /// Every entry of the table is in use.
    TableFull {
        /// How many there are.
        capacity: usize,
    },
    /// The segment has no room for it.
    NoRoom {
        /// Bytes that it needs.
        needed: u64,
        /// The most that are free in one piece.
        largest: u64,
    },
    /// The file system has no room for it.
    NoMemory {
        /// Bytes that are free.
        free: u64,
    },
    /// Only one structure at a time can be registered, not a schema or an array of structures.
    NotOne,
    /// The program's schema has another number of lanes than the segment.
    Lanes {
        /// This program's.
        here: usize,
        /// The segment's.
        there: usize,
    },
    /// Another process is changing the table and does not come to an end: a stopped process.
    Busy,
    /// The segment was opened read-only.
    ReadOnly,
    /// The table, or what belongs to the structure, is damaged.
    Corrupt {
        /// In what way.
        why: String,
    },
    /// A system call failed.
    System {
        /// What was being done.
        doing: &'static str,
        /// The system's error.
        source: io::Error,
    },
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadName { name } => write!(
                f,
                "`{name}` cannot be a structure's name; use 1 to 31 of A-Z a-z 0-9 _ -"
            ),
            Self::Taken { name } => write!(
                f,
                "the segment has a structure `{name}`; `find` it, or choose another name"
            ),
            Self::NotFound { name } => write!(f, "no structure `{name}` is registered"),
            Self::Mismatch { name, here, there } => write!(
                f,
                "`{name}` has another shape: here {here}, there {there}"
            ),
            Self::TableFull { capacity } => write!(
                f,
                "all {capacity} entries of the table are in use; create the segment with `.spare(entries, bytes)`"
            ),
            Self::NoRoom { needed, largest } => write!(
                f,
                "{needed} bytes are needed and {largest} are free in one piece; create the segment with \
                 `.spare(entries, bytes)`"
            ),
            Self::NoMemory { free } => write!(
                f,
                "/dev/shm is full, {free} bytes are free; make it larger (in a container: `--shm-size`)"
            ),
            Self::NotOne => f.write_str(
                "only single structures can be registered; register the parts of a schema or array one by one",
            ),
            Self::Lanes { here, there } => write!(
                f,
                "the structure's memory depends on the lanes, of which this program's schema has {here} and the \
                 segment {there}; give the schema `#[shm(lanes = {there})]`"
            ),
            Self::Busy => f.write_str(
                "a process that does not come to an end is changing the table; resume or kill it",
            ),
            Self::ReadOnly => {
                f.write_str("the segment was opened read-only; open it without `.read_only()`")
            }
            Self::Corrupt { why } => write!(f, "the segment is damaged: {why}"),
            Self::System { doing, source } => write!(f, "{doing} failed: {source}"),
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
