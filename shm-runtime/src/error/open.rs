//! Why a segment could not be opened.

use super::{bad_name, no_shared_memory};
use core::fmt;
use std::error::Error;
use std::io;

/// A segment could not be opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The name is not one that a segment can have.
    BadName {
        /// The name.
        segment: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// There is no such segment, or nothing but a leftover that nobody is attached to.
    NotFound {
        /// The segment's name.
        segment: String,
    },
    /// There is no /dev/shm.
    NoSharedMemory {
        /// The segment's name.
        segment: String,
    },
    /// Somebody is removing the segment and does not come to an end: a stopped process.
    Closing {
        /// The segment's name.
        segment: String,
    },
    /// What is under the name is no regular file.
    NotRegular {
        /// The segment's name.
        segment: String,
        /// What it is: `a directory`.
        found: &'static str,
    },
    /// The file belongs to a user from whom no segment was expected.
    Owner {
        /// The segment's name.
        segment: String,
        /// Its owner.
        found: u32,
        /// The expected owner.
        expected: u32,
    },
    /// Users from whom no writes were expected may write to the file.
    WritableByOthers {
        /// The segment's name.
        segment: String,
        /// Its permission bits.
        found: u32,
        /// The most that were expected.
        expected: u32,
    },
    /// This process may not open the file.
    Denied {
        /// The segment's name.
        segment: String,
        /// Whether writing was asked for.
        writable: bool,
        /// The system's error.
        source: io::Error,
    },
    /// The file has no bytes.
    Empty {
        /// The segment's name.
        segment: String,
    },
    /// The file is too short to hold a table header.
    Short {
        /// The segment's name.
        segment: String,
        /// Its bytes.
        size: u64,
    },
    /// The file is shorter than the segment that it holds.
    Truncated {
        /// The segment's name.
        segment: String,
        /// Its bytes.
        size: u64,
        /// The segment's bytes.
        expected: u64,
    },
    /// The file's size is not the segment's.
    Size {
        /// The segment's name.
        segment: String,
        /// Its bytes.
        size: u64,
        /// The segment's bytes.
        expected: u64,
    },
    /// The segment is larger than `max_size` allows.
    TooLarge {
        /// The segment's name.
        segment: String,
        /// Its bytes.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// The file is no segment: it begins with another number.
    Magic {
        /// The segment's name.
        segment: String,
        /// The number.
        found: u32,
    },
    /// The segment's format is another version.
    Version {
        /// The segment's name.
        segment: String,
        /// Its version.
        found: u32,
        /// The version that this library reads.
        expected: u32,
    },
    /// The table is damaged.
    Table {
        /// The segment's name.
        segment: String,
        /// In what way.
        why: String,
    },
    /// The control block is damaged.
    Control {
        /// The segment's name.
        segment: String,
        /// In what way.
        why: String,
    },
    /// The descriptor is damaged, or does not belong to the table: only who opens a segment without its schema reads it.
    Descriptor {
        /// The segment's name.
        segment: String,
        /// In what way.
        why: String,
    },
    /// The segment has another schema.
    Schema(Box<SchemaMismatch>),
    /// Every participant slot is taken.
    TooManyParticipants {
        /// The segment's name.
        segment: String,
        /// How many slots there are.
        limit: usize,
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

impl OpenError {
    /// The segment's name.
    pub fn segment(&self) -> &str {
        match self {
            Self::BadName { segment, .. }
            | Self::NotFound { segment }
            | Self::NoSharedMemory { segment }
            | Self::Closing { segment }
            | Self::NotRegular { segment, .. }
            | Self::Owner { segment, .. }
            | Self::WritableByOthers { segment, .. }
            | Self::Denied { segment, .. }
            | Self::Empty { segment }
            | Self::Short { segment, .. }
            | Self::Truncated { segment, .. }
            | Self::Size { segment, .. }
            | Self::TooLarge { segment, .. }
            | Self::Magic { segment, .. }
            | Self::Version { segment, .. }
            | Self::Table { segment, .. }
            | Self::Control { segment, .. }
            | Self::Descriptor { segment, .. }
            | Self::TooManyParticipants { segment, .. }
            | Self::System { segment, .. } => segment,
            Self::Schema(mismatch) => &mismatch.segment,
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadName { segment, why } => return bad_name(f, segment, why),
            Self::NoSharedMemory { segment } => return no_shared_memory(f, segment),
            Self::Schema(mismatch) => return mismatch.fmt(f),
            _ => {}
        }
        write!(f, "segment `{}`", self.segment())?;
        self.finding(f)
    }
}

impl OpenError {
    /// What goes behind the segment's name.
    fn finding(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { .. } => f.write_str(
                " does not exist; `create` it first, `open_or_create` it, or `.wait(…)` for its creator",
            ),
            Self::Closing { .. } => f.write_str(
                " is being removed by a process that does not come to an end; resume or kill that process, or `.wait(…)` longer",
            ),
            Self::NotRegular { found, .. } => write!(
                f,
                " is {found}, not a regular file; remove it or choose another name"
            ),
            Self::Owner {
                found, expected, ..
            } => write!(
                f,
                " belongs to user {found}, expected {expected}; if that user is trusted, open with `.owner({found})`"
            ),
            Self::WritableByOthers {
                found, expected, ..
            } => write!(
                f,
                " has mode {found:04o}, so more users can write to it than {expected:04o} allows; if they are \
                 trusted, open with `.mode(0o{found:o})`"
            ),
            Self::Denied { writable: true, .. } => f.write_str(
                " may not be written by this user; ask its creator for `.mode(…)` and `.group(…)`, or open with `.read_only()`",
            ),
            Self::Denied { .. } => f.write_str(
                " may not be read by this user; ask its creator for `.mode(…)` and `.group(…)`",
            ),
            Self::TooManyParticipants { limit, .. } => write!(
                f,
                " has {limit} participants, which is its limit; give the schema more with `#[shm(lanes = {})]`",
                (limit * 4).min(1024)
            ),
            Self::System { doing, source, .. } => write!(f, ": {doing} failed: {source}"),
            _ => self.finding_in_bytes(f),
        }
    }

    /// As [`Self::finding`], for what the file's bytes say.
    fn finding_in_bytes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty { .. } => f.write_str(" is an empty file, not a segment; remove it"),
            Self::Short { size, .. } => write!(
                f,
                " has {size} bytes, fewer than the 16 of a table header; it is no segment, remove it"
            ),
            Self::Truncated { size, expected, .. } => write!(
                f,
                " was truncated: {size} of {expected} bytes are left; create it again"
            ),
            Self::Size { size, expected, .. } => write!(
                f,
                " has {size} bytes, but says that it has {expected}; create it again"
            ),
            Self::TooLarge { size, limit, .. } => write!(
                f,
                " has {size} bytes, and {limit} is the limit; raise it with `.max_size(…)`"
            ),
            Self::Magic { found, .. } => write!(
                f,
                " begins with {found:#010x}, not with a segment's magic number; the file is something else"
            ),
            Self::Version {
                found, expected, ..
            } => write!(
                f,
                " has format version {found:#x}, and this library reads {expected}; use the library that created it"
            ),
            Self::Table { why, .. } => {
                write!(f, " has a damaged table: {why}; create it again")
            }
            Self::Control { why, .. } => {
                write!(f, " has a damaged control block: {why}; create it again")
            }
            Self::Descriptor { why, .. } => {
                write!(f, " has a damaged descriptor: {why}; create it again")
            }
            _ => Ok(()),
        }
    }
}

impl Error for OpenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::System { source, .. } | Self::Denied { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// The schema of a segment is not the one that this program expects.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SchemaMismatch {
    /// The segment's name.
    pub segment: String,
    /// Every field of either, this program's first.
    pub fields: Vec<FieldChange>,
    /// Whether a subset was asked for, so that fields that only the segment has are none of our business.
    pub subset: bool,
}

/// How one field differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldChange {
    /// Its name in the table.
    pub name: String,
    /// How it differs.
    pub change: Change,
}

/// How a field of this program and one of the segment relate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// Equal shapes.
    Same {
        /// The shape.
        shape: String,
    },
    /// Both have it, in different shapes.
    Changed {
        /// This program's.
        here: String,
        /// The segment's.
        there: String,
    },
    /// The segment does not have it.
    Missing {
        /// This program's.
        here: String,
    },
    /// Only the segment has it.
    Extra {
        /// The segment's.
        there: String,
    },
}

impl fmt::Display for SchemaMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "segment `{}` has another schema than this program:",
            self.segment
        )?;
        for FieldChange { name, change } in &self.fields {
            match change {
                Change::Same { shape } => writeln!(f, "  same     {name}: {shape}")?,
                Change::Changed { here, there } => {
                    writeln!(f, "  changed  {name}: here {here}, there {there}")?;
                }
                Change::Missing { here } => {
                    writeln!(f, "  missing  {name}: here {here}, not in the segment")?;
                }
                Change::Extra { there } => {
                    writeln!(f, "  extra    {name}: there {there}, not in this program")?;
                }
            }
        }
        let only_extra = self
            .fields
            .iter()
            .all(|field| matches!(field.change, Change::Same { .. } | Change::Extra { .. }));
        f.write_str(if only_extra && !self.subset {
            "open it with `.subset()`, or build this program with the segment's schema"
        } else {
            "build this program with the segment's schema, or remove the segment and create it again"
        })
    }
}

impl Error for SchemaMismatch {}
