//! The only place where an address in a mapping becomes a reference.

#![allow(unsafe_code)] // owns addresses of the mapping

use super::attachment::Attachment;
use super::bytes::Bytes;
use super::cell::Cells;
use super::shared::Shared;
use bytemuck::Pod;
use core::fmt;
use core::ops::Deref;
use core::ptr::NonNull;
use std::sync::Arc;

/// An `R` at a place in a mapping that lives as long as this handle.
///
/// # Invariant
///
/// `place` is aligned for `R`, lies with all its bytes inside the mapping that `attachment` owns, and
/// `R` is (part of) a [`Shared`] type, or [`Bytes`], or [`Cells`]: whatever other processes write there is a valid value.
pub struct Site<R: ?Sized + 'static> {
    place: NonNull<R>,
    attachment: Arc<Attachment>,
    name: Arc<str>,
}

// SAFETY: a site gives out `&R` only, and the attachment is itself `Send + Sync`; the mapping does not
// belong to a thread.
unsafe impl<R: ?Sized + Sync> Send for Site<R> {}
// SAFETY: as above.
unsafe impl<R: ?Sized + Sync> Sync for Site<R> {}

/// Why no site could be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SiteError {
    /// The place does not lie inside the mapping.
    OutOfBounds,
    /// The place is not aligned for the type.
    Misaligned,
}

impl<R: Shared> Site<R> {
    /// The `R` that starts `offset` bytes into the mapping; `name` is for messages.
    ///
    /// # Errors
    ///
    /// Where it does not fit there or would be misaligned.
    pub fn at(attachment: &Arc<Attachment>, offset: usize, name: &str) -> Result<Self, SiteError> {
        let end = offset
            .checked_add(size_of::<R>())
            .ok_or(SiteError::OutOfBounds)?;
        if end > attachment.len() {
            return Err(SiteError::OutOfBounds);
        }
        // SAFETY: `offset <= end <= len`, checked above, and the mapping is one allocation of `len` bytes.
        let place = unsafe { attachment.base().add(offset) }.cast::<R>();
        if !place.is_aligned() {
            return Err(SiteError::Misaligned);
        }
        Ok(Self {
            place,
            attachment: Arc::clone(attachment),
            name: name.into(),
        })
    }
}

impl<R: Shared> Site<[R]> {
    /// The `count` values of `R` that start `offset` bytes into the mapping; `name` is for messages.
    ///
    /// # Errors
    ///
    /// As [`Site::at`].
    pub fn slice_at(
        attachment: &Arc<Attachment>,
        offset: usize,
        count: usize,
        name: &str,
    ) -> Result<Self, SiteError> {
        if !offset.is_multiple_of(align_of::<R>()) {
            return Err(SiteError::Misaligned);
        }
        let values = attachment.slice(offset, count);
        Ok(Self {
            place: NonNull::from(values.ok_or(SiteError::OutOfBounds)?),
            attachment: Arc::clone(attachment),
            name: name.into(),
        })
    }
}

impl<T: Pod> Site<Cells<T>> {
    /// The `count` values of `T` that start `offset` bytes into the mapping; `name` is for messages.
    ///
    /// # Errors
    ///
    /// Where they do not lie there, or do not begin at a multiple of 64.
    pub fn cells_at(
        attachment: &Arc<Attachment>,
        offset: usize,
        count: usize,
        name: &str,
    ) -> Result<Self, SiteError> {
        let len = count.checked_mul(size_of::<T>());
        let bytes = Site::bytes_at(attachment, offset, len.ok_or(SiteError::OutOfBounds)?, name)?;
        if !offset.is_multiple_of(64) {
            return Err(SiteError::Misaligned);
        }
        let cells = core::ptr::slice_from_raw_parts_mut(bytes.place.as_ptr().cast::<T>(), count);
        Ok(Self {
            // SAFETY: the address of the bytes, which is not null.
            place: unsafe { NonNull::new_unchecked(cells as *mut Cells<T>) },
            attachment: bytes.attachment,
            name: bytes.name,
        })
    }
}

impl Site<Bytes> {
    /// The `len` bytes that start `offset` bytes into the mapping; `name` is for messages.
    ///
    /// # Errors
    ///
    /// Where they do not lie there.
    pub fn bytes_at(
        attachment: &Arc<Attachment>,
        offset: usize,
        len: usize,
        name: &str,
    ) -> Result<Self, SiteError> {
        let end = offset.checked_add(len).ok_or(SiteError::OutOfBounds)?;
        if end > attachment.len() {
            return Err(SiteError::OutOfBounds);
        }
        let first = attachment.base().as_ptr().wrapping_add(offset);
        let bytes = core::ptr::slice_from_raw_parts_mut(first, len) as *mut Bytes;
        Ok(Self {
            // SAFETY: an address inside of the mapping, checked above, and so not null.
            place: unsafe { NonNull::new_unchecked(bytes) },
            attachment: Arc::clone(attachment),
            name: name.into(),
        })
    }
}

impl<R: ?Sized> Site<R> {
    /// The part of this site that `part` selects.
    pub fn map<F: ?Sized>(&self, part: impl for<'r> FnOnce(&'r R) -> &'r F) -> Site<F> {
        Site {
            place: NonNull::from(part(self)),
            attachment: Arc::clone(&self.attachment),
            name: Arc::clone(&self.name),
        }
    }

    /// The attachment that keeps the mapping.
    pub fn attachment(&self) -> &Arc<Attachment> {
        &self.attachment
    }

    /// Bytes from the start of the mapping.
    pub fn offset(&self) -> u64 {
        let start = self.attachment.base().addr().get();
        (self.place.addr().get() - start) as u64
    }

    /// The table name of the structure.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns if this attachment may write.
    ///
    /// # Panics
    ///
    /// On a read-only attachment, with the structure's name.
    #[inline]
    #[track_caller]
    pub fn assert_writable(&self) {
        if self.attachment.is_read_only() {
            read_only(&self.name);
        }
    }
}

#[cold]
#[inline(never)]
#[track_caller]
fn read_only(name: &str) -> ! {
    panic!("`{name}` was opened read-only; open the segment without `.read_only()` to change it");
}

impl<R: ?Sized> Deref for Site<R> {
    type Target = R;

    #[inline(always)]
    fn deref(&self) -> &R {
        // SAFETY: the invariant of `Site`: aligned, in bounds of a mapping that `attachment` keeps, and
        // valid whatever other processes write, because `R` is (part of) a `Shared` type.
        unsafe { self.place.as_ref() }
    }
}

impl<R: ?Sized> Clone for Site<R> {
    fn clone(&self) -> Self {
        Self {
            place: self.place,
            attachment: Arc::clone(&self.attachment),
            name: Arc::clone(&self.name),
        }
    }
}

impl<R: ?Sized> fmt::Debug for Site<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site")
            .field("name", &self.name)
            .field("place", &self.place)
            .finish()
    }
}
