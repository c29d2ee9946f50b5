//! The bucket: an exchange word of a hash map.
//!
//! ```text
//!  63                b+2+f  b+1+f     b+2  b+1   b  b-1            0
//! +-----------------------+---------------+--------+---------------+
//! |        version        |  fingerprint  | state  |  node ^ home  |
//! +-----------------------+---------------+--------+---------------+
//! ```
//!
//! `b` is that of [`Packing`], so the exchange and its recovery find the node where they look for it. The
//! fingerprint has `f` = 8 bits, or as many as leave 32 to the version. Every change raises the version by one,
//! so a word never comes back, until it wraps: a process must be stopped in the middle of an operation for as long
//! as that takes and wake up at that very version (2³³ changes of *one* bucket at 2²⁰ buckets), with the same node
//! in the same state.
//!
//! All-zero is "version 0, empty, holds its own node".

use super::atomic::Ordering::Relaxed;
use super::exchange::{Capacity, Exchange};
use super::glance::Pattern;
use super::lane::{Intent, Phase};
use super::word::Packing;
use crate::seeded::{Bug, linearized, seeded};

/// What a bucket says of its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum State {
    /// It means nothing.
    Empty = 0,
    /// An entry that is not in the map yet: whether it will be is undecided.
    Inserting = 1,
    /// An entry of the map.
    Member = 2,
    /// An entry that lost against another of its key, and never was in the map.
    Collided = 3,
}

/// A bucket's parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// How often the word was changed.
    pub version: u64,
    /// What it says.
    pub state: State,
    /// Some bits of its key's hash; means nothing where the bucket is empty.
    pub print: u64,
    /// The node, as the difference from the bucket's home node.
    pub node: u64,
}

/// How the buckets of a map are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buckets {
    node_bits: u32,
    print_bits: u32,
}

const STATE_BITS: u32 = 2;
/// Bits of a fingerprint, at most.
const PRINT_BITS: u32 = 8;
/// Its lowest bits, which are those of the home: so a look for a home's entries reads words and few nodes.
const HOME_BITS: u32 = 3;
/// Bits of a version, at least.
const VERSION_BITS: u32 = 32;
/// Cleaners of one bucket that are believed: a claim moves on twice at most.
const PATIENCE: usize = 4;

impl Buckets {
    /// Most buckets: beyond, the version would have less than 32 bits.
    pub const MOST: usize = 1 << 29;

    /// The packing for `capacity` buckets, at most [`Self::MOST`].
    #[inline(always)]
    pub const fn for_capacity(capacity: usize) -> Self {
        let node_bits = Packing::for_capacity(capacity).node_bits();
        let left = (u64::BITS - STATE_BITS - VERSION_BITS).saturating_sub(node_bits);
        Self {
            node_bits,
            print_bits: if left < PRINT_BITS { left } else { PRINT_BITS },
        }
    }

    const fn version_shift(self) -> u32 {
        self.node_bits + STATE_BITS + self.print_bits
    }

    /// Bits of the version.
    pub const fn version_bits(self) -> u32 {
        u64::BITS - self.version_shift()
    }

    /// The fingerprint in a hash: its topmost bits, and below them its lowest ones.
    #[inline(always)]
    pub const fn print(self, hash: u64) -> u64 {
        let top = hash >> (u64::BITS - PRINT_BITS + HOME_BITS);
        (top << HOME_BITS | hash & ((1 << HOME_BITS) - 1)) & ((1 << self.print_bits) - 1)
    }

    /// The word of these parts; what is too large is cut to its bits.
    #[inline(always)]
    pub const fn pack(self, bucket: Bucket) -> u64 {
        bucket.version << self.version_shift()
            | (bucket.print & ((1 << self.print_bits) - 1)) << (self.node_bits + STATE_BITS)
            | (bucket.state as u64) << self.node_bits
            | bucket.node & ((1 << self.node_bits) - 1)
    }

    /// The parts of a word.
    #[inline(always)]
    pub const fn unpack(self, word: u64) -> Bucket {
        Bucket {
            version: word >> self.version_shift(),
            state: self.state(word),
            print: word >> (self.node_bits + STATE_BITS) & ((1 << self.print_bits) - 1),
            node: word & ((1 << self.node_bits) - 1),
        }
    }

    /// A word's state.
    #[inline(always)]
    pub const fn state(self, word: u64) -> State {
        match word >> self.node_bits & 3 {
            0 => State::Empty,
            1 => State::Inserting,
            2 => State::Member,
            _ => State::Collided,
        }
    }

    /// A word's version.
    #[inline(always)]
    pub const fn version(self, word: u64) -> u64 {
        word >> self.version_shift()
    }

    /// Entries of the map with that fingerprint.
    #[inline(always)]
    pub const fn members(self, print: u64) -> Pattern {
        let bits = self.print_bits + STATE_BITS;
        Pattern {
            mask: ((1 << bits) - 1) << self.node_bits,
            wanted: (print << STATE_BITS | State::Member as u64) << self.node_bits,
        }
    }

    /// Whatever has that fingerprint, in whatever state.
    #[inline(always)]
    pub const fn alike(self, print: u64) -> Pattern {
        let shift = self.node_bits + STATE_BITS;
        Pattern {
            mask: ((1 << self.print_bits) - 1) << shift,
            wanted: print << shift,
        }
    }

    /// Whatever may have that home, of `capacity`, in whatever state.
    #[inline(always)]
    pub const fn of_home(self, home: usize, capacity: usize) -> Pattern {
        let shift = self.node_bits + STATE_BITS;
        let all = (1 << HOME_BITS) - 1;
        let bits = all & ((1 << self.print_bits) - 1) & (capacity as u64 - 1);
        Pattern {
            mask: bits << shift,
            wanted: (home as u64 & bits) << shift,
        }
    }

    /// Empty buckets.
    #[inline(always)]
    pub const fn empty(self) -> Pattern {
        Pattern {
            mask: 3 << self.node_bits,
            wanted: (State::Empty as u64) << self.node_bits,
        }
    }

    /// What a word becomes when its state changes and nothing else.
    #[inline(always)]
    pub fn turn(self, word: u64, state: State) -> u64 {
        let word = word & !(3 << self.node_bits) | (state as u64) << self.node_bits;
        self.later(word)
    }

    /// What a word becomes when an entry is put into it: `node` is relative to the bucket's home.
    #[inline(always)]
    pub fn put(self, word: u64, state: State, print: u64, node: u64) -> u64 {
        let version = self.version(word);
        self.later(self.pack(Bucket {
            version,
            state,
            print,
            node,
        }))
    }

    /// One version later.
    #[inline(always)]
    fn later(self, word: u64) -> u64 {
        word.wrapping_add(step() << self.version_shift())
    }

    /// Whether `word` holds, undecided or lost, the entry whose claim found the bucket as `old`: the versions in
    /// between belong to that entry alone.
    #[inline(always)]
    pub fn is_undecided(self, word: u64, old: u64) -> bool {
        let since = word.wrapping_sub(old & !self.below_version()) >> self.version_shift();
        match self.state(word) {
            State::Inserting => since == step(),
            State::Collided => since == 2 * step(),
            _ => false,
        }
    }

    /// All bits below the version.
    const fn below_version(self) -> u64 {
        (1 << self.version_shift()) - 1
    }
}

/// By how much a change raises the version.
#[inline(always)]
fn step() -> u64 {
    u64::from(!seeded(Bug::NoVersion))
}

/// The number of an exchange of bucket `slot` that holds `old`, for the lane's state.
#[inline(always)]
pub const fn number(buckets: Buckets, capacity: usize, slot: usize, old: u64) -> u64 {
    buckets.version(old) << capacity.trailing_zeros() | slot as u64
}

/// Empties the bucket that an intent of phase [`Phase::Inserted`] claimed, if the entry is still undecided or lost.
/// Returns whether it did: otherwise the entry became a member.
///
/// The caller owns the lane, or may sweep it.
pub fn give_up<C: Capacity>(exchange: &Exchange<'_, C>, intent: &Intent) -> bool {
    debug_assert_eq!(intent.phase, Phase::Inserted);
    let slot = intent.number as usize & (exchange.capacity() - 1); // a power of two: the place says so
    let Some(at) = exchange.word(slot) else {
        return false;
    };
    let buckets = Buckets::for_capacity(exchange.capacity());
    for _ in 0..PATIENCE {
        let now = at.load(Relaxed); // the exchange compares it
        if !buckets.is_undecided(now, intent.old) {
            return false;
        }
        let empty = buckets.turn(now, State::Empty);
        // Lost: a helper decided the entry meanwhile. Relaxed: nothing is read or written behind it, and what the claim
        // released goes on through an exchange.
        let done = at.compare_exchange(now, empty, Relaxed, Relaxed);
        if done.is_ok() {
            linearized(usize::MAX, slot, now, empty);
            return true;
        }
    }
    false // somebody decides it for ever: not in good faith
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STATES: [State; 4] = [
        State::Empty,
        State::Inserting,
        State::Member,
        State::Collided,
    ];

    #[test]
    fn zero_is_empty_home() {
        let buckets = Buckets::for_capacity(1024);
        let zero = Bucket {
            version: 0,
            state: State::Empty,
            print: 0,
            node: 0,
        };
        assert_eq!(buckets.unpack(0), zero);
    }

    #[test]
    fn version_has_at_least_32_bits() {
        for shift in 0..=29 {
            assert!(
                Buckets::for_capacity(1 << shift).version_bits() >= 32,
                "2^{shift}"
            );
        }
        let bits = |shift: u32| Buckets::for_capacity(1 << shift).version_bits();
        assert_eq!(
            [bits(10), bits(12), bits(16), bits(20), bits(29)],
            [42, 41, 37, 33, 32]
        );
    }

    proptest! {
        #[test]
        fn parts_survive(shift in 0_u32..30, version: u64, state in 0..4_usize, print: u64, node: u64) {
            let buckets = Buckets::for_capacity(1 << shift);
            let bucket = Bucket {
                version: version >> (64 - buckets.version_bits()),
                state: STATES[state],
                print: buckets.print(print),
                node: node % ((1 << shift) + 2048),
            };
            let word = buckets.pack(bucket);
            prop_assert_eq!(buckets.unpack(word), bucket);
            let member = Bucket { state: State::Member, ..bucket };
            prop_assert!(buckets.members(bucket.print).fits(buckets.pack(member)));
            prop_assert!(buckets.alike(bucket.print).fits(word));
            let home = print as usize & ((1 << shift) - 1); // of the hash that the fingerprint is of
            prop_assert!(buckets.of_home(home, 1 << shift).fits(word));
            prop_assert_eq!(buckets.empty().fits(word), bucket.state == State::Empty);
            let masks = buckets.members(bucket.print).mask | buckets.alike(bucket.print).mask | buckets.empty().mask;
            prop_assert_eq!(masks >> 32, 0, "a glance sees the lower half");
        }

        #[test]
        fn a_change_is_one_version_later(shift in 0_u32..30, word: u64, print: u64, to in 0..4_usize) {
            let buckets = Buckets::for_capacity(1 << shift);
            let (before, state) = (buckets.unpack(word), STATES[to]);
            let version = (before.version + 1) << (64 - buckets.version_bits()) >> (64 - buckets.version_bits());
            let turned = buckets.unpack(buckets.turn(word, state));
            prop_assert_eq!(turned, Bucket { version, state, ..before });
            let print = buckets.print(print);
            let put = buckets.unpack(buckets.put(word, state, print, 1));
            prop_assert_eq!(put, Bucket { version, state, print, node: 1 });
        }

        #[test]
        fn an_entry_is_known_by_its_versions(shift in 0_u32..30, old: u64, print: u64) {
            let buckets = Buckets::for_capacity(1 << shift);
            let claimed = buckets.put(old, State::Inserting, print, 3);
            let collided = buckets.turn(claimed, State::Collided);
            let member = buckets.turn(claimed, State::Member);
            prop_assert!(buckets.is_undecided(claimed, old));
            prop_assert!(buckets.is_undecided(collided, old));
            prop_assert!(!buckets.is_undecided(member, old));
            prop_assert!(!buckets.is_undecided(old, old));
            prop_assert!(!buckets.is_undecided(buckets.put(collided, State::Inserting, print, 3), old));
        }
    }
}
