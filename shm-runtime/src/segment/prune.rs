//! Sweeping what crashes left behind.

use super::leftover::{Leftover, remove_hidden, remove_leftover};
use super::name;
use crate::memory::liveness::Removal;
use crate::posix::{file, process};
use std::io;

/// Removes the segments of this user that nobody is attached to and that are not persistent: what was
/// left when the last process that was attached got killed. Returns their names.
///
/// Files that are no segments, and segments of other users, are left alone.
///
/// # Errors
///
/// Where /dev/shm cannot be listed.
pub fn prune() -> io::Result<Vec<String>> {
    let mut removed = Vec::new();
    for entry in std::fs::read_dir(name::directory())? {
        let Ok(name) = entry?.file_name().into_string() else {
            continue; // no name of ours
        };
        if !name.starts_with(name::HIDDEN) && name::check(&name).is_err() {
            continue;
        }
        if let Some(name) = sweep(name) {
            removed.push(name);
        }
    }
    Ok(removed)
}

/// Removes the file of that name if it is a leftover; what cannot be looked into is left alone.
fn sweep(name: String) -> Option<String> {
    let path = name::directory().join(&name);
    // Looked at by name first: opening a device can have effects.
    let regular = |stat: &file::Stat| stat.kind == file::Kind::Regular;
    let stat = file::stat_name(&path).ok().filter(regular)?;
    if stat.uid != process::effective_user() {
        return None;
    }
    let file = file::open(&path, true).ok()?;
    if name.starts_with(name::HIDDEN) {
        return matches!(remove_hidden(&file, &path), Ok(Removal::Gone)).then_some(name);
    }
    match remove_leftover(&name, &file, &path) {
        Ok(Leftover::Removed(Removal::Gone)) => Some(name),
        _ => None,
    }
}
