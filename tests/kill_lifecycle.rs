//! A process is killed at every system call of birth, opening and leaving. Promise P5.
//!
//! What others can see changes at system calls only (but for a slot's generation, which is bumped between
//! two of them), so every state that a kill can leave is one of these.

#![allow(unsafe_code)] // fork, ptrace

mod common;

use common::{Cleanup, exists, unique};
use shm_runtime::{Array, OpenError, Segment, ShmLayout, prune};
use std::sync::Mutex;

#[derive(Debug, ShmLayout)]
struct Sim {
    counts: Array<u64, 10>,
}

/// One test at a time: a child forked while another thread attaches would keep that thread's lock.
static ONE: Mutex<()> = Mutex::new(());

/// A forked child that is traced.
struct Traced(libc::pid_t);

impl Traced {
    fn start(body: impl FnOnce()) -> Self {
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
    fn step(&self) -> bool {
        let none = core::ptr::null_mut::<libc::c_void>();
        // SAFETY: lets a stopped child go on.
        let resumed = unsafe { libc::ptrace(libc::PTRACE_SYSCALL, self.0, none, none) };
        assert_eq!(resumed, 0);
        let status = self.wait();
        if libc::WIFEXITED(status) {
            assert_eq!(libc::WEXITSTATUS(status), 0, "the child panicked");
        }
        libc::WIFSTOPPED(status)
    }

    fn kill(self) {
        // SAFETY: kills a child of this process that was not reaped.
        unsafe { libc::kill(self.0, libc::SIGKILL) };
        assert!(libc::WIFSIGNALED(self.wait()));
    }
}

/// Kills a child that runs `body` at every one of its system calls, each time in a world that `before`
/// makes anew, and has `after` look at what is left.
fn at_every_call<W>(before: impl Fn() -> W, body: impl Fn(&W), after: impl Fn(W)) {
    let _alone = ONE
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    for calls in 1.. {
        let world = before();
        let child = Traced::start(|| body(&world));
        if !(0..calls).all(|_| child.step()) {
            assert!(calls > 20, "the child made system calls");
            after(world);
            eprintln!("killed at each of {} stops", calls - 1);
            return;
        }
        child.kill();
        after(world);
    }
}

/// The name is free or a leftover: a new segment can have it at once, and leaves nothing.
fn usable(name: &str) {
    assert!(matches!(Sim::open(name), Err(OpenError::NotFound { .. })));
    let sim = Sim::create(name).unwrap();
    assert_eq!(sim.counts.get(0), 0);
    assert_eq!(Segment::participants(&sim).unwrap().len(), 1);
    drop(sim);
    assert!(!exists(name));
}

#[test]
fn killed_while_creating() {
    let before = || Cleanup(unique("birth"));
    let body = |name: &Cleanup| {
        let sim = Sim::options()
            .init(|sim| sim.counts.set(0, 1))
            .create(&name.0)
            .unwrap();
        std::mem::forget(sim);
    };
    at_every_call(before, body, |name| usable(&name.0));
}

#[test]
fn killed_while_replacing_a_leftover() {
    let before = || {
        let name = Cleanup(unique("replace"));
        leave_behind(&name.0);
        name
    };
    let body = |name: &Cleanup| std::mem::forget(Sim::open_or_create(&name.0).unwrap());
    at_every_call(before, body, |name| usable(&name.0));
}

/// A segment whose only participant was killed.
fn leave_behind(name: &str) {
    let child = Traced::start(|| std::mem::forget(Sim::create(name).unwrap()));
    while child.step() {}
    assert!(exists(name));
}

#[test]
fn killed_while_pruning() {
    let before = || {
        let name = Cleanup(unique("prune"));
        leave_behind(&name.0);
        name
    };
    at_every_call(before, |_| drop(prune().unwrap()), |name| usable(&name.0));
}

#[test]
fn killed_while_opening_and_leaving_beside_others() {
    let before = || {
        let name = unique("beside");
        let sim = Sim::create(&name).unwrap();
        (name, sim)
    };
    let body = |(name, _): &(String, _)| {
        let sim = Sim::open(name).unwrap();
        sim.counts.set(3, 9);
    };
    let after = |(name, sim): (String, _)| {
        assert!(Segment::is_current(&sim), "who is attached keeps the name");
        assert_eq!(Segment::participants(&sim).unwrap().len(), 1);
        let other = Sim::open(&name).unwrap();
        assert_eq!(Segment::id(&other), Segment::id(&sim));
        drop((sim, other));
        assert!(!exists(&name));
    };
    at_every_call(before, body, after);
}

#[test]
fn killed_while_leaving_last() {
    let before = || Cleanup(unique("last"));
    let body = |name: &Cleanup| drop(Sim::create(&name.0).unwrap());
    at_every_call(before, body, |name| usable(&name.0));
}

#[test]
fn stopped_while_leaving_last() {
    let before = || Cleanup(unique("stopped"));
    let _alone = ONE
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut seen_closing = false;
    for calls in 1.. {
        let name = before();
        let child = Traced::start(|| drop(Sim::create(&name.0).unwrap()));
        if !(0..calls).all(|_| child.step()) {
            break;
        }
        // Stopped where it is. Whoever comes gets an answer in bounded time.
        match Sim::open(&name.0) {
            Err(OpenError::NotFound { .. }) => {}
            Err(OpenError::Closing { .. }) if !seen_closing => seen_closing = true,
            Ok(sim) => assert_eq!(Segment::participants(&sim).unwrap().len(), 2),
            Err(error) => panic!("{error}"),
        }
        child.kill();
        usable(&name.0);
        if seen_closing {
            return;
        }
    }
    panic!("no stop between lock and unlink was found");
}
