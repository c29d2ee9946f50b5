//! `sync`: what blocks.

mod gate;
mod lock;
mod readers;
mod signal;

use crate::memory::atomic::{
    AtomicU64,
    Ordering::{Acquire, Release},
};
use crate::memory::owner::{Owners, Tag};
use crate::memory::participant::Identity;
use crate::memory::shared::impl_shared;
use zerocopy::FromZeros;

/// Who has died: the kernel's answer, behind which all that the dead one stored is visible.
#[derive(FromZeros)]
#[repr(transparent)]
struct Died(AtomicU64);

impl_shared!(impl[] Died { 0 });

impl Died {
    /// The attachment of a slot dies, and there is one that does.
    fn dies(&self, slot: u32) {
        self.0.store(u64::from(slot) + 1, Release);
    }
}

impl Owners for &Died {
    fn last_in(&self, slot: u32) -> Option<Identity> {
        Some(identity(slot))
    }
    fn lives(&self, identity: Identity) -> bool {
        self.0.load(Acquire) != u64::from(identity.slot) + 1
    }
}

fn identity(slot: u32) -> Identity {
    let generation = 1;
    Identity { slot, generation }
}

fn tag(slot: u32) -> Tag {
    Tag::of(identity(slot))
}
