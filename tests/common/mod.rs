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

/// Runs one test of this test binary in a process of its own, with a role that it can ask for.
pub fn role_command(test: &str, role: &str, name: &str) -> std::process::Command {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1", "-q"]);
    command
        .env("SHM_TEST_ROLE", role)
        .env("SHM_TEST_NAME", name);
    command
}

/// The role and the segment's name, in a process that [`role_command`] started.
pub fn role() -> Option<(String, String)> {
    Some((
        std::env::var("SHM_TEST_ROLE").ok()?,
        std::env::var("SHM_TEST_NAME").ok()?,
    ))
}

/// A small generator; the seed is printed so that a failure can be repeated.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(test: &str) -> Self {
        let fresh = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 | 1;
        let seed = std::env::var("SHM_TEST_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or(fresh);
        eprintln!("{test}: SHM_TEST_SEED={seed}");
        Self(seed)
    }

    pub fn from_seed(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}
