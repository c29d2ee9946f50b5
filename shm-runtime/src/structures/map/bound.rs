//! How far from its home a key can be: one word per home bucket.
//!
//! ```text
//!  63            21   20      19        0
//! +----------------+----------+----------+
//! |    version     | scanning |  steps   |      reach = 4 × (steps + 1) - 1, at most N - 1
//! +----------------+----------+----------+
//! ```
//!
//! Zero says that all entries of this home are among its first four buckets. Every change raises the version. The
//! largest number of steps says nothing, that is, N - 1.

/// Buckets in a step.
pub const STEP: usize = 4;
const STEPS_BITS: u32 = 20;
const STEPS: u64 = (1 << STEPS_BITS) - 1;
const SCANNING: u64 = 1 << STEPS_BITS;
const VERSION: u64 = SCANNING << 1;

/// A home's bound, as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound(pub u64);

impl Bound {
    /// Whether it is as low as it can be.
    #[inline(always)]
    pub const fn is_lowest(self) -> bool {
        self.0 & STEPS == 0
    }

    /// Whether somebody is about to lower it.
    pub const fn is_scanning(self) -> bool {
        self.0 & SCANNING != 0
    }

    /// The last distance within it, of `capacity` buckets.
    #[inline(always)]
    pub const fn reach(self, capacity: usize) -> usize {
        let steps = self.0 & STEPS;
        let reach = (steps as usize + 1) * STEP - 1;
        if steps == STEPS || reach >= capacity {
            capacity - 1
        } else {
            reach
        }
    }

    /// The steps that a distance needs.
    const fn steps(distance: usize) -> u64 {
        let steps = (distance / STEP) as u64;
        if steps < STEPS { steps } else { STEPS }
    }

    /// Whether a distance is in the last step of the bound, and a lower bound is possible.
    pub const fn ends_at(self, distance: usize) -> bool {
        !self.is_lowest() && self.0 & STEPS == Self::steps(distance)
    }

    const fn next(self, scanning: u64, steps: u64) -> Self {
        Self((self.0 & !(SCANNING | STEPS)).wrapping_add(VERSION) | scanning | steps)
    }

    /// With `distance` within it, and nobody about to lower it.
    pub const fn raised(self, distance: usize) -> Self {
        let (now, wanted) = (self.0 & STEPS, Self::steps(distance));
        self.next(0, if now > wanted { now } else { wanted })
    }

    /// About to be lowered.
    pub const fn marked(self) -> Self {
        self.next(SCANNING, self.0 & STEPS)
    }

    /// Lowered to `distance`.
    pub const fn lowered(self, distance: usize) -> Self {
        self.next(0, Self::steps(distance))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn zero_reaches_the_first_four() {
        assert_eq!(Bound(0).reach(1024), 3);
        assert_eq!(Bound(0).reach(2), 1);
        assert!(Bound(0).is_lowest() && !Bound(0).is_scanning());
    }

    proptest! {
        #[test]
        fn parts_survive(word: u64, shift in 3_u32..30, distance: usize) {
            let (bound, capacity) = (Bound(word), 1_usize << shift);
            let distance = distance % capacity;
            let raised = bound.raised(distance);
            prop_assert!(raised.reach(capacity) >= distance.max(bound.reach(capacity)));
            prop_assert!(!raised.is_scanning());
            prop_assert_eq!(raised.0 >> 21, (word >> 21).wrapping_add(1) << 21 >> 21);
            let marked = bound.marked();
            prop_assert_eq!(marked.reach(capacity), bound.reach(capacity));
            prop_assert!(marked.is_scanning());
            let lowered = marked.lowered(distance);
            prop_assert!(lowered.reach(capacity) >= distance && !lowered.is_scanning());
            prop_assert!(lowered.reach(capacity) < distance + STEP || distance / STEP >= STEPS as usize);
            prop_assert_eq!(lowered.ends_at(distance), distance >= STEP);
        }
    }
}
