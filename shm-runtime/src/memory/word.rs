//! The exchange word: `{lap, full, node}` in 64 bits.
//!
//! ```text
//!  63                         b+1   b   b-1            0
//! +------------------------------+------+---------------+
//! |             lap              | full |  node ^ home  |
//! +------------------------------+------+---------------+
//! ```
//!
//! `b` is fixed by the capacity. The node is stored as its difference (exclusive or) from the word's home
//! node, so that the all-zero word is "lap 0, empty, holds its own node".

/// Most lanes that a schema may have.
pub const MAX_LANES: usize = 1024;
/// Nodes that each lane adds to a structure: its spare, and the one on its shelf.
pub const NODES_PER_LANE: usize = 2;

/// How words of a structure with a given capacity are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packing {
    bits: u32,
}

/// A word's parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// How often the word was emptied: the upper part of the ticket.
    pub lap: u64,
    /// Whether an element is there.
    pub full: bool,
    /// The node, as the difference from the word's home node.
    pub node: u64,
}

impl Packing {
    /// The packing for `capacity` words: room for the nodes of [`MAX_LANES`] lanes, so that it does not
    /// depend on the number of lanes. At least 32 bits are left for the lap.
    #[inline(always)]
    pub const fn for_capacity(capacity: usize) -> Self {
        let nodes = capacity as u64 + (MAX_LANES * NODES_PER_LANE) as u64;
        Self {
            bits: u64::BITS - (nodes - 1).leading_zeros(),
        }
    }

    /// Bits of a node.
    #[inline(always)]
    pub const fn node_bits(self) -> u32 {
        self.bits
    }

    /// Bits of the lap.
    pub const fn lap_bits(self) -> u32 {
        u64::BITS - 1 - self.bits
    }

    /// The word of these parts; a lap too large is cut to its bits.
    #[inline(always)]
    pub const fn pack(self, word: Word) -> u64 {
        word.lap << (self.bits + 1) | (word.full as u64) << self.bits | word.node & self.node_mask()
    }

    /// The parts of a word.
    #[inline(always)]
    pub const fn unpack(self, word: u64) -> Word {
        Word {
            lap: word >> (self.bits + 1),
            full: word >> self.bits & 1 == 1,
            node: word & self.node_mask(),
        }
    }

    /// Whether a word is in that lap and full or not, whatever its node.
    #[inline(always)]
    pub const fn says(self, word: u64, lap: u64, full: bool) -> bool {
        let node = 0;
        word & !self.node_mask() == self.pack(Word { lap, full, node })
    }

    /// Cuts a lap to the bits it has in a word.
    #[inline(always)]
    pub const fn lap(self, lap: u64) -> u64 {
        lap << (self.bits + 1) >> (self.bits + 1)
    }

    #[inline(always)]
    const fn node_mask(self) -> u64 {
        (1 << self.bits) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn zero_is_lap_zero_empty_home() {
        let packing = Packing::for_capacity(4096);
        assert_eq!(
            packing.unpack(0),
            Word {
                lap: 0,
                full: false,
                node: 0
            }
        );
        assert_eq!(packing.lap_bits(), 50);
    }

    #[test]
    fn lap_has_at_least_32_bits_up_to_2_to_the_29() {
        assert!(Packing::for_capacity(1 << 29).lap_bits() >= 32);
        assert!(Packing::for_capacity(1).lap_bits() >= 50);
    }

    proptest! {
        #[test]
        fn parts_survive(shift in 0_u32..30, lap in 0..u64::MAX, full: bool, node: u64) {
            let packing = Packing::for_capacity(1 << shift);
            let node = node % ((1 << shift) + 2048);
            let lap = packing.lap(lap);
            let word = Word { lap, full, node };
            let packed = packing.pack(word);
            prop_assert_eq!(packing.unpack(packed), word);
            prop_assert!(packing.says(packed, lap, full));
            prop_assert!(!packing.says(packed, lap, !full));
            prop_assert!(!packing.says(packed, packing.lap(lap + 1), full));
        }
    }
}
