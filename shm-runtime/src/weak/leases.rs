//! Leases: edge (L).

use super::{Awake, assert_caught, explore};
use crate::memory::atomic::AtomicU64;
use crate::memory::cell::CellArray;
use crate::memory::leases::Leases;
use crate::memory::owner::{Owners, Tag};
use crate::memory::participant::Identity;
use crate::memory::shared::Shared;
use crate::memory::signals::Event;
use crate::seeded::Bug;
use loom::thread::spawn;
use std::sync::Arc;
use zerocopy::FromZeros;

#[derive(FromZeros)]
#[repr(C)]
struct Memory {
    freed: Event,
    words: [AtomicU64; 1],
    objects: CellArray<u64, 1>,
}

/// Everybody lives.
#[derive(Clone, Copy)]
struct All;

impl Owners for All {
    fn last_in(&self, slot: u32) -> Option<Identity> {
        Some(Identity {
            slot,
            generation: 1,
        })
    }
    fn lives(&self, _: Identity) -> bool {
        true
    }
}

/// Leases the object, adds one to it, and gives it back; whether it got it.
fn add_one(memory: &Memory, slot: u32) -> bool {
    let leases = Leases {
        words: &memory.words,
        freed: &memory.freed,
        owners: All,
        kernel: Awake,
    };
    let me = Tag::of(Identity {
        slot,
        generation: 1,
    });
    let Some(lease) = leases.acquire(me, 0) else {
        return false;
    };
    let object = memory.objects.cells();
    let value = object.load(0).expect("an object");
    object.store(0, value + 1);
    assert!(leases.release(lease), "nobody else has it");
    true
}

fn one_object() {
    let memory = Memory::new_zeroed();
    let memory = Arc::new(memory);
    memory.freed.enrol();
    memory.words.enrol();
    memory.objects.enrol();
    let others = [1, 2].map(|slot| {
        let other = Arc::clone(&memory);
        spawn(move || u64::from(add_one(&other, slot)))
    });
    let mut added = u64::from(add_one(&memory, 0));
    for other in others {
        added += other.join().expect("it ended");
    }
    assert_eq!(
        memory.objects.cells().load(0),
        Some(added),
        "two had it at a time"
    );
}

#[test]
fn p1_an_object_has_one_holder_at_a_time() {
    explore(2, one_object);
}

#[test]
fn a_missing_edge_is_caught() {
    assert_caught(
        Bug::RelaxedLease,
        "weak::leases::p1_an_object_has_one_holder_at_a_time",
    );
}
