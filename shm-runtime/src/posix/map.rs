//! Mappings, each unmapped by its owner's drop.
//!
//! A mapping of a file that others write is sound here because nobody makes a reference into it but to
//! types that may change under a reader (`memory::shared::Shared`).

#![allow(unsafe_code)] // system calls

use super::check;
use crate::seeded::{Bug, seeded};
use core::ptr::NonNull;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// Bytes of a page, as far as the format is concerned; larger real pages are a multiple.
pub const PAGE: usize = 4096;

/// Some pages of this address space.
#[derive(Debug)]
struct Pages {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: plain address space; it belongs to no thread.
unsafe impl Send for Pages {}
// SAFETY: as above; the methods only read the address and the length.
unsafe impl Sync for Pages {}

impl Pages {
    fn map(
        len: usize,
        protection: libc::c_int,
        flags: libc::c_int,
        file: Option<&File>,
    ) -> io::Result<Self> {
        let fd = file.map_or(-1, |file| file.as_raw_fd());
        // SAFETY: without MAP_FIXED the kernel picks addresses that nothing else uses.
        let start = unsafe { libc::mmap(core::ptr::null_mut(), len, protection, flags, fd, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { start, len })
    }

    fn advise(&self, offset: usize, len: usize, advice: libc::c_int) -> io::Result<()> {
        let end = offset.checked_add(len);
        if end.is_none_or(|end| end > self.len) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let at = self.start.as_ptr().wrapping_add(offset);
        // SAFETY: the range lies in these pages (checked above), and none of the kinds of advice that
        // this file names takes contents away from them.
        check(unsafe { libc::madvise(at.cast(), len, advice) }).map(drop)
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: `map` made exactly this range, and the owner that is dropped is the last to know it.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

/// A file, shared with every process that maps it; left out of core dumps.
#[derive(Debug)]
pub struct Mapping(Pages);

impl Mapping {
    /// Maps the first `len` bytes.
    ///
    /// # Errors
    ///
    /// Of `mmap` and `madvise`.
    pub fn new(file: &File, len: usize, writable: bool) -> io::Result<Self> {
        let protection = if writable {
            libc::PROT_READ | libc::PROT_WRITE
        } else {
            libc::PROT_READ
        };
        let pages = Pages::map(len, protection, libc::MAP_SHARED, Some(file))?;
        // A core dump of it would hold the process's locks for as long as it takes to write.
        pages.advise(0, len, libc::MADV_DONTDUMP)?;
        Ok(Self(pages))
    }

    /// First byte; page-aligned.
    pub fn start(&self) -> NonNull<u8> {
        self.0.start
    }

    /// Bytes that are mapped.
    #[expect(clippy::len_without_is_empty, reason = "a mapping is never empty")]
    pub fn len(&self) -> usize {
        self.0.len
    }

    /// Brings all pages in now, so that there is no page fault later.
    ///
    /// # Errors
    ///
    /// Of `madvise`; where there is no room for them, an error and not a signal.
    pub fn populate(&self, writable: bool) -> io::Result<()> {
        let advice = if writable {
            libc::MADV_POPULATE_WRITE
        } else {
            libc::MADV_POPULATE_READ
        };
        self.0.advise(0, self.0.len, advice)
    }

    /// Gathers the pages into huge ones now, whatever the machine's setting for them is.
    ///
    /// # Errors
    ///
    /// Of `madvise`: an old kernel, no free huge page, or a setting that denies them.
    pub fn collapse(&self) -> io::Result<()> {
        /// Since Linux 6.1; missing in the libc crate for some targets.
        const MADV_COLLAPSE: libc::c_int = 25;
        self.0.advise(0, self.0.len, MADV_COLLAPSE)
    }

    /// Keeps all pages in memory: none is written to swap.
    ///
    /// # Errors
    ///
    /// Of `mlock`: more than the process may lock.
    pub fn lock(&self) -> io::Result<()> {
        // SAFETY: exactly this mapping; locking changes no contents.
        check(unsafe { libc::mlock(self.0.start.as_ptr().cast(), self.0.len) }).map(drop)
    }
}

/// What the kernel has of a mapping in this process, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resident {
    /// In memory and mapped here.
    pub bytes: u64,
    /// Of those, in huge pages.
    pub huge: u64,
    /// Of those, locked.
    pub locked: u64,
}

impl Mapping {
    /// Asks the kernel how much of this mapping is in memory.
    ///
    /// # Errors
    ///
    /// Where `/proc/self/smaps` cannot be read.
    pub fn resident(&self) -> io::Result<Resident> {
        let start = self.0.start.as_ptr().addr() as u64;
        let range = start..start + self.0.len as u64;
        Ok(sum(&std::fs::read_to_string("/proc/self/smaps")?, &range))
    }
}

/// Adds up what `smaps` says of the areas in `range`: the kernel splits a mapping where its parts differ.
fn sum(smaps: &str, range: &core::ops::Range<u64>) -> Resident {
    let mut sum = Resident::default();
    let mut inside = false;
    for line in smaps.lines() {
        let mut words = line.split_ascii_whitespace();
        let (Some(first), second) = (words.next(), words.next()) else {
            continue;
        };
        let Some(name) = first.strip_suffix(':') else {
            let start = first.split('-').next();
            let start = start.and_then(|start| u64::from_str_radix(start, 16).ok());
            inside = start.is_some_and(|start| range.contains(&start));
            continue;
        };
        let bytes = second.and_then(|number| number.parse().ok()).unwrap_or(0) * 1024;
        match name {
            "Rss" if inside => sum.bytes += bytes,
            "ShmemPmdMapped" | "FilePmdMapped" if inside => sum.huge += bytes,
            "Locked" if inside => sum.locked += bytes,
            _ => {}
        }
    }
    sum
}

/// Keeps an open file description, and with it its locks, alive for exactly as long as this address
/// space: one page that cannot be touched and that a forked child does not get.
#[derive(Debug)]
pub struct Anchor(Pages);

impl Anchor {
    /// Anchors the file's description; the descriptor may be closed then.
    ///
    /// # Errors
    ///
    /// Of `mmap` and `madvise`.
    pub fn new(file: &File) -> io::Result<Self> {
        let pages = Pages::map(PAGE, libc::PROT_NONE, libc::MAP_SHARED, Some(file))?;
        if !seeded(Bug::AnchorIsInherited) {
            pages.advise(0, PAGE, libc::MADV_DONTFORK)?;
        }
        Ok(Self(pages))
    }

    /// Gives the anchor up without releasing it; the address is never zero.
    pub fn into_address(self) -> usize {
        let address = self.0.start.as_ptr().expose_provenance();
        core::mem::forget(self);
        address
    }

    /// Takes an anchor back, to release it.
    ///
    /// # Safety
    ///
    /// `address` must come from [`Anchor::into_address`] in this very process, not in the parent that
    /// forked it, and must be taken back once only.
    pub unsafe fn from_address(address: usize) -> Option<Self> {
        let start = NonNull::new(core::ptr::with_exposed_provenance_mut(address))?;
        Some(Self(Pages { start, len: PAGE }))
    }
}

/// Private zeroed pages that a forked child finds zeroed again.
#[derive(Debug)]
pub struct LocalPages(Pages);

impl LocalPages {
    /// At least `len` bytes.
    ///
    /// # Errors
    ///
    /// Of `mmap` and `madvise`.
    pub fn new(len: usize) -> io::Result<Self> {
        let len = len.max(1).next_multiple_of(PAGE);
        let pages = Pages::map(
            len,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            None,
        )?;
        if !seeded(Bug::LocalIsInherited) {
            pages.advise(0, len, libc::MADV_WIPEONFORK)?;
        }
        Ok(Self(pages))
    }

    /// First byte; page-aligned.
    pub fn as_ptr(&self) -> NonNull<u8> {
        self.0.start
    }

    /// Bytes.
    #[expect(clippy::len_without_is_empty, reason = "there is always a page")]
    pub fn len(&self) -> usize {
        self.0.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_of_a_mapping_are_added_up() {
        let smaps = "\
7f0000000000-7f0000001000 rw-s 00000000 00:1a 7   /dev/shm/sim
Rss:                   4 kB
Locked:                4 kB
7f0000001000-7f0000400000 rw-s 00001000 00:1a 7   /dev/shm/sim
Rss:                2052 kB
ShmemPmdMapped:     2048 kB
Locked:                0 kB
VmFlags: rd wr sh
7f0000400000-7f0000401000 rw-p 00000000 00:00 0
Rss:                   4 kB
";
        let resident = Resident {
            bytes: 2056 << 10,
            huge: 2048 << 10,
            locked: 4096,
        };
        assert_eq!(sum(smaps, &(0x7f00_0000_0000..0x7f00_0040_0000)), resident);
        assert_eq!(sum("", &(0..1)), Resident::default());
    }
}
