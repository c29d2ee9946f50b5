//! Heavy barriers: one side pays a system call, so that the other side pays nothing.

#![allow(unsafe_code)] // system calls

use super::check_long;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

// From the kernel's `enum membarrier_cmd`.
const GLOBAL: i32 = 1 << 0;
const GLOBAL_EXPEDITED: i32 = 1 << 1;
const REGISTER_GLOBAL_EXPEDITED: i32 = 1 << 2;
const PRIVATE_EXPEDITED: i32 = 1 << 3;
const REGISTER_PRIVATE_EXPEDITED: i32 = 1 << 4;

/// Set where this process could not be registered.
static REFUSED: AtomicBool = AtomicBool::new(false);

fn membarrier(command: i32) -> bool {
    // SAFETY: the call takes three numbers and touches no memory of ours.
    check_long(unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) }).is_ok()
}

/// Asks to be reached by [`heavy`] barriers of other processes and by our own [`private`] ones.
///
/// `false` where the kernel refuses: the caller then has to fence for itself.
pub fn register() -> bool {
    let global = membarrier(REGISTER_GLOBAL_EXPEDITED);
    let private = membarrier(REGISTER_PRIVATE_EXPEDITED);
    let registered = global && private;
    REFUSED.store(!registered, Relaxed); // the same answer for every thread
    registered
}

/// Whether this process has to fence for itself, because [`register`] was refused.
#[inline(always)]
pub fn is_refused() -> bool {
    REFUSED.load(Relaxed) // written before the first operation
}

/// A full barrier on every thread of every registered process; `false` where the kernel refuses both
/// the expedited and the slow form.
pub fn heavy() -> bool {
    membarrier(GLOBAL_EXPEDITED) || membarrier(GLOBAL)
}

/// A full barrier on every thread of this process; `false` where the kernel refuses.
pub fn private() -> bool {
    membarrier(PRIVATE_EXPEDITED)
}
