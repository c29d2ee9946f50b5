//! Children that are stopped and killed at every one of their steps.

#![allow(dead_code, unreachable_pub, unsafe_code)] // fork, ptrace

#[path = "pin.rs"]
mod pin;
#[path = "report.rs"]
pub mod report;

use report::Line;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

/// One test at a time: a child forked while another thread attaches would keep that thread's lock.
static ONE: Mutex<()> = Mutex::new(());

/// Holds the lock on that, and runs on one processor from now on.
pub fn alone() -> MutexGuard<'static, ()> {
    pin::pin();
    ONE.lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A forked child that is traced.
#[derive(Debug)]
pub struct Traced(libc::pid_t);

impl Traced {
    pub fn start(body: impl FnOnce()) -> Self {
        // SAFETY: the child runs `body` and exits without returning into the test harness.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0);
        if pid == 0 {
            // SAFETY: asks to be traced by the parent, then stops for it.
            unsafe { libc::ptrace(libc::PTRACE_TRACEME) };
            // SAFETY: as above.
            unsafe { libc::raise(libc::SIGSTOP) };
            let held = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
            // SAFETY: ends the child at once.
            unsafe { libc::_exit(i32::from(held.is_err())) };
        }
        let child = Self(pid);
        assert!(libc::WIFSTOPPED(child.wait()));
        let none = core::ptr::null_mut::<libc::c_void>();
        // SAFETY: a stopped child that this process traces: it is killed where this process fails.
        let set =
            unsafe { libc::ptrace(libc::PTRACE_SETOPTIONS, pid, none, libc::PTRACE_O_EXITKILL) };
        assert_eq!(set, 0);
        child
    }

    fn wait(&self) -> libc::c_int {
        let mut status = 0;
        // SAFETY: waits for a child of this process, into a live integer.
        let waited = unsafe { libc::waitpid(self.0, &raw mut status, 0) };
        assert_eq!(waited, self.0);
        status
    }

    /// Runs to the next entry into or exit from a system call; `false` where the child is done.
    pub fn step(&self) -> bool {
        self.resume(libc::PTRACE_SYSCALL)
    }

    /// Runs one instruction; `false` where the child is done.
    pub fn step_instruction(&self) -> bool {
        self.resume(libc::PTRACE_SINGLESTEP)
    }

    /// Runs to where the child stops itself with [`stop`].
    pub fn run_to_stop(&self) -> bool {
        self.resume(libc::PTRACE_CONT)
    }

    fn resume(&self, how: libc::c_uint) -> bool {
        let none = core::ptr::null_mut::<libc::c_void>();
        // SAFETY: lets a stopped child go on.
        let resumed = unsafe { libc::ptrace(how, self.0, none, none) };
        assert_eq!(resumed, 0);
        let status = self.wait();
        if libc::WIFEXITED(status) {
            assert_eq!(libc::WEXITSTATUS(status), 0, "the child panicked");
        }
        libc::WIFSTOPPED(status)
    }

    /// Steps it to its end: how many instructions that are, and behind which of them the file is another.
    pub fn changes(&self, file: &Path) -> (u64, Vec<u64>) {
        let file = File::open(file).unwrap();
        // the table, all that is the library's, and the first structures
        let (mut last, mut image) = ([0; 1 << 16], [0; 1 << 16]);
        let len = file.read_at(&mut last, 0).unwrap();
        let (mut steps, mut changes) = (0, Vec::new());
        while self.step_instruction() {
            steps += 1;
            file.read_exact_at(&mut image[..len], 0).unwrap();
            if image[..len] != last[..len] {
                core::mem::swap(&mut image, &mut last);
                changes.push(steps);
            }
        }
        (steps, changes)
    }

    pub fn kill(self) {
        // SAFETY: kills a child of this process that was not reaped.
        unsafe { libc::kill(self.0, libc::SIGKILL) };
        assert!(libc::WIFSIGNALED(self.wait()));
    }
}

/// Stops this process for whoever traces it.
pub fn stop() {
    // SAFETY: a signal to the own thread.
    unsafe { libc::raise(libc::SIGSTOP) };
}

/// Kills a child that runs `body` at every one of its system calls, each time in a world that `before`
/// makes anew, and has `after` look at what is left. `suite` and `operation` are for the report.
pub fn at_every_call<W>(
    [suite, operation]: [&str; 2],
    before: impl Fn() -> W,
    body: impl Fn(&W),
    after: impl Fn(W),
) {
    let _alone = alone();
    let start = Instant::now();
    for calls in 1.. {
        let world = before();
        let child = Traced::start(|| body(&world));
        if !(0..calls).all(|_| child.step()) {
            assert!(calls > 10, "the child made system calls");
            after(world);
            eprintln!("killed at each of {} stops", calls - 1);
            let line = Line {
                kill_points: calls - 1,
                survivors: calls,
                ..Line::of(operation)
            };
            return line.since(start).append(suite);
        }
        child.kill();
        after(world);
    }
}
