//! How a role learns that its program is gone.
//!
//! The program that starts a role holds the writing end of a pipe that is the role's standard
//! input, and never writes to it. However the program ends, by Ctrl-C or `kill -9`, the kernel
//! closes that end, and the role reads the end of the file. It then leaves the segment in order;
//! the last one to leave removes it. No signal handler is needed.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Says whether the program that started this role is still there.
#[derive(Clone, Debug)]
pub(crate) struct Lifeline {
    cut: Arc<AtomicBool>,
}

impl Lifeline {
    /// Watches standard input from a thread of its own.
    pub(crate) fn hold() -> Self {
        let cut = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&cut);
        std::thread::spawn(move || {
            let mut byte = [0];
            while !matches!(std::io::stdin().read(&mut byte), Ok(0) | Err(_)) {}
            seen.store(true, Ordering::Relaxed); // a flag alone: nothing is read behind it
        });
        Self { cut }
    }

    /// Whether the program is gone.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed) // see `hold`
    }

    /// Waits for `duration`, or less where the program goes meanwhile; says whether it is there.
    pub(crate) fn rest(&self, duration: Duration) -> bool {
        let end = Instant::now() + duration;
        while !self.is_cut() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(Duration::from_millis(20)));
        }
        false
    }
}
