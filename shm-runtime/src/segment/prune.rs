//! Sweeping what crashes left behind.

use super::inspect::Inspected;
use super::leftover::{Leftover, remove_hidden, remove_leftover};
use super::name;
use crate::memory::liveness::{self, Removal};
use crate::posix::{file, lock, process};
use crate::trace::span;
use std::fs::File;
use std::io;
use std::path::Path;

/// Removes the segments of this user that nobody is attached to and that are not persistent: what was
/// left when the last process that was attached got killed. Returns their names.
///
/// Files that are no segments, and segments of other users, are left alone.
///
/// # Errors
///
/// Where /dev/shm cannot be listed.
pub fn prune() -> io::Result<Vec<String>> {
    span!("prune");
    each_name(sweep)
}

/// The names that [`prune`] would remove now.
///
/// # Errors
///
/// Where /dev/shm cannot be listed.
pub fn leftovers() -> io::Result<Vec<String>> {
    each_name(is_leftover)
}

/// The names that a segment may have and for which `done` is true.
fn each_name(
    mut done: impl FnMut(&str, &File, &Path) -> io::Result<bool>,
) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(name::directory())? {
        let Ok(name) = entry?.file_name().into_string() else {
            continue; // no name of ours
        };
        if !name.starts_with(name::HIDDEN) && name::check(&name).is_err() {
            continue;
        }
        let path = name::directory().join(&name);
        // What cannot be looked into is left alone.
        if own(&path).is_some_and(|file| done(&name, &file, &path).unwrap_or(false)) {
            names.push(name);
        }
    }
    Ok(names)
}

/// The file, if it is a regular one of this user.
fn own(path: &Path) -> Option<File> {
    // Looked at by name first: opening a device can have effects.
    let regular = |stat: &file::Stat| stat.kind == file::Kind::Regular;
    let stat = file::stat_name(path).ok().filter(regular)?;
    if stat.uid != process::effective_user() {
        return None;
    }
    file::open(path, true).ok()
}

/// Removes the file if it is a leftover, and says whether it was.
fn sweep(name: &str, file: &File, path: &Path) -> io::Result<bool> {
    if name.starts_with(name::HIDDEN) {
        return Ok(remove_hidden(file, path)? == Removal::Gone);
    }
    let left = remove_leftover(name, file, path)?;
    Ok(matches!(left, Leftover::Removed(Removal::Gone)))
}

/// Whether `sweep` would remove the file.
fn is_leftover(name: &str, file: &File, _: &Path) -> io::Result<bool> {
    let stat = file::stat(file)?;
    let may_go = if name.starts_with(name::HIDDEN) {
        lock::query(file, liveness::REGISTRATION)?.is_none()
    } else {
        Inspected::read(name, file, stat.size).is_ok_and(|found| !found.is_persistent())
    };
    Ok(may_go && stat.kind == file::Kind::Regular && !liveness::is_anybody_there(file)?)
}
