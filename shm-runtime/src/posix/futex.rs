//! Sleeping until a word in shared memory changes.

#![allow(unsafe_code)] // system calls

use super::check_long;
use core::sync::atomic::AtomicU32;
use std::io;
use std::time::Duration;

/// Why a sleep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Somebody woke this thread, or a signal did.
    Woken,
    /// The word did not hold the expected value, so there was no sleep.
    Changed,
    /// The time was up.
    TimedOut,
}

/// Sleeps while `word` holds `expected`, for at most `timeout`.
///
/// # Errors
///
/// Of `futex`, other than those that [`Wait`] names.
pub fn wait(word: &AtomicU32, expected: u32, timeout: Option<Duration>) -> io::Result<Wait> {
    let limit = timeout.map(|timeout| libc::timespec {
        tv_sec: timeout.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    });
    let limit = limit
        .as_ref()
        .map_or(core::ptr::null(), core::ptr::from_ref);
    // SAFETY: the word is a live, aligned u32 that the kernel only reads; the time-out is null or lives
    // through the call. No PRIVATE flag: the sleepers and wakers are in different address spaces.
    let done = check_long(unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT,
            expected,
            limit,
        )
    });
    match done {
        Ok(_) => Ok(Wait::Woken),
        Err(error) => match error.raw_os_error() {
            Some(libc::EAGAIN) => Ok(Wait::Changed),
            Some(libc::ETIMEDOUT) => Ok(Wait::TimedOut),
            Some(libc::EINTR) => Ok(Wait::Woken),
            _ => Err(error),
        },
    }
}

/// Wakes every thread of every process that sleeps on `word`; says how many.
pub fn wake_all(word: &AtomicU32) -> usize {
    // SAFETY: the word is a live, aligned u32; waking reads nothing else.
    let woken = check_long(unsafe {
        libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, i32::MAX)
    });
    woken.map_or(0, |woken| woken.unsigned_abs() as usize)
}
