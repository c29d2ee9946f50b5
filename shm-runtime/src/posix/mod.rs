//! POSIX: files, locks, mappings, futexes. The only files that name libc.
//!
//! Every function is safe to call and says what it needs in its types; a failed call is an
//! [`std::io::Error`] made in one place, `check`.

pub mod barrier;
pub mod file;
pub mod futex;
pub mod lock;
pub mod map;
pub mod numa;
pub mod process;
pub mod sigbus;

use std::io;

/// Turns the C convention, -1 and `errno`, into a result.
fn check(returned: libc::c_int) -> io::Result<libc::c_int> {
    if returned == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(returned)
    }
}

/// As [`check`], for calls that return a long.
fn check_long(returned: libc::c_long) -> io::Result<libc::c_long> {
    if returned == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(returned)
    }
}
