//! Leftovers: segments that nobody is attached to make way, and nothing else does.

use super::inspect::Inspected;
use crate::error::{CreateError, Holder, OpenError};
use crate::memory::liveness::{self, Removal};
use crate::posix::{file, lock, process};
use std::fs::File;
use std::io;
use std::path::Path;

pub(super) fn taken(segment: &str, holder: Holder) -> CreateError {
    CreateError::AlreadyExists {
        segment: segment.to_owned(),
        holder,
    }
}

/// Removes what has the name if it is a segment of ours that nobody is attached to.
pub(super) fn clear(segment: &str, path: &Path) -> Result<Removal, CreateError> {
    let owner = file::stat_name(path).map_or(0, |stat| stat.uid);
    let file = match file::open(path, true) {
        Ok(file) => file,
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound => return Ok(Removal::Gone),
            io::ErrorKind::PermissionDenied if owner != process::effective_user() => {
                return Err(taken(segment, Holder::Unreadable { owner }));
            }
            _ => return Err(taken(segment, Holder::Foreign)),
        },
    };
    match remove_leftover(segment, &file, path) {
        Ok(Leftover::Removed(removal)) => Ok(removal),
        Ok(Leftover::Persistent) => Err(taken(segment, Holder::Persistent)),
        Ok(Leftover::Foreign) => Err(taken(segment, Holder::Foreign)),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Err(taken(segment, Holder::OthersLeftover { owner }))
        }
        Err(source) => Err(CreateError::System {
            segment: segment.to_owned(),
            doing: "removing a leftover",
            source,
        }),
    }
}

/// What a file that may be a leftover turned out to be.
pub(super) enum Leftover {
    /// A segment; what came of its removal.
    Removed(Removal),
    /// A segment that stays.
    Persistent,
    /// No whole segment.
    Foreign,
}

/// Removes a segment that nobody is attached to and that is not to stay. The file is a description
/// opened for this.
pub(super) fn remove_leftover(segment: &str, file: &File, path: &Path) -> io::Result<Leftover> {
    let stat = file::stat(file)?;
    if stat.kind != file::Kind::Regular {
        return Ok(Leftover::Foreign);
    }
    match Inspected::read(segment, file, stat.size) {
        Ok(found) if found.is_persistent() => Ok(Leftover::Persistent),
        Ok(_) => liveness::remove_if_deserted(file, path).map(Leftover::Removed),
        Err(OpenError::System { source, .. }) => Err(source),
        Err(_) => Ok(Leftover::Foreign),
    }
}

/// Removes a hidden file that nobody is at any more; the file is a description opened for this.
pub(super) fn remove_hidden(file: &File, path: &Path) -> io::Result<Removal> {
    if !lock::try_exclusive(file, liveness::REGISTRATION)? {
        return Ok(Removal::Attached);
    }
    liveness::remove_if_deserted(file, path)
}

/// Whether a file is a segment, whole or damaged; an error where it is somebody else's file.
pub(super) fn outside(read: Result<Inspected, OpenError>) -> Result<(), OpenError> {
    match read {
        Err(
            error @ (OpenError::Empty { .. }
            | OpenError::Short { .. }
            | OpenError::Magic { .. }
            | OpenError::System { .. }),
        ) => Err(error),
        _ => Ok(()),
    }
}
