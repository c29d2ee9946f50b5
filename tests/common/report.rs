//! What a suite did, in figures that a program reads: lines of JSON under the directory that `SHM_REPORT` names.

#![allow(dead_code, unreachable_pub)] // each suite counts some of it

use std::io::Write;
use std::time::Instant;

/// What was done to one operation, or in one scenario; what does not apply is zero.
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// `structure.operation, state`.
    pub operation: String,
    /// Instructions that the operation takes alone.
    pub instructions: u64,
    /// Instructions or system calls behind which a process was really killed.
    pub kill_points: u64,
    /// Different images of the segment that a kill or a stop leaves.
    pub images: u64,
    /// Those that a kill during recovery leaves besides.
    pub recovery_images: u64,
    /// Schedules of several processes, or of a process and its signal handlers.
    pub schedules: u64,
    /// Survivors that looked.
    pub survivors: u64,
    /// Processes that were killed at random.
    pub kills: u64,
    /// Images that were overwritten.
    pub hostile: u64,
    /// What must not be seen, and was.
    pub violations: u64,
    /// How long it took.
    pub seconds: f64,
}

impl Line {
    pub fn of(operation: &str) -> Self {
        Self {
            operation: operation.to_owned(),
            ..Self::default()
        }
    }

    /// Adds a line for so many schedules of the model that the calling test runs.
    pub fn models(schedules: u64, start: Instant) {
        let thread = std::thread::current();
        let line = Self {
            schedules,
            ..Self::of(thread.name().unwrap_or_default())
        };
        line.since(start).append("models");
    }

    /// With the time since `start`.
    pub fn since(mut self, start: Instant) -> Self {
        self.seconds = start.elapsed().as_secs_f64();
        self
    }

    /// Adds the line to the suite's file, if a report is asked for.
    pub fn append(&self, suite: &str) {
        let Some(directory) = std::env::var_os("SHM_REPORT") else {
            return;
        };
        let build = if cfg!(debug_assertions) {
            "debug"
        } else {
            "release"
        };
        let line = serde_json::json!({
            "suite": suite,
            "operation": self.operation,
            "build": build,
            "instructions": self.instructions,
            "kill_points": self.kill_points,
            "images": self.images,
            "recovery_images": self.recovery_images,
            "schedules": self.schedules,
            "survivors": self.survivors,
            "kills": self.kills,
            "hostile": self.hostile,
            "violations": self.violations,
            "seconds": self.seconds,
        });
        let path = std::path::Path::new(&directory).join(suite);
        let file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(path.with_extension("ndjson"));
        // one write: suites may run at a time
        file.unwrap()
            .write_all(format!("{line}\n").as_bytes())
            .unwrap();
    }
}
