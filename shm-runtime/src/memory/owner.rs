//! Whose a word is: the name of an attachment in 27 bits, so that it fits into a word beside other things.
//!
//! ```text
//! 26          11 10       0
//! +-------------+----------+
//! | generation  | slot + 1 |     zero: nobody
//! +-------------+----------+
//! ```
//!
//! The generation is the low half of the slot's. A word with such a name is taken from its owner in three steps:
//! read the word, ask whether the owner lives, and exchange *that very word*. Nothing is taken from the living:
//! an owner who lives holds its slot's byte, and the slot's generation is its own, so the answer is yes;
//! what was dead at the question stays dead; and the word has a count of its own that grows with every owner, so the
//! exchange fails if it has another one meanwhile, the same attachment a second time or a namesake. A
//! namesake, the holder of the same slot 65,536 attachments later, can make the dead look alive: then what they
//! left comes back when it leaves. It never makes the living look dead.
//!
//! # Ordering
//!
//! (O) name -> `Owners::last_in`: whoever reads an owner's name sees its slot's generation, or a later one. An attachment
//! has its generation before it owns anything.

use super::attachment::Attachment;
use super::participant::Identity;
use crate::seeded::{Bug, seeded};
use core::sync::atomic::Ordering::Relaxed;
use core::time::Duration;

/// How often one who sleeps for somebody asks whether that one lives: the kernel wakes nobody for a death.
pub const WATCH: Duration = Duration::from_millis(50);

/// The name of an attachment, or nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag(u32);

const SLOT_BITS: u32 = 11;
const SLOT: u32 = (1 << SLOT_BITS) - 1;

impl Tag {
    /// How many bits it takes.
    pub const BITS: u32 = 27;
    /// All its bits.
    pub const MASK: u64 = (1 << Self::BITS) - 1;
    /// Nobody.
    pub const NOBODY: Self = Self(0);

    /// An attachment's.
    #[inline]
    pub const fn of(identity: Identity) -> Self {
        Self((identity.generation & 0xFFFF) << SLOT_BITS | (identity.slot + 1) & SLOT)
    }

    /// From the low bits of a word; the others are ignored.
    #[inline]
    pub const fn from_low(word: u64) -> Self {
        Self((word & Self::MASK) as u32)
    }

    /// As the low bits of a word.
    #[inline]
    pub const fn bits(self) -> u64 {
        self.0 as u64
    }

    /// Whether it names nobody.
    #[inline]
    pub const fn is_nobody(self) -> bool {
        self.0 == 0
    }

    /// The slot; `None` for nobody, and for what is no name.
    pub const fn slot(self) -> Option<u32> {
        (self.0 & SLOT).checked_sub(1)
    }

    /// Whether that attachment has this name.
    pub const fn names(self, identity: Identity) -> bool {
        Self::of(identity).0 == self.0
    }
}

/// Those who may own something.
pub trait Owners {
    /// The last one who moved into a slot, alive or not; `None` where there is no such slot.
    fn last_in(&self, slot: u32) -> Option<Identity>;

    /// Whether an attachment may still store.
    fn lives(&self, identity: Identity) -> bool;

    /// Whether somebody of that name may still store. Nobody does not, and neither does what is no name.
    fn has(&self, tag: Tag) -> bool {
        let last = tag.slot().and_then(|slot| self.last_in(slot));
        let ignored = seeded(Bug::IgnoreGeneration);
        last.is_some_and(|last| (tag.names(last) || ignored) && self.lives(last))
    }
}

impl Owners for Attachment {
    fn last_in(&self, slot: u32) -> Option<Identity> {
        let record = self.slots().get(slot as usize)?;
        let generation = record.generation.load(Relaxed); // ordered by the caller's read of the name (O)
        Some(Identity { slot, generation })
    }

    fn lives(&self, identity: Identity) -> bool {
        self.alive(identity)
    }
}

impl<O: Owners> Owners for &O {
    fn last_in(&self, slot: u32) -> Option<Identity> {
        (**self).last_in(slot)
    }

    fn lives(&self, identity: Identity) -> bool {
        (**self).lives(identity)
    }
}

impl Attachment {
    /// Who this process is in the segment; attaches first in a forked child. `None` where that is not possible.
    #[inline]
    pub fn own(&self) -> Option<Identity> {
        match self.identity() {
            Some(identity) if self.local().stamp.load(Relaxed) != 0 => Some(identity), // its own store, or `register`
            _ => self.register().ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_name_is_found_again(slot in 0_u32..1024, generation: u32, above: u64) {
            let identity = Identity { slot, generation };
            let tag = Tag::of(identity);
            prop_assert!(!tag.is_nobody());
            prop_assert_eq!(tag.slot(), Some(slot));
            prop_assert_eq!(Tag::from_low(tag.bits() | above << Tag::BITS), tag);
            prop_assert!(tag.names(identity));
            let next = Identity { slot, generation: generation.wrapping_add(1) };
            prop_assert!(!tag.names(next));
        }
    }

    #[test]
    fn nobody_is_nobody() {
        assert_eq!(Tag::from_low(0), Tag::NOBODY);
        assert_eq!(Tag::NOBODY.slot(), None);
        assert_eq!(
            Tag::from_low(1 << SLOT_BITS).slot(),
            None,
            "a generation without a slot"
        );
    }
}
