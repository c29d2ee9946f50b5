//! Attachments that own words: each has a slot, and one of them may die.

use crate::memory::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use crate::memory::owner::{Owners, Tag};
use crate::memory::participant::Identity;
use crate::memory::shared::impl_shared;
use zerocopy::FromZeros;

/// Slots.
const SLOTS: usize = 3;

/// What is known of the attachments.
#[derive(FromZeros)]
#[repr(C)]
pub struct Slots {
    /// As in `Participant`.
    generations: [AtomicU64; SLOTS],
    /// Who has died: the kernel's answer, behind which all that the dead one stored is visible.
    died: AtomicU64,
}

impl_shared!(impl[] Slots { generations, died });

impl Slots {
    /// An attachment moves into a slot, before it owns anything: its name.
    pub fn attach(&self, slot: u32) -> Tag {
        let identity = identity(slot);
        self.generations[slot as usize].store(identity.generation.into(), Relaxed); // (O)
        Tag::of(identity)
    }

    /// The attachment of a slot dies, and there is one that does.
    pub fn dies(&self, slot: u32) {
        self.died.store(u64::from(slot) + 1, Release);
    }
}

impl Owners for &Slots {
    fn last_in(&self, slot: u32) -> Option<Identity> {
        let generation = self.generations.get(slot as usize)?.load(Relaxed) as u32; // (O)
        Some(Identity { slot, generation })
    }
    fn lives(&self, identity: Identity) -> bool {
        self.died.load(Acquire) != u64::from(identity.slot) + 1
    }
}

/// Who is in a slot, once somebody is.
pub const fn identity(slot: u32) -> Identity {
    let generation = 1;
    Identity { slot, generation }
}
