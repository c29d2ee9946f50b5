//! Processes, timers and signals.

use core::mem::zeroed;
use core::ptr::null_mut;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Release};

/// What became of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It came to its end.
    Well,
    /// It was killed.
    Killed,
    /// It is stopped.
    Stopped,
    /// It panicked, or died of anything else.
    Badly(i32),
}

/// Gives the processor away, wherever it interrupts.
extern "C" fn give_way(_: libc::c_int) {
    // SAFETY: async-signal-safe, no arguments; `errno` is not changed.
    unsafe { libc::sched_yield() };
}

/// Prepares the process that wages the war, before its first [`fork`].
pub fn prepare() {
    die_with_parent();
    std::panic::set_hook(Box::new(|why| {
        let text = format!("in the war: {why}\n");
        // SAFETY: writes a live buffer; the harness's capture would swallow it otherwise.
        unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
    }));
    // SAFETY: all-zero is a valid `sigaction`.
    let mut action: libc::sigaction = unsafe { zeroed() };
    action.sa_sigaction = give_way as extern "C" fn(libc::c_int) as usize;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: a handler that is async-signal-safe, in a live structure.
    let set = unsafe { libc::sigaction(libc::SIGVTALRM, &raw const action, null_mut()) };
    assert_eq!(set, 0);
}

fn die_with_parent() {
    // SAFETY: takes numbers.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
}

/// Ends this process by a signal in so many seconds, unless it is called again.
pub fn alarm(seconds: u32) {
    // SAFETY: takes a number.
    unsafe { libc::alarm(seconds) };
}

/// A child that runs `body` and ends.
pub fn fork(body: impl FnOnce()) -> i32 {
    // SAFETY: the child runs `body` and exits without returning into the caller.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "no more processes");
    if pid == 0 {
        die_with_parent();
        let held = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(if held.is_ok() { 0 } else { 101 }) };
    }
    pid
}

/// Waits for any child to end or to stop; `None` where none did and it is not to block.
pub fn wait(block: bool) -> Option<(i32, Ended)> {
    let mut status = 0;
    let options = libc::WUNTRACED | if block { 0 } else { libc::WNOHANG };
    // SAFETY: waits for children of this process, into a live integer.
    let pid = unsafe { libc::waitpid(-1, &raw mut status, options) };
    if pid <= 0 {
        return None;
    }
    let ended = match status {
        0 => Ended::Well,
        status if libc::WIFSTOPPED(status) => Ended::Stopped,
        status if libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGKILL => {
            Ended::Killed
        }
        status => Ended::Badly(status),
    };
    Some((pid, ended))
}

/// Sleeps until a gate is open.
pub fn wait_at(gate: &AtomicU32) {
    while gate.load(Acquire) == 0 {
        let none = core::ptr::null::<libc::timespec>();
        // SAFETY: a live word that is shared with whoever opens the gate; no time limit.
        unsafe { libc::syscall(libc::SYS_futex, gate.as_ptr(), libc::FUTEX_WAIT, 0, none) };
    }
}

/// Opens a gate.
pub fn open(gate: &AtomicU32) {
    gate.store(1, Release);
    // SAFETY: a live word.
    unsafe { libc::syscall(libc::SYS_futex, gate.as_ptr(), libc::FUTEX_WAKE, i32::MAX) };
}

/// Sleeps until a signal ends this process.
pub fn await_death() -> ! {
    loop {
        // SAFETY: no arguments.
        unsafe { libc::pause() };
    }
}

/// Waits for one child to end: its status.
pub fn wait_for(pid: i32) -> i32 {
    let mut status = 0;
    // SAFETY: waits for a child of this process, into a live integer.
    let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
    assert_eq!(waited, pid);
    status
}

/// Signals a child that was not waited for yet.
pub fn signal(pid: i32, signal: libc::c_int) {
    // SAFETY: a child of this process that was not reaped, so the id is its own.
    let sent = unsafe { libc::kill(pid, signal) };
    assert_eq!(sent, 0);
}

/// Has the kernel signal this process in so many nanoseconds, wherever it is then.
pub fn in_nanoseconds(delay: u64, signal: libc::c_int) {
    // SAFETY: all-zero is a valid `sigevent`.
    let mut event: libc::sigevent = unsafe { zeroed() };
    event.sigev_notify = libc::SIGEV_SIGNAL;
    event.sigev_signo = signal;
    let mut timer = null_mut();
    // SAFETY: a live event, and room for the timer's id.
    let made = unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer) };
    assert_eq!(made, 0);
    // SAFETY: all-zero is a valid `itimerspec`.
    let mut when: libc::itimerspec = unsafe { zeroed() };
    when.it_value.tv_nsec = delay as i64;
    // SAFETY: a timer of this process, and a live specification.
    let set = unsafe { libc::timer_settime(timer, 0, &raw const when, null_mut()) };
    assert_eq!(set, 0);
}

/// Sleeps for a moment, so that others run.
pub fn rest() {
    std::thread::sleep(std::time::Duration::from_micros(50));
}

/// Has this process give its processor away every so many microseconds.
pub fn yield_every(period: u64) {
    // SAFETY: all-zero is a valid `sigevent`.
    let mut event: libc::sigevent = unsafe { zeroed() };
    event.sigev_notify = libc::SIGEV_SIGNAL;
    event.sigev_signo = libc::SIGVTALRM;
    let mut timer = null_mut();
    // SAFETY: a live event, and room for the timer's id.
    let made = unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer) };
    assert_eq!(made, 0);
    // SAFETY: all-zero is a valid `itimerspec`.
    let mut when: libc::itimerspec = unsafe { zeroed() };
    when.it_value.tv_nsec = period as i64 * 1000;
    when.it_interval = when.it_value;
    // SAFETY: a timer of this process, and a live specification.
    let set = unsafe { libc::timer_settime(timer, 0, &raw const when, null_mut()) };
    assert_eq!(set, 0);
}
