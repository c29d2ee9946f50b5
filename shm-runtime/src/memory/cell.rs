//! Payload: plain values that another process may write at the same time.
//!
//! A value is copied through relaxed atomic words, so that a race gives a wrong value and never
//! undefined behaviour. The word is the largest of 8, 4, 2, 1 bytes that divides the size: the same for
//! ever and in every language, because mixed widths on one location are outside the language's rules.
//! A value of 1, 2, 4 or 8 bytes is therefore never torn; a larger one can be. Many words in a row go through vector
//! registers where there are any: processors with SSE2 move each aligned 8 bytes of them whole.
//!
//! # Ordering
//!
//! (A) `store_release`, `swap`, `compare_exchange` -> `load_acquire` and the same: who sees the value sees
//! what its writer wrote before. Plain loads and stores have no such edge; algorithms bring their own.

#![allow(unsafe_code)] // owns the copies to and from shared memory

#[cfg(loom)]
use super::atomic::AtomicU64;
use super::atomic::step;
use super::scalar::Scalar;
use super::shared::Shared;
use super::vectors::{lines_from_shared, lines_to_shared};
use bytemuck::{Pod, cast};
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
#[cfg(not(loom))]
use core::sync::atomic::AtomicU64;
use core::sync::atomic::{
    AtomicU8, AtomicU16, AtomicU32,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};
use zerocopy::FromZeros;

/// Bytes from which a single copy goes through one string instruction: below, that takes longer to begin than vectors
/// take to end.
pub(super) const BULK: usize = 1024;

/// Bytes from which words go through vector registers, out of shared memory and into it. What goes in was often written
/// a moment ago, word by word, and a vector has to wait until such stores are over.
const VECTORS_OUT: usize = 64;
const VECTORS_IN: usize = 256;

/// `N` values in a row, at a multiple of 64 and nothing else: an array as the table promises it.
#[derive(Debug, FromZeros)]
#[repr(C, align(64))]
pub struct CellArray<T, const N: usize>([UnsafeCell<MaybeUninit<T>>; N]);

/// `N` values and then `L` groups of `G` more, without a gap.
#[derive(Debug, FromZeros)]
#[repr(C, align(64))]
pub struct CellGroups<T, const N: usize, const L: usize, const G: usize> {
    first: [UnsafeCell<MaybeUninit<T>>; N],
    then: [[UnsafeCell<MaybeUninit<T>>; G]; L],
}

// SAFETY: every byte lies in an `UnsafeCell` that only `Cells` touches, through atomic words or outside
// the language (inline assembly); `T: Pod` makes every bit pattern valid and zero with it.
unsafe impl<T: Pod, const N: usize> Sync for CellArray<T, N> {}
// SAFETY: as above.
unsafe impl<T: Pod, const N: usize> Shared for CellArray<T, N> {
    #[cfg(loom)]
    fn enrol(&self) {
        self.cells().enrol();
    }
}
// SAFETY: as above.
unsafe impl<T: Pod, const N: usize, const L: usize, const G: usize> Sync
    for CellGroups<T, N, L, G>
{
}
// SAFETY: as above.
unsafe impl<T: Pod, const N: usize, const L: usize, const G: usize> Shared
    for CellGroups<T, N, L, G>
{
}

impl<T: Pod, const N: usize> CellArray<T, N> {
    /// The values, without the length in the type.
    pub fn cells(&self) -> &Cells<T> {
        Cells::new(&self.0)
    }
}

impl<T: Pod, const N: usize, const L: usize, const G: usize> CellGroups<T, N, L, G> {
    /// All `N + L * G` values.
    pub fn cells(&self) -> &Cells<T> {
        let start = core::ptr::from_ref(self).cast::<UnsafeCell<MaybeUninit<T>>>();
        // SAFETY: `repr(C)` puts `first` at offset 0 and `then` behind it without padding, because both
        // are arrays of one element type; the slice covers exactly the two, within `self`.
        Cells::new(unsafe { core::slice::from_raw_parts(start, N + L * G) })
    }
}

/// Calls a method with the unsigned integer of the value's size. Calls for other sizes are dead code.
macro_rules! by_width {
    ($cells:ident.$method:ident($($argument:expr),*)) => {{
        const {
            assert!(
                Self::WIDTH == size_of::<T>(),
                "only elements of 1, 2, 4 or 8 bytes can be changed in one step"
            );
        }
        match Self::WIDTH {
            8 => $cells.$method::<u64>($($argument),*),
            4 => $cells.$method::<u32>($($argument),*),
            2 => $cells.$method::<u16>($($argument),*),
            _ => $cells.$method::<u8>($($argument),*),
        }
    }};
}

/// A run of values that other processes may write: what algorithms see.
///
/// # Invariant
///
/// The first value lies at a multiple of 64 (the constructors' types are aligned so). A word's width
/// divides the size of `T`, so every word of every value is naturally aligned.
#[derive(Debug)]
#[repr(transparent)]
pub struct Cells<T>([UnsafeCell<MaybeUninit<T>>]);

// SAFETY: as for `CellArray`.
unsafe impl<T: Pod> Sync for Cells<T> {}

impl<T: Pod> Cells<T> {
    /// The word's width: the largest of 8, 4, 2, 1 that divides the size.
    pub const WIDTH: usize = match size_of::<T>() {
        size if size.is_multiple_of(8) => 8,
        size if size.is_multiple_of(4) => 4,
        size if size.is_multiple_of(2) => 2,
        _ => 1,
    };

    fn new(cells: &[UnsafeCell<MaybeUninit<T>>]) -> &Self {
        debug_assert!(cells.is_empty() || cells.as_ptr().addr().is_multiple_of(64));
        let this = core::ptr::from_ref(cells) as *const Self;
        // SAFETY: `repr(transparent)` over the slice: the same layout, address, length and lifetime.
        unsafe { &*this }
    }

    /// Makes the words known to the model that runs.
    #[cfg(loom)]
    fn enrol(&self) {
        enrol_words(Self::WIDTH, self.as_ptr().cast(), size_of_val(&self.0));
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The address of the first value, for those who arrange exclusion themselves.
    pub const fn as_ptr(&self) -> *mut T {
        UnsafeCell::raw_get(self.0.as_ptr()).cast()
    }

    /// Asks for value `i` to be brought here for writing, if it is the first one of its line; `i` is not
    /// checked, as a hint cannot fault.
    #[inline(always)]
    pub fn prefetch_write(&self, i: usize) {
        if i.wrapping_mul(size_of::<T>()) % 64 < size_of::<T>() {
            prefetch_write(self.0.as_ptr().wrapping_add(i));
        }
    }

    /// A copy of value `i`; `None` out of range.
    #[inline]
    pub fn load(&self, i: usize) -> Option<T> {
        let from = self.0.get(i)?.get().cast::<T>();
        let mut value = MaybeUninit::<T>::uninit();
        copy_from_shared::<T>(from, value.as_mut_ptr(), 1);
        // SAFETY: all bytes were copied, and every bit pattern is a valid `T: Pod`.
        Some(unsafe { value.assume_init() })
    }

    /// Overwrites value `i`; false out of range.
    #[inline]
    pub fn store(&self, i: usize, value: T) -> bool {
        self.store_from(i, &value)
    }

    /// As [`store`](Self::store): a value that is passed on as it is would be copied once more.
    #[inline(always)]
    pub(super) fn store_from(&self, i: usize, value: &T) -> bool {
        match self.0.get(i) {
            Some(cell) => {
                copy_to_shared::<T>(value, cell.get().cast(), 1);
                true
            }
            None => false,
        }
    }

    /// Copies values `start ..` into `out`; false where they are out of range.
    pub fn load_slice(&self, start: usize, out: &mut [T]) -> bool {
        let Some(cells) = start
            .checked_add(out.len())
            .and_then(|end| self.0.get(start..end))
        else {
            return false;
        };
        copy_from_shared::<T>(cells.as_ptr().cast(), out.as_mut_ptr(), out.len());
        true
    }

    /// Overwrites values `start ..` with `values`; false where they are out of range.
    pub fn store_slice(&self, start: usize, values: &[T]) -> bool {
        let Some(cells) = start
            .checked_add(values.len())
            .and_then(|end| self.0.get(start..end))
        else {
            return false;
        };
        copy_to_shared::<T>(
            values.as_ptr(),
            UnsafeCell::raw_get(cells.as_ptr()).cast(),
            values.len(),
        );
        true
    }
}

/// Within shared memory.
impl<T: Pod> Cells<T> {
    /// Overwrites the first values with those of `from`, as many as there are in both.
    pub fn copy_from(&self, from: &Self) {
        let count = self.len().min(from.len());
        let (from, to) = (from.as_ptr(), self.as_ptr());
        if size_of::<T>() * count > BULK && bulk(from.cast(), to.cast(), size_of::<T>() * count) {
            return;
        }
        for i in 0..count {
            let mut value = MaybeUninit::<T>::uninit();
            copy_from_shared::<T>(from.wrapping_add(i), value.as_mut_ptr(), 1);
            copy_to_shared::<T>(value.as_ptr(), to.wrapping_add(i), 1);
        }
    }
}

/// Values that are one word: changed in one step.
impl<T: Pod> Cells<T> {
    /// Value `i` as the atomic of a scalar of its size; `None` out of range or of another size.
    #[inline(always)]
    pub fn atomic<S: Scalar>(&self, i: usize) -> Option<&S::Atomic> {
        let fits = size_of::<S::Atomic>() == size_of::<T>()
            && align_of::<S::Atomic>() == size_of::<T>()
            && Self::WIDTH == size_of::<T>();
        if !fits {
            return None;
        }
        let word = self.0.get(i)?.get().cast::<S::Atomic>();
        step();
        // SAFETY: in bounds by `get`; of the value's size, which is the word's width, and so aligned by
        // the invariant; shared memory is only touched in words of this width. `Scalar` is sealed: its
        // atomics are `core`'s, for which every bit pattern is valid.
        Some(unsafe { &*word })
    }

    /// Value `i`, with acquire ordering; `None` out of range.
    #[inline]
    pub fn load_acquire(&self, i: usize) -> Option<T> {
        by_width!(self.load_as(i))
    }

    fn load_as<W: Scalar>(&self, i: usize) -> Option<T> {
        let word = self.atomic::<W>(i)?;
        Some(cast(W::load(word, Acquire))) // (A) store_release -> load_acquire
    }

    /// Overwrites value `i`, with release ordering; `None` out of range.
    #[inline]
    pub fn store_release(&self, i: usize, value: T) -> Option<()> {
        by_width!(self.store_as(i, value))
    }

    fn store_as<W: Scalar>(&self, i: usize, value: T) -> Option<()> {
        let word = self.atomic::<W>(i)?;
        W::store(word, cast(value), Release); // (A) store_release -> load_acquire
        Some(())
    }

    /// Overwrites value `i` and returns the one before, in one step; `None` out of range.
    #[inline]
    pub fn swap(&self, i: usize, value: T) -> Option<T> {
        by_width!(self.swap_as(i, value))
    }

    fn swap_as<W: Scalar>(&self, i: usize, value: T) -> Option<T> {
        let word = self.atomic::<W>(i)?;
        Some(cast(W::swap(word, cast(value), AcqRel))) // both ends of (A)
    }

    /// Overwrites value `i` if it is `current`, bit for bit, in one step: what was there, as `Ok` if it
    /// did; `None` out of range.
    #[inline]
    pub fn compare_exchange(&self, i: usize, current: T, new: T) -> Option<Result<T, T>> {
        by_width!(self.compare_exchange_as(i, current, new))
    }

    fn compare_exchange_as<W: Scalar>(&self, i: usize, current: T, new: T) -> Option<Result<T, T>> {
        let word = self.atomic::<W>(i)?;
        // Both ends of (A); a loser has loaded: the acquire end.
        let found = W::compare_exchange(word, cast(current), cast(new), AcqRel, Acquire);
        Some(found.map(cast::<W, T>).map_err(cast::<W, T>))
    }

    /// The values as memory.
    ///
    /// # Safety
    ///
    /// The caller must make sure that nobody, in any process, writes any of the values as long as the
    /// slice lives.
    pub const unsafe fn as_slice(&self) -> &[T] {
        let (start, len) = (self.0.as_ptr().cast::<T>(), self.0.len());
        // SAFETY: the values are in bounds, aligned and initialised (every bit pattern is valid), and
        // live as long as `self`; that nobody writes them is the caller's promise.
        unsafe { core::slice::from_raw_parts(start, len) }
    }
}

/// Makes `bytes` at `from` known to the model that runs, if they are whole words of `width` 8: the models have no
/// others. The range is in bounds, and its words are aligned and only touched in this width.
#[cfg(loom)]
pub(super) fn enrol_words(width: usize, from: *const u8, bytes: usize) {
    assert_eq!(width, 8, "values of whole eights");
    for word in 0..bytes / width {
        let word = from.cast::<AtomicU64>().wrapping_add(word);
        // SAFETY: `word` lies within `bytes` bytes at `from`, is naturally aligned, and shared memory is only touched
        // in words of this width.
        unsafe { &*word }.model();
    }
}

/// Copies `count` values out of shared memory. `from` is in bounds and its words are aligned
/// ([`Cells`]' invariant); `to` is private, writable and as long.
#[inline(always)]
pub(super) fn copy_from_shared<T: Pod>(from: *const T, to: *mut T, count: usize) {
    let bytes = size_of::<T>() * count;
    if bytes > BULK && bulk(from.cast(), to.cast(), bytes) {
        return;
    }
    words_from_shared(Cells::<T>::WIDTH, from.cast(), to.cast(), bytes);
}

/// Copies `count` values into shared memory: the mirror of [`copy_from_shared`].
#[inline(always)]
pub(super) fn copy_to_shared<T: Pod>(from: *const T, to: *mut T, count: usize) {
    let bytes = size_of::<T>() * count;
    if bytes > BULK && bulk(from.cast(), to.cast(), bytes) {
        return;
    }
    words_to_shared(Cells::<T>::WIDTH, from.cast(), to.cast(), bytes);
}

/// Copies `bytes`, in words of `width`, out of shared memory: `width` is 1, 2, 4 or 8 and divides `bytes` and the
/// address `from`, whose memory is in bounds and only touched in words of this width; `to` is private, writable and
/// as long.
#[inline(always)]
pub(super) fn words_from_shared(width: usize, from: *const u8, to: *mut u8, bytes: usize) {
    let done = match bytes {
        VECTORS_OUT.. => lines_from_shared(from, to, bytes),
        _ => 0,
    };
    let (from, to, bytes) = (from.wrapping_add(done), to.wrapping_add(done), bytes - done);
    macro_rules! words {
        ($atomic:ty, $int:ty) => {
            for i in 0..bytes / size_of::<$int>() {
                step();
                // SAFETY: word `i` lies within `bytes` bytes at `from`, is naturally aligned, and
                // shared memory is only touched in words of this width.
                let word = unsafe { &*from.cast::<$atomic>().add(i) }.load(Relaxed);
                // SAFETY: word `i` lies within `bytes` bytes at `to`, which is private.
                unsafe { to.cast::<$int>().add(i).write_unaligned(word) };
            }
        };
    }
    match width {
        8 => words!(AtomicU64, u64),
        4 => words!(AtomicU32, u32),
        2 => words!(AtomicU16, u16),
        _ => words!(AtomicU8, u8),
    }
}

/// Copies `bytes` into shared memory: the mirror of [`words_from_shared`].
#[inline(always)]
pub(super) fn words_to_shared(width: usize, from: *const u8, to: *mut u8, bytes: usize) {
    let done = match bytes {
        VECTORS_IN.. => lines_to_shared(from, to, bytes),
        _ => 0,
    };
    let (from, to, bytes) = (from.wrapping_add(done), to.wrapping_add(done), bytes - done);
    macro_rules! words {
        ($atomic:ty, $int:ty) => {
            for i in 0..bytes / size_of::<$int>() {
                // SAFETY: word `i` lies within `bytes` bytes at `from`, which is private.
                let word = unsafe { from.cast::<$int>().add(i).read_unaligned() };
                step();
                // SAFETY: word `i` lies within `bytes` bytes at `to`, is naturally aligned, and
                // shared memory is only touched in words of this width.
                unsafe { &*to.cast::<$atomic>().add(i) }.store(word, Relaxed);
            }
        };
    }
    match width {
        8 => words!(AtomicU64, u64),
        4 => words!(AtomicU32, u32),
        2 => words!(AtomicU16, u16),
        _ => words!(AtomicU8, u8),
    }
}

/// Copies bytes by one string instruction, which is outside the language's rules on races just as the
/// other process is. False where there is none; the word loop then does it.
#[inline(always)]
pub(super) fn bulk(from: *const u8, to: *mut u8, bytes: usize) -> bool {
    #[cfg(all(target_arch = "x86_64", not(test), not(loom)))]
    {
        // Where the target lies a little behind the source, counted within pages, some processors (Zen 3) take
        // the string instruction byte by byte: measured 3 GB/s instead of 80.
        let gap = to.addr().wrapping_sub(from.addr()) % 4096;
        if (1..64).contains(&gap) {
            return false;
        }
        // SAFETY: the callers pass two ranges of `bytes` bytes, readable and writable; `rep movsb`
        // touches these and the three named registers only; the direction flag is clear by the ABI.
        unsafe {
            core::arch::asm!(
                "rep movsb",
                inout("rcx") bytes => _,
                inout("rsi") from => _,
                inout("rdi") to => _,
                options(nostack, preserves_flags)
            );
        }
        true
    }
    #[cfg(not(all(target_arch = "x86_64", not(test), not(loom))))]
    {
        let _ = (from, to, bytes);
        false
    }
}

/// Asks for the line at `place` to be brought here for reading: a hint.
#[inline(always)]
pub fn prefetch_read<W>(place: *const W) {
    #[cfg(all(target_arch = "x86_64", not(test), not(loom)))]
    // SAFETY: a prefetch changes nothing that can be seen and never faults, whatever the address.
    unsafe {
        core::arch::asm!(
            "prefetcht0 [{}]",
            in(reg) place,
            options(nostack, preserves_flags, readonly)
        );
    }
    #[cfg(not(all(target_arch = "x86_64", not(test), not(loom))))]
    let _ = place;
}

/// Asks for the line at `place` to be brought here for writing: a hint.
#[inline(always)]
pub fn prefetch_write<W>(place: *const W) {
    #[cfg(all(target_arch = "x86_64", not(test), not(loom)))]
    // SAFETY: a prefetch changes nothing that can be seen and never faults, whatever the address; processors
    // without `prefetchw` in 64-bit mode take it as no operation.
    unsafe {
        core::arch::asm!(
            "prefetchw [{}]",
            in(reg) place,
            options(nostack, preserves_flags, readonly)
        );
    }
    #[cfg(not(all(target_arch = "x86_64", not(test), not(loom))))]
    let _ = place;
}
