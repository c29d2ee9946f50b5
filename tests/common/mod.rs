//! What the lifecycle tests share: schemas, unique names, children.

#![allow(dead_code, unreachable_pub)] // each test file uses a part of it

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// A name that no other test and no other run has.
pub fn unique(test: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("shm-test-{test}-{}-{count}", std::process::id())
}

/// Where a segment's file is.
pub fn path(name: &str) -> PathBuf {
    PathBuf::from("/dev/shm").join(name)
}

/// Whether a segment's file is there.
pub fn exists(name: &str) -> bool {
    path(name).symlink_metadata().is_ok()
}

/// Removes a file under a name when dropped, whatever a test does.
#[derive(Debug)]
pub struct Cleanup(pub String);

impl Drop for Cleanup {
    fn drop(&mut self) {
        let path = path(&self.0);
        let _ = std::fs::remove_file(&path);
        let _ = std::fs::remove_dir(&path);
    }
}
