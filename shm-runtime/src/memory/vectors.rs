//! Lines of 64 bytes through vector registers.
//!
//! Only what touches shared memory is assembly, which is outside of the language's rules on races just as the other
//! process is; each aligned 8 bytes are moved whole, as by relaxed atomic words. Where there are no such registers, and in
//! models, nothing is copied here, and words do it.

#![allow(unsafe_code)] // owns the copies to and from shared memory

/// The instruction that moves 16 bytes between memory and a register: where the compiler uses AVX the one that goes with it,
/// because processors take a hundred nanoseconds to change between the two kinds.
#[cfg(all(target_arch = "x86_64", target_feature = "avx", not(loom)))]
macro_rules! vector_move {
    () => {
        "vmovdqu"
    };
}
#[cfg(all(target_arch = "x86_64", not(target_feature = "avx"), not(loom)))]
macro_rules! vector_move {
    () => {
        "movdqu"
    };
}
/// 64 bytes of shared memory, outside of the language's rules on races just as the other process is. Each aligned 8 bytes
/// are read whole: as words of any width would be, by relaxed loads.
///
/// # Safety
///
/// They must lie inside a mapping.
#[cfg(all(target_arch = "x86_64", not(loom)))]
#[cfg_attr(test, allow(dead_code))]
#[inline(always)]
pub(super) unsafe fn load_line(from: *const u8) -> [core::arch::x86_64::__m128i; 4] {
    let [first, second, third, fourth];
    // SAFETY: 64 readable bytes, as the caller promises; nothing else is touched, and SSE2 is part of x86-64. The block
    // stays where it is between fences, because it reads memory.
    unsafe {
        core::arch::asm!(
            concat!(vector_move!(), " {first}, [{from}]"),
            concat!(vector_move!(), " {second}, [{from} + 16]"),
            concat!(vector_move!(), " {third}, [{from} + 32]"),
            concat!(vector_move!(), " {fourth}, [{from} + 48]"),
            from = in(reg) from,
            first = out(xmm_reg) first,
            second = out(xmm_reg) second,
            third = out(xmm_reg) third,
            fourth = out(xmm_reg) fourth,
            options(nostack, preserves_flags, readonly)
        );
    }
    [first, second, third, fourth]
}

/// 64 bytes in the registers that the compiler itself copies with: a copy of the copy that is read in wider pieces than
/// it was written in would wait until all of them are in the cache.
#[cfg(all(target_arch = "x86_64", target_feature = "avx", not(any(test, loom))))]
type Line = [core::arch::x86_64::__m256i; 2];
#[cfg(all(
    target_arch = "x86_64",
    not(target_feature = "avx"),
    not(any(test, loom))
))]
type Line = [core::arch::x86_64::__m128i; 4];

/// As [`load_line`], for copies.
///
/// # Safety
///
/// As for [`load_line`].
#[cfg(all(target_arch = "x86_64", target_feature = "avx", not(any(test, loom))))]
#[inline(always)]
unsafe fn load(from: *const u8) -> Line {
    let [first, second];
    // SAFETY: 64 readable bytes, as the caller promises; nothing else is touched, and who compiles for AVX has it. The
    // block stays where it is between fences, because it reads memory.
    unsafe {
        core::arch::asm!(
            "vmovdqu {first}, [{from}]",
            "vmovdqu {second}, [{from} + 32]",
            from = in(reg) from,
            first = out(ymm_reg) first,
            second = out(ymm_reg) second,
            options(nostack, preserves_flags, readonly)
        );
    }
    [first, second]
}
#[cfg(all(
    target_arch = "x86_64",
    not(target_feature = "avx"),
    not(any(test, loom))
))]
use load_line as load;

/// Overwrites 64 bytes of shared memory: the mirror of [`load`].
///
/// # Safety
///
/// They must lie inside a writable mapping.
#[cfg(all(target_arch = "x86_64", target_feature = "avx", not(any(test, loom))))]
#[inline(always)]
unsafe fn store(to: *mut u8, [first, second]: Line) {
    // SAFETY: 64 writable bytes, as the caller promises; nothing else is touched, and who compiles for AVX has it.
    unsafe {
        core::arch::asm!(
            "vmovdqu [{to}], {first}",
            "vmovdqu [{to} + 32], {second}",
            to = in(reg) to,
            first = in(ymm_reg) first,
            second = in(ymm_reg) second,
            options(nostack, preserves_flags)
        );
    }
}
#[cfg(all(
    target_arch = "x86_64",
    not(target_feature = "avx"),
    not(any(test, loom))
))]
#[inline(always)]
unsafe fn store(to: *mut u8, [first, second, third, fourth]: Line) {
    // SAFETY: 64 writable bytes, as the caller promises; nothing else is touched, and SSE2 is part of x86-64.
    unsafe {
        core::arch::asm!(
            "movdqu [{to}], {first}",
            "movdqu [{to} + 16], {second}",
            "movdqu [{to} + 32], {third}",
            "movdqu [{to} + 48], {fourth}",
            to = in(reg) to,
            first = in(xmm_reg) first,
            second = in(xmm_reg) second,
            third = in(xmm_reg) third,
            fourth = in(xmm_reg) fourth,
            options(nostack, preserves_flags)
        );
    }
}

/// Copies 64 bytes at a time out of shared memory; says how many bytes it copied.
///
/// Only the loads are assembly: the compiler knows what is stored, and can do without copies of the copy.
#[inline(always)]
pub(super) fn lines_from_shared(from: *const u8, to: *mut u8, bytes: usize) -> usize {
    #[cfg(all(target_arch = "x86_64", not(any(test, loom))))]
    {
        for line in 0..bytes / 64 {
            // SAFETY: line `line` lies within `bytes` bytes at `from`, which the callers pass as readable.
            let parts = unsafe { load(from.wrapping_add(line * 64)) };
            // SAFETY: line `line` lies within `bytes` bytes at `to`, which is private; any alignment will do.
            unsafe {
                to.wrapping_add(line * 64)
                    .cast::<Line>()
                    .write_unaligned(parts)
            };
        }
        bytes / 64 * 64
    }
    #[cfg(not(all(target_arch = "x86_64", not(any(test, loom)))))]
    {
        let _ = (from, to, bytes);
        0
    }
}

/// Copies 64 bytes at a time into shared memory; says how many bytes it copied.
#[inline(always)]
pub(super) fn lines_to_shared(from: *const u8, to: *mut u8, bytes: usize) -> usize {
    #[cfg(all(target_arch = "x86_64", not(any(test, loom))))]
    {
        for line in 0..bytes / 64 {
            // SAFETY: line `line` lies within `bytes` bytes at `from`, which is private; any alignment will do.
            let parts = unsafe { from.wrapping_add(line * 64).cast::<Line>().read_unaligned() };
            // SAFETY: line `line` lies within `bytes` bytes at `to`, which the callers pass as writable.
            unsafe { store(to.wrapping_add(line * 64), parts) };
        }
        bytes / 64 * 64
    }
    #[cfg(not(all(target_arch = "x86_64", not(any(test, loom)))))]
    {
        let _ = (from, to, bytes);
        0
    }
}
