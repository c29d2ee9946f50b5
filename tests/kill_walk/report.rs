//! What was done, in numbers.

use super::line::Line;
use std::fmt;
use std::time::Instant;

/// The figures of one scenario, or of several.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    pub name: String,
    /// Instructions of the operation, alone.
    pub instructions: usize,
    /// The longest recovery.
    pub recovery_instructions: usize,
    /// Real kills, one behind each instruction.
    pub kill_points: usize,
    /// Images of the memory that a kill or stop can leave.
    pub images: usize,
    /// Images that kills during recovery leave besides.
    pub recovery_images: usize,
    /// Schedules of two processes, or of a process and its signal handler.
    pub schedules: usize,
    /// Programs of survivors that were run and compared.
    pub survivors: usize,
    /// What must not be seen, and was.
    pub violations: usize,
}

impl Figures {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// Adds them to the layer's report, if one is asked for.
    pub fn append(&self, layer: &str, start: Instant) {
        let line = Line {
            instructions: self.instructions as u64,
            kill_points: self.kill_points as u64,
            images: self.images as u64,
            recovery_images: self.recovery_images as u64,
            schedules: self.schedules as u64,
            survivors: self.survivors as u64,
            violations: self.violations as u64,
            ..Line::of(&self.name)
        };
        line.since(start).append(layer);
    }

    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        self.instructions += other.instructions;
        self.recovery_instructions = self.recovery_instructions.max(other.recovery_instructions);
        self.kill_points += other.kill_points;
        self.images += other.images;
        self.recovery_images += other.recovery_images;
        self.schedules += other.schedules;
        self.survivors += other.survivors;
        self.violations += other.violations;
    }

    pub fn header() -> String {
        format!(
            "{:<52} {:>7} {:>7} {:>7} {:>7} {:>8} {:>9} {:>9}",
            "operation, state",
            "instr.",
            "kills",
            "images",
            "in rec.",
            "longest",
            "schedules",
            "survivors"
        )
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<52} {:>7} {:>7} {:>7} {:>7} {:>8} {:>9} {:>9}",
            self.name,
            self.instructions,
            self.kill_points,
            self.images,
            self.recovery_images,
            self.recovery_instructions,
            self.schedules,
            self.survivors
        )
    }
}
