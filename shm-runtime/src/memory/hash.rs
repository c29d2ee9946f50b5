//! The hash of a key: the same in every process, every language and every version.
//!
//! It is defined over the key's bytes. With all arithmetic modulo 2⁶⁴:
//!
//! ```text
//! hash(bytes):
//!     h := len × 0x9E3779B97F4A7C15
//!     for each 8 bytes, the last ones filled up with zeros, as a little-endian number w:
//!         h := mix(h ^ w)
//!     return h
//!
//! mix(x):
//!     x := (x ^ x >> 30) × 0xBF58476D1CE4E5B9
//!     x := (x ^ x >> 27) × 0x94D049BB133111EB
//!     return x ^ x >> 31
//! ```
//!
//! `mix` is the finaliser of SplitMix64, Stafford's variant 13 of MurmurHash3's (Steele, Lea, Flood, "Fast splittable
//! pseudorandom number generators", OOPSLA 2014). It is a bijection, so keys of one length up to 8 bytes have
//! different hashes. Two multiplications per 8 bytes; a length that is known at compile time leaves no loop. There is
//! no secret in it: who chooses the keys can make them collide, and what that costs is time.

/// Goes with the length.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

#[inline(always)]
const fn mix(x: u64) -> u64 {
    let x = (x ^ x >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ x >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ x >> 31
}

/// The hash of some bytes.
#[inline(always)]
pub fn hash(bytes: &[u8]) -> u64 {
    let mut hash = GOLDEN.wrapping_mul(bytes.len() as u64);
    let (words, rest) = bytes.as_chunks::<8>();
    for &word in words {
        hash = mix(hash ^ u64::from_le_bytes(word));
    }
    if !rest.is_empty() {
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        hash = mix(hash ^ u64::from_le_bytes(last));
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of FORMAT.md: lines `hash of <bytes in hex or "-"> is <hash>`.
    #[test]
    fn format_has_the_vectors() {
        let format = include_str!("../../../FORMAT.md");
        let mut count = 0;
        for line in format.lines() {
            let Some(rest) = line.strip_prefix("hash of ") else {
                continue;
            };
            let (bytes, expected) = rest.split_once(" is 0x").expect("a vector");
            let digits = bytes.trim().trim_start_matches('-');
            let bytes: Vec<u8> = (0..digits.len() / 2)
                .map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).expect("hex"))
                .collect();
            let expected = u64::from_str_radix(expected.trim(), 16).expect("hex");
            assert_eq!(hash(&bytes), expected, "{digits}: {:#018x}", hash(&bytes));
            count += 1;
        }
        assert!(count >= 6, "{count} vectors");
    }

    /// Every bit of a key of 4, 8 or 16 bytes turns every bit of the hash in about half of the cases.
    #[test]
    fn every_bit_of_a_key_changes_half_of_the_hash() {
        for len in [4, 8, 16] {
            for bit in 0..8 * len {
                let mut turned = [0_u32; 64];
                for key in 0..512_u32 {
                    let mut bytes = [0; 16];
                    bytes[..4].copy_from_slice(&key.to_le_bytes());
                    let before = hash(&bytes[..len]);
                    bytes[bit / 8] ^= 1 << (bit % 8);
                    let change = before ^ hash(&bytes[..len]);
                    (0..64).for_each(|i| turned[i] += (change >> i & 1) as u32);
                }
                // 256 ± 7 standard deviations
                let fair = turned.iter().all(|&times| (177..=335).contains(&times));
                assert!(fair, "{len} bytes, bit {bit}: {turned:?}");
            }
        }
    }

    #[test]
    fn keys_in_a_row_spread_over_buckets() {
        let mut full = vec![0_u32; 1024];
        for key in 0..65_536_u64 {
            full[hash(&key.to_le_bytes()) as usize % 1024] += 1;
        }
        // 64 ± 6 standard deviations
        assert!(full.iter().all(|&keys| (16..=112).contains(&keys)));
    }
}
