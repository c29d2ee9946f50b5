//! This process, its threads, and what tells boots and segments apart.

#![allow(unsafe_code)] // system calls

use super::check_long;
use std::io;

/// The effective user id.
pub fn effective_user() -> u32 {
    // SAFETY: takes nothing and always succeeds.
    unsafe { libc::geteuid() }
}

/// The calling thread's id, in its PID namespace.
pub fn thread_id() -> u32 {
    // SAFETY: takes nothing and always succeeds.
    let id = unsafe { libc::gettid() };
    id.unsigned_abs()
}

/// Whether this process has a thread of that id.
pub fn thread_is_alive(id: u32) -> bool {
    let process = std::process::id();
    // SAFETY: takes three numbers; signal 0 asks and sends nothing.
    let asked = check_long(unsafe { libc::syscall(libc::SYS_tgkill, process, id, 0) });
    asked.is_ok()
}

/// Lets another thread run.
pub fn yield_now() {
    // SAFETY: takes nothing.
    unsafe { libc::sched_yield() };
}

/// Sixteen bytes that nobody can guess.
///
/// # Errors
///
/// Of `getrandom`.
pub fn random() -> io::Result<[u8; 16]> {
    let mut bytes = [0_u8; 16];
    loop {
        // SAFETY: the buffer has the length given and lives through the call.
        let filled = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
        if filled == bytes.len() as isize {
            return Ok(bytes);
        }
        let error = io::Error::last_os_error();
        if filled == -1 && error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// The id that the kernel gave this boot; zero where /proc does not say.
pub fn boot_id() -> [u8; 16] {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let mut id = [0; 16];
    let digits = text.chars().filter_map(|c| c.to_digit(16));
    for (at, digit) in digits.take(32).enumerate() {
        id[at / 2] = id[at / 2] << 4 | digit as u8;
    }
    id
}
