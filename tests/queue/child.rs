//! Forked children.

use std::time::{Duration, Instant};

/// Long enough for anything that does not hang, on a machine as busy as it may be.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A forked child; killed and reaped when dropped.
#[derive(Debug)]
pub struct Child {
    pid: libc::pid_t,
    reaped: bool,
}

impl Child {
    /// A child that runs `body` and exits with 0, or with 101 where it panics.
    pub fn fork(body: impl FnOnce()) -> Self {
        // SAFETY: the child runs `body` and exits without returning into the test harness.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0);
        if pid == 0 {
            std::panic::set_hook(Box::new(|why| {
                let text = format!("in a child: {why}\n");
                // SAFETY: writes a live buffer; the harness's capture would swallow it otherwise.
                unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
            }));
            let held = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
            let code = if held.is_ok() { 0 } else { 101 };
            // SAFETY: ends the child at once.
            unsafe { libc::_exit(code) };
        }
        Self { pid, reaped: false }
    }

    /// Its process id.
    pub fn pid(&self) -> libc::pid_t {
        self.pid
    }

    fn signal(&self, signal: libc::c_int) {
        // SAFETY: a child of this process that was not reaped, so the id is its own.
        let sent = unsafe { libc::kill(self.pid, signal) };
        assert_eq!(sent, 0);
    }

    fn wait_for(&mut self, options: libc::c_int) -> Option<libc::c_int> {
        let mut status = 0;
        // SAFETY: waits for a child of this process, into a live integer.
        let waited = unsafe { libc::waitpid(self.pid, &raw mut status, options) };
        assert!(waited >= 0);
        if waited == 0 {
            return None;
        }
        self.reaped = !libc::WIFSTOPPED(status);
        Some(status)
    }

    /// Kills it; returns when it is gone. Whether it was still running.
    pub fn kill(mut self) -> bool {
        self.signal(libc::SIGKILL);
        let status = self.wait_for(0).unwrap();
        assert!(
            !libc::WIFEXITED(status) || libc::WEXITSTATUS(status) == 0,
            "the child panicked"
        );
        libc::WIFSIGNALED(status)
    }

    /// Stops it; returns when it does not run any more.
    pub fn stop(&mut self) {
        self.signal(libc::SIGSTOP);
        let status = self.wait_for(libc::WUNTRACED).unwrap();
        assert!(
            libc::WIFSTOPPED(status),
            "the child ended: status {status:#x}"
        );
    }

    /// Lets it go on.
    pub fn go_on(&self) {
        self.signal(libc::SIGCONT);
    }

    /// Waits for it to exit by itself.
    pub fn join(mut self) {
        let status = until("a child ends", || self.wait_for(libc::WNOHANG));
        assert!(libc::WIFEXITED(status), "a child died: status {status:#x}");
        assert_eq!(libc::WEXITSTATUS(status), 0, "a child panicked");
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.reaped {
            // SAFETY: as in `signal`.
            unsafe { libc::kill(self.pid, libc::SIGKILL) };
            // SAFETY: as in `wait_for`.
            unsafe { libc::waitpid(self.pid, core::ptr::null_mut(), 0) };
        }
    }
}

/// Asks until there is an answer; panics where there is none for so long that something hangs.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "waited too long until {what}");
        std::thread::sleep(Duration::from_micros(100));
    }
}

/// As [`until`], for a condition.
pub fn until_true(what: &str, mut ask: impl FnMut() -> bool) {
    until(what, || ask().then_some(()));
}
