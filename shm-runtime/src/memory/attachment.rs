//! The mapping of a segment, and this process's part in it.

#![allow(unsafe_code)] // owns the mapping

use core::ptr::NonNull;

/// A segment that this process has mapped and attached to.
#[derive(Debug)]
pub struct Attachment {
    base: NonNull<u8>,
    len: usize,
    read_only: bool,
}

// SAFETY: stub
unsafe impl Send for Attachment {}
// SAFETY: stub
unsafe impl Sync for Attachment {}

impl Attachment {
    /// First byte of the mapping, which is the file's first byte; page-aligned.
    pub fn base(&self) -> NonNull<u8> {
        self.base
    }
    /// Bytes that are mapped.
    #[expect(clippy::len_without_is_empty, reason = "a mapping is never empty")]
    pub fn len(&self) -> usize {
        self.len
    }
    /// Whether the mapping may only be read.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }
}
