//! Leases: edges (L), (N) and (O).

use super::kill::{at_every_access, killed};
use super::owners::Slots;
use super::{Awake, assert_caught, explore};
use crate::memory::atomic::AtomicU64;
use crate::memory::cell::CellArray;
use crate::memory::leases::{Leases, read_leased};
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
    slots: Slots,
}

impl Memory {
    fn leases(&self) -> Leases<'_, &Slots, Awake> {
        Leases {
            words: &self.words,
            freed: &self.freed,
            owners: &self.slots,
            kernel: Awake,
        }
    }
}

/// Leases the object, adds one to it, and gives it back; whether it got it.
fn add_one(memory: &Memory, slot: u32) -> bool {
    let leases = memory.leases();
    let Some(lease) = leases.acquire(memory.slots.attach(slot), 0) else {
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
    memory.slots.enrol();
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

/// A holder is killed before its access number `accesses`, and its lease comes back, beside one who wants it; whether
/// the holder came to its end.
fn a_killed_holder(accesses: usize) -> bool {
    let memory = Arc::new(Memory::new_zeroed());
    memory.freed.enrol();
    memory.words.enrol();
    memory.objects.enrol();
    memory.slots.enrol();
    let dead = Arc::clone(&memory);
    let dead = spawn(move || {
        let mut added = 0;
        let ended = killed(accesses, || added = u64::from(add_one(&dead, 0)));
        dead.slots.dies(0);
        dead.leases().sweep(dead.slots.attach(1)); // somebody else, who knows of the death
        (ended, added)
    });
    let (leases, me) = (memory.leases(), memory.slots.attach(2));
    let lease = leases.acquire_free(me, 0);
    let value = lease.and_then(|_| memory.objects.cells().load(0));
    let (ended, added) = dead.join().expect("it was killed");
    assert!(
        added == 1 || !ended || lease.is_some(),
        "nobody else had it"
    );
    let now = memory.objects.cells().load(0);
    assert!(value.is_none() || value == now, "it was still written");
    assert!(
        lease.is_some() || leases.acquire(me, 0).is_some(),
        "it is free"
    );
    ended
}

/// One reads an object by its handle, while the object goes to the next holder.
fn a_stale_handle() {
    let memory = Arc::new(Memory::new_zeroed());
    let lease = memory
        .leases()
        .acquire(memory.slots.attach(0), 0)
        .expect("it is free");
    memory.freed.enrol();
    memory.words.enrol();
    memory.objects.enrol();
    memory.slots.enrol();
    let other = Arc::clone(&memory);
    let holders = spawn(move || {
        other.objects.cells().store(0, 1);
        assert!(other.leases().release(lease), "nobody else has it");
        other
            .leases()
            .acquire(other.slots.attach(1), 0)
            .expect("it is free");
        other.objects.cells().store(0, 2);
    });
    let word = &memory.words[0];
    let found = read_leased(word, lease.generation(), || memory.objects.cells().load(0));
    assert!(found.is_none_or(|value| value < 2), "the next holder's");
    holders.join().expect("it ended");
}

#[test]
fn p1_a_lease_of_the_dead_is_handed_on_with_what_they_did() {
    at_every_access(2, a_killed_holder);
}

#[test]
fn p1_a_stale_handle_reads_nothing_of_the_next_holder() {
    explore(3, a_stale_handle);
}

#[test]
fn missing_edges_are_caught() {
    assert_caught(
        Bug::RelaxedGeneration,
        "weak::leases::p1_a_stale_handle_reads_nothing_of_the_next_holder",
    );
    for bug in [Bug::RelaxedLease, Bug::RelaxedName] {
        assert_caught(bug, "weak::leases::p1_an_object_has_one_holder_at_a_time");
    }
    assert_caught(
        Bug::RelaxedOrphan,
        "weak::leases::p1_a_lease_of_the_dead_is_handed_on_with_what_they_did",
    );
}
