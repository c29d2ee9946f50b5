//! Locks of open file descriptions: the kernel's own record of who is alive.
//!
//! Such a lock belongs to one open file description. It is gone when the last descriptor and the last
//! mapping of that description are, whatever way the process ends, and before its parent can reap it.

#![allow(unsafe_code)] // system calls

use super::check;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// Bytes of a file, which may lie beyond its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// First byte.
    pub start: i64,
    /// How many; at least 1.
    pub len: i64,
}

/// A lock that another open file description holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The bytes that it covers.
    pub range: Range,
    /// Whether it excludes readers.
    pub exclusive: bool,
}

const READ: libc::c_int = libc::F_RDLCK;
const WRITE: libc::c_int = libc::F_WRLCK;
const NONE: libc::c_int = libc::F_UNLCK;

fn call(
    file: &File,
    command: libc::c_int,
    kind: libc::c_int,
    range: Range,
) -> io::Result<libc::flock> {
    let mut lock = libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: range.start,
        l_len: range.len,
        l_pid: 0,
    };
    // SAFETY: the three commands used here read and write one `flock`, which lives through the call.
    check(unsafe { libc::fcntl(file.as_raw_fd(), command, &raw mut lock) })?;
    Ok(lock)
}

fn try_lock(file: &File, kind: libc::c_int, range: Range) -> io::Result<bool> {
    match call(file, libc::F_OFD_SETLK, kind, range) {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Locks a range against everybody else; `false` where another description holds some of it.
///
/// # Errors
///
/// Of `fcntl`: the file must be open for writing.
pub fn try_exclusive(file: &File, range: Range) -> io::Result<bool> {
    try_lock(file, WRITE, range)
}

/// Locks a range against exclusive locks; `false` where another description holds one.
///
/// # Errors
///
/// Of `fcntl`.
pub fn try_shared(file: &File, range: Range) -> io::Result<bool> {
    try_lock(file, READ, range)
}

/// Gives a range back.
///
/// # Errors
///
/// Of `fcntl`.
pub fn unlock(file: &File, range: Range) -> io::Result<()> {
    call(file, libc::F_OFD_SETLK, NONE, range).map(drop)
}

/// A range that is locked through a description opened for that; unlocked when dropped, also for forked
/// children, which share the description.
#[derive(Debug)]
pub struct Locked {
    file: File,
    range: Range,
}

impl Locked {
    /// Locks a range against everybody else; `None` where another description holds some of it.
    ///
    /// # Errors
    ///
    /// Of `fcntl`: the file must be open for writing.
    pub fn try_new(file: File, range: Range) -> io::Result<Option<Self>> {
        Ok(try_exclusive(&file, range)?.then_some(Self { file, range }))
    }

    /// The description.
    pub fn file(&self) -> &File {
        &self.file
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // Cannot fail for a range that is locked; closing would do it too, but for forked children.
        let _ = unlock(&self.file, self.range);
    }
}

/// A lock on some of the range that another description holds, of either kind.
///
/// # Errors
///
/// Of `fcntl`.
pub fn query(file: &File, range: Range) -> io::Result<Option<Held>> {
    let found = call(file, libc::F_OFD_GETLK, WRITE, range)?;
    let kind = libc::c_int::from(found.l_type);
    Ok((kind != NONE).then_some(Held {
        range: Range {
            start: found.l_start,
            len: found.l_len,
        },
        exclusive: kind == WRITE,
    }))
}
