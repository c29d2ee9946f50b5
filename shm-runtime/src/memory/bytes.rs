//! A range of a mapping whose content is known at run time only.
//!
//! As [`super::cell`] for values without a type: bytes are copied in relaxed atomic words of a width that the
//! caller keeps to, or by the string instruction. Which width belongs to which value is [`super::strided`]'s
//! business.

#![allow(unsafe_code)] // owns the copies to and from shared memory

use super::cell::{BULK, bulk, prefetch_write, words_from_shared, words_to_shared};
use core::cell::{Cell, UnsafeCell};
use core::mem::MaybeUninit;

/// Bytes that other processes may write.
#[derive(Debug)]
#[repr(transparent)]
pub struct Bytes([UnsafeCell<MaybeUninit<u8>>]);

// SAFETY: every byte lies in an `UnsafeCell` that is only touched below, through atomic words or outside
// the language (inline assembly); every bit pattern is a valid `MaybeUninit<u8>`.
unsafe impl Sync for Bytes {}

/// The widest word, of at most 8 bytes, that divides all of these numbers: pass them or-ed together.
pub const fn width(numbers: usize) -> usize {
    1 << (numbers | 8).trailing_zeros()
}

impl Bytes {
    /// How many there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The address of the first one, for those who arrange exclusion themselves.
    pub const fn as_ptr(&self) -> *mut u8 {
        UnsafeCell::raw_get(self.0.as_ptr()).cast()
    }

    /// Where `len` bytes from `at` on lie, if they do and are whole words of `width`.
    #[inline(always)]
    fn words(&self, at: usize, len: usize, width: usize) -> Option<*mut u8> {
        let cells = self.0.get(at..at.checked_add(len)?)?;
        let place = UnsafeCell::raw_get(cells.as_ptr()).cast::<u8>();
        let whole = matches!(width, 1 | 2 | 4 | 8) && (place.addr() | len).is_multiple_of(width);
        whole.then_some(place)
    }

    /// Copies the bytes from `at` on into `out`, in words of `width`; false where they are out of range or no
    /// whole words.
    #[inline]
    pub(super) fn load(&self, at: usize, width: usize, out: &[Cell<u8>]) -> bool {
        let Some(from) = self.words(at, out.len(), width) else {
            return false;
        };
        // A slice of cells may be written through the pointer to its first.
        let to = out.as_ptr().cast::<u8>().cast_mut();
        if out.len() <= BULK || !bulk(from, to, out.len()) {
            words_from_shared(width, from, to, out.len());
        }
        true
    }

    /// Overwrites the bytes from `at` on, in words of `width`; false as for [`load`](Self::load).
    #[inline]
    pub(super) fn store(&self, at: usize, width: usize, bytes: &[u8]) -> bool {
        let Some(to) = self.words(at, bytes.len(), width) else {
            return false;
        };
        if bytes.len() <= BULK || !bulk(bytes.as_ptr(), to, bytes.len()) {
            words_to_shared(width, bytes.as_ptr(), to, bytes.len());
        }
        true
    }

    /// Asks for the line of byte `at` to be brought here for writing: a hint, wherever it is.
    #[inline]
    pub(super) fn prefetch_write(&self, at: usize) {
        prefetch_write(self.as_ptr().wrapping_add(at));
    }
}
