//! Memory images of a segment: taken, compared, put back.

use super::common::path;
use std::collections::HashSet;
use std::fs::File;
use std::os::fd::AsRawFd;

/// All bytes of a segment at one moment.
pub type Image = Box<[u8]>;

/// A segment's file, mapped beside the library: what is looked at and put back while nobody runs.
#[derive(Debug)]
pub struct Memory {
    start: *mut u8,
    len: usize,
}

impl Memory {
    pub fn of(name: &str) -> Self {
        let file = File::options()
            .read(true)
            .write(true)
            .open(path(name))
            .unwrap();
        let len = file.metadata().unwrap().len() as usize;
        // SAFETY: maps the whole file anew.
        let start = unsafe {
            libc::mmap(
                core::ptr::null_mut(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        assert_ne!(start, libc::MAP_FAILED);
        Self {
            start: start.cast(),
            len,
        }
    }

    /// Whether it is other than `image`.
    pub fn differs(&self, image: &[u8]) -> bool {
        assert_eq!(image.len(), self.len);
        // SAFETY: both are `len` bytes long, and every process that has the segment is stopped.
        unsafe { libc::memcmp(self.start.cast(), image.as_ptr().cast(), self.len) != 0 }
    }

    pub fn image(&self) -> Image {
        let mut image = vec![0; self.len].into_boxed_slice();
        // SAFETY: as above; `image` is private.
        unsafe { core::ptr::copy_nonoverlapping(self.start, image.as_mut_ptr(), self.len) };
        image
    }

    pub fn restore(&self, image: &Image) {
        assert_eq!(image.len(), self.len);
        // SAFETY: as above.
        unsafe { core::ptr::copy_nonoverlapping(image.as_ptr(), self.start, self.len) };
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: our own mapping; nobody else has its address.
        unsafe { libc::munmap(self.start.cast(), self.len) };
    }
}

/// A number that tells images apart.
pub fn digest(image: &[u8]) -> u64 {
    let (words, rest) = image.as_chunks::<8>();
    let mix = |hash: u64, word: u64| {
        (hash ^ word)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .rotate_left(29)
    };
    let hash = words.iter().map(|word| u64::from_ne_bytes(*word));
    rest.iter()
        .map(|&byte| byte.into())
        .chain(hash)
        .fold(1, mix)
}

/// Images without repetitions, each with the number of the step that left it.
#[derive(Debug, Default)]
pub struct Images {
    known: HashSet<u64>,
    pub list: Vec<(usize, Image)>,
}

impl Images {
    /// Keeps an image if it is a new one.
    pub fn add(&mut self, step: usize, image: Image) -> bool {
        let new = self.known.insert(digest(&image));
        if new {
            self.list.push((step, image));
        }
        new
    }

    /// The list so far; what is added from now on is new to it as well.
    pub fn take(&mut self) -> Vec<(usize, Image)> {
        core::mem::take(&mut self.list)
    }
}
