//! What can go wrong, as types.
//!
//! Setting up returns rich errors that carry the segment's name, what was found, what was expected and
//! what to do; `source()` leads to the system's error where there is one. Operations on structures
//! return `Option`, [`Full`] or [`Timeout`], and give back what they took.

use core::fmt;
use std::error::Error;
use std::io;

mod dynamic;
mod open;
mod register;

pub use dynamic::{FieldError, SchemaError, ValueError};
pub use open::{Change, FieldChange, OpenError, SchemaMismatch};
pub use register::RegisterError;

/// There was no room for the value, which comes back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Full<T>(
    /// The value.
    pub T,
);

impl<T> fmt::Debug for Full<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Full(_)")
    }
}

impl<T> fmt::Display for Full<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no room for the value")
    }
}

impl<T> Error for Full<T> {}

/// The time was up before there was something to return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout;

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("timed out")
    }
}

impl Error for Timeout {}

/// Writers were faster than a copy, which is therefore no whole value; trying again may succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outrun;

impl fmt::Display for Outrun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("replaced by writers while it was copied")
    }
}

impl Error for Outrun {}

/// Every lane is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoLane;

impl fmt::Display for NoLane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("every lane is in use; give the schema more with #[shm(lanes = …)]")
    }
}

impl Error for NoLane {}

/// A segment could not be created.
#[derive(Debug)]
#[non_exhaustive]
pub enum CreateError {
    /// The name is not one that a segment can have.
    BadName {
        /// The name.
        segment: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The name is taken.
    AlreadyExists {
        /// The segment's name.
        segment: String,
        /// By what.
        holder: Holder,
    },
    /// The segment would be larger than it may be.
    TooLarge {
        /// The segment's name.
        segment: String,
        /// Bytes that it would have.
        size: u64,
        /// Bytes that it may have.
        limit: u64,
    },
    /// The file system has no room for it.
    NoRoom {
        /// The segment's name.
        segment: String,
        /// Bytes that it needs.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// There is no /dev/shm.
    NoSharedMemory {
        /// The segment's name.
        segment: String,
    },
    /// No segment can have the schema, which was described at run time.
    Schema {
        /// The segment's name.
        segment: String,
        /// What is wrong with it.
        source: SchemaError,
    },
    /// The new segment could not be attached to.
    Attach {
        /// Why.
        source: OpenError,
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

/// What holds a name that a new segment should have had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Holder {
    /// A segment that somebody is attached to.
    Segment,
    /// A segment that somebody is removing who does not come to an end: a stopped process.
    Closing,
    /// A segment that stays when nobody is attached.
    Persistent,
    /// A file that is no segment, or one too damaged to tell.
    Foreign,
    /// A file of another user, which this one may not even look into.
    Unreadable {
        /// That user.
        owner: u32,
    },
    /// A leftover that belongs to another user, who alone can remove it.
    OthersLeftover {
        /// That user.
        owner: u32,
    },
}

impl CreateError {
    /// The segment's name.
    pub fn segment(&self) -> &str {
        match self {
            Self::BadName { segment, .. }
            | Self::AlreadyExists { segment, .. }
            | Self::TooLarge { segment, .. }
            | Self::NoRoom { segment, .. }
            | Self::NoSharedMemory { segment }
            | Self::Schema { segment, .. }
            | Self::System { segment, .. } => segment,
            Self::Attach { source } => source.segment(),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Segment => f.write_str(
                "somebody is attached to a segment of that name; use `open` or `open_or_create` to join",
            ),
            Self::Closing => f.write_str(
                "a process that does not come to an end is removing a segment of that name; resume or kill it",
            ),
            Self::Persistent => f.write_str(
                "a persistent segment has that name; `open` it, or remove it with `unlink`",
            ),
            Self::Foreign => f.write_str(
                "a file that is no whole segment has that name; remove it by hand or choose another name",
            ),
            Self::Unreadable { owner } => write!(
                f,
                "user {owner} has a file of that name; choose another name"
            ),
            Self::OthersLeftover { owner } => write!(
                f,
                "user {owner} left a segment of that name behind; only that user's next create or prune can remove it"
            ),
        }
    }
}

impl fmt::Display for CreateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadName { segment, why } => bad_name(f, segment, why),
            Self::AlreadyExists { segment, holder } => {
                write!(f, "segment `{segment}` cannot be created: {holder}")
            }
            Self::TooLarge {
                segment,
                size,
                limit,
            } => write!(
                f,
                "segment `{segment}` would have {size} bytes, and {limit} is the limit"
            ),
            Self::NoRoom {
                segment,
                needed,
                free,
            } => write!(
                f,
                "segment `{segment}` needs {needed} bytes, and /dev/shm has {free} free; make it larger (in a \
                 container: `--shm-size`), or create with `.sparse()` if most of it stays untouched"
            ),
            Self::NoSharedMemory { segment } => no_shared_memory(f, segment),
            Self::Schema { segment, source } => {
                write!(f, "segment `{segment}` cannot be created: {source}")
            }
            Self::Attach { source } => source.fmt(f),
            Self::System {
                segment,
                doing,
                source,
            } => write!(f, "segment `{segment}`: {doing} failed: {source}"),
        }
    }
}

fn bad_name(f: &mut fmt::Formatter<'_>, segment: &str, why: &str) -> fmt::Result {
    write!(
        f,
        "`{segment}` cannot be a segment's name: {why}; use 1 to 200 of A-Z a-z 0-9 . _ - and no leading dot"
    )
}

fn no_shared_memory(f: &mut fmt::Formatter<'_>, segment: &str) -> fmt::Result {
    write!(
        f,
        "segment `{segment}`: this system has no /dev/shm; mount one: `mount -t tmpfs tmpfs /dev/shm`"
    )
}

impl Error for CreateError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::System { source, .. } => Some(source),
            Self::Attach { source } => source.source(),
            Self::Schema { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// A segment could be neither opened nor created.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenOrCreateError {
    /// There is one, but it could not be opened.
    Open(OpenError),
    /// There is none, and it could not be created.
    Create(CreateError),
}

impl fmt::Display for OpenOrCreateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(error) => error.fmt(f),
            Self::Create(error) => error.fmt(f),
        }
    }
}

impl Error for OpenOrCreateError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Open(error) => error.source(),
            Self::Create(error) => error.source(),
        }
    }
}

impl From<OpenError> for OpenOrCreateError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

impl From<CreateError> for OpenOrCreateError {
    fn from(error: CreateError) -> Self {
        Self::Create(error)
    }
}
