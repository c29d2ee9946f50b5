//! A look at all words of a cache line at once.
//!
//! A search reads many words for the sake of the few that it is after. One by one, each costs a load, a comparison and a
//! branch, the last of which is mispredicted; all eight of a line together cost four loads and no branch.
//!
//! A glance is eight loads, in any order and none of them torn: it promises what eight atomic loads of the order that is
//! asked for promise, and nothing about the eight together. It looks at the lower halves of words only.

#![allow(unsafe_code)] // owns the loads of a whole line

use super::atomic::{AtomicU64, Ordering};
#[cfg(all(target_arch = "x86_64", not(test), not(loom)))]
use super::atomic::{Ordering::SeqCst, compiler_fence};
#[cfg(all(target_arch = "x86_64", not(loom)))]
use super::vectors::load_line;

/// Words in a line.
pub const LINE: usize = 8;

/// Some bits of a word, and what is wanted there; both in the word's lower half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Which bits.
    pub mask: u64,
    /// What they are to be.
    pub wanted: u64,
}

impl Pattern {
    /// Whether a word is like that.
    #[inline(always)]
    pub const fn fits(self, word: u64) -> bool {
        word & self.mask == self.wanted
    }
}

/// Which of these words, at most a line of them, have a pattern: the first one as the lowest bit.
///
/// `order` is that of each load: `Relaxed` or `Acquire`, or `SeqCst` on machines whose loads of that order are plain.
#[inline(always)]
pub fn glance(words: &[AtomicU64], pattern: Pattern, order: Ordering) -> u32 {
    debug_assert!(words.len() <= LINE && (pattern.mask | pattern.wanted) >> 32 == 0);
    #[cfg(all(target_arch = "x86_64", not(test), not(loom)))]
    if let Ok(line) = words.try_into() {
        let is_ordered = order != Ordering::Relaxed;
        if is_ordered {
            compiler_fence(SeqCst); // for the processor, loads are ordered on x86
        }
        let found = together(line, pattern);
        if is_ordered {
            compiler_fence(SeqCst); // what is loaded behind stays behind
        }
        return found;
    }
    one_by_one(words, pattern, order)
}

/// In the order of the words, wherever there is no instruction for it.
#[inline(always)]
fn one_by_one(words: &[AtomicU64], pattern: Pattern, order: Ordering) -> u32 {
    let fits = words.iter().map(|word| pattern.fits(word.load(order)));
    fits.enumerate()
        .fold(0, |found, (i, fits)| found | u32::from(fits) << i)
}

#[cfg(all(target_arch = "x86_64", not(loom)))]
#[cfg_attr(test, allow(dead_code))]
#[inline(always)]
fn together(line: &[AtomicU64; LINE], pattern: Pattern) -> u32 {
    // SAFETY: the 64 bytes of `line`, which lie where an `AtomicU64` may.
    let parts = unsafe { load_line(line.as_ptr().cast()) };
    // SAFETY: SSE2 is part of x86-64.
    unsafe { compare(parts, pattern) }
}

/// Which of eight words, two in each part, have a pattern.
#[cfg(all(target_arch = "x86_64", not(loom)))]
#[target_feature(enable = "sse2")]
#[inline]
fn compare(parts: [core::arch::x86_64::__m128i; 4], pattern: Pattern) -> u32 {
    use core::arch::x86_64::{
        _mm_and_si128, _mm_castps_si128, _mm_castsi128_ps, _mm_cmpeq_epi32, _mm_movemask_epi8,
        _mm_packs_epi16, _mm_packs_epi32, _mm_set1_epi32, _mm_shuffle_ps,
    };

    /// Parts 0 and 2 of one and of the other: the lower halves of words.
    const LOWER: i32 = 0b10_00_10_00;
    let [first, second, third, fourth] = parts.map(|part| _mm_castsi128_ps(part));
    let mask = _mm_set1_epi32((pattern.mask as u32).cast_signed());
    let wanted = _mm_set1_epi32((pattern.wanted as u32).cast_signed());
    let four = _mm_castps_si128(_mm_shuffle_ps::<LOWER>(first, second));
    let others = _mm_castps_si128(_mm_shuffle_ps::<LOWER>(third, fourth));
    let four = _mm_cmpeq_epi32(_mm_and_si128(four, mask), wanted);
    let others = _mm_cmpeq_epi32(_mm_and_si128(others, mask), wanted);
    let eight = _mm_packs_epi32(four, others); // all ones stay all ones
    _mm_movemask_epi8(_mm_packs_epi16(eight, eight)).cast_unsigned() & 0xFF
}

#[cfg(test)]
mod tests {
    use super::super::atomic::Ordering::Relaxed;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_glance_sees_what_eight_looks_see(mut words: [u64; LINE], mask: u32, like in 0..LINE, same: u8) {
            for i in (0..LINE).filter(|i| same >> i & 1 == 1) {
                words[i] = words[like];
            }
            let mask = u64::from(mask);
            let pattern = Pattern { mask, wanted: words[like] & mask };
            let expected = (0..LINE).filter(|&i| pattern.fits(words[i])).map(|i| 1 << i).sum::<u32>();
            let words = words.map(AtomicU64::new);
            prop_assert_eq!(glance(&words, pattern, Relaxed), expected);
            #[cfg(all(target_arch = "x86_64", not(loom)))]
            prop_assert_eq!(together(&words, pattern), expected);
            prop_assert_eq!(glance(&words[..3], pattern, Relaxed), expected & 7);
        }
    }
}
