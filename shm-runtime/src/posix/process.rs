//! This process, its threads, and what tells boots and segments apart.

#![allow(unsafe_code)] // system calls

use super::check_long;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
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
    let known = BOOT_ID.each_ref().map(|half| half.load(Relaxed)); // the same whenever it is read
    if known.iter().all(|&half| half != 0) {
        return join(known);
    }
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let mut id = [0; 16];
    let digits = text.chars().filter_map(|c| c.to_digit(16));
    for (at, digit) in digits.take(32).enumerate() {
        id[at / 2] = id[at / 2] << 4 | digit as u8;
    }
    let (halves, _) = id.as_chunks();
    for (half, &bytes) in BOOT_ID.iter().zip(halves) {
        half.store(u64::from_ne_bytes(bytes), Relaxed); // as above
    }
    id
}

/// What was found, in two halves; zero before. No lock: a forked child would wait for its parent's threads.
static BOOT_ID: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

fn join(halves: [u64; 2]) -> [u8; 16] {
    let mut id = [0; 16];
    for (bytes, half) in id.chunks_exact_mut(8).zip(halves) {
        bytes.copy_from_slice(&half.to_ne_bytes());
    }
    id
}
