//! The gate of `Barrier`: edge (G).

use crate::memory::atomic::{AtomicU64, Ordering::Relaxed};
use crate::memory::leases::{Lease, Leases};
use crate::memory::shared::{Shared, impl_shared};
use crate::memory::signals::Event;
use crate::seeded::Bug;
use crate::sync::gate::{Arrival, Gate};
use crate::weak::kill::{at_every_access, killed};
use crate::weak::owners::Slots;
use crate::weak::{Awake, assert_caught, explore};
use loom::thread::spawn;
use std::sync::Arc;
use zerocopy::FromZeros;

/// Most parties.
const PARTIES: usize = 3;

#[derive(FromZeros)]
#[repr(C)]
struct Memory {
    moved: Event,
    state: AtomicU64,
    places: [AtomicU64; PARTIES],
    /// What each party does before it arrives.
    done: [AtomicU64; PARTIES],
    slots: Slots,
}

impl_shared!(impl[] Memory { moved, state, places, done, slots });

impl Memory {
    fn gate(&self, parties: usize) -> Gate<'_, &Slots, Awake> {
        Gate {
            state: &self.state,
            places: Leases {
                words: &self.places[..parties],
                freed: &self.moved,
                owners: &self.slots,
                kernel: Awake,
            },
        }
    }

    /// Does something and arrives, and if it is through, sees what all have done; whether it is through.
    fn pass(&self, parties: usize, slot: u32, at: Lease) -> bool {
        let gate = self.gate(parties);
        self.done[slot as usize].store(1, Relaxed);
        let opened = gate.arrive(self.slots.attach(slot), at) == Some(Arrival::Opened);
        let through = opened || gate.is_through(at);
        if through {
            let done = self.done[..parties].iter();
            assert!(done.map(|done| done.load(Relaxed)).all(|done| done == 1));
        }
        through
    }
}

fn all_arrive(parties: usize) {
    let memory = Arc::new(Memory::new_zeroed());
    let lease = |slot: u32| {
        let leases = memory.gate(parties).places;
        leases
            .acquire_free(memory.slots.attach(slot), slot as usize)
            .expect("a place")
    };
    let places: Vec<_> = (0..parties as u32).map(lease).collect();
    memory.enrol();
    let others: Vec<_> = (1..parties as u32)
        .map(|slot| {
            let (other, at) = (Arc::clone(&memory), places[slot as usize]);
            spawn(move || other.pass(parties, slot, at))
        })
        .collect();
    memory.pass(parties, 0, places[0]);
    for other in others {
        other.join().expect("it ended");
    }
    let gate = memory.gate(parties);
    assert!(
        places.into_iter().all(|at| gate.is_through(at)),
        "it is shut"
    );
}

/// One of two parties is killed before its access number `accesses`, and a third one comes; whether the first came to
/// its end.
fn a_killed_party(accesses: usize) -> bool {
    let memory = Arc::new(Memory::new_zeroed());
    memory.enrol();
    let dead = Arc::clone(&memory);
    let dead = spawn(move || {
        let ended = killed(accesses, || {
            let (gate, me) = (dead.gate(2), dead.slots.attach(0));
            let Some(at) = gate.places.acquire_free(me, 0) else {
                return;
            };
            if gate.arrive(me, at) != Some(Arrival::Opened) {
                gate.withdraw(at);
            }
            gate.places.release(at);
        });
        dead.slots.dies(0);
        ended
    });
    let (gate, me) = (memory.gate(2), memory.slots.attach(1));
    let at = gate.places.acquire_free(me, 1).expect("a place");
    let opened = gate.arrive(me, at).expect("it makes sense") == Arrival::Opened;
    let ended = dead.join().expect("it was killed");
    let through = gate.is_through(at);
    assert!(through || !opened, "it opened for others");
    if through {
        gate.places.release(at);
    }
    let me = memory.slots.attach(2);
    gate.sweep(me);
    let place = gate.places.acquire_free(me, 0).expect("a place");
    let last = gate.arrive(me, place).expect("it makes sense");
    let expected = if through {
        Arrival::Waits
    } else {
        Arrival::Opened
    };
    assert_eq!(
        last, expected,
        "a dead party counts, or a living one does not"
    );
    assert!(through || gate.is_through(at));
    ended
}

#[test]
fn p1_who_is_through_sees_what_all_have_done() {
    explore(4, || all_arrive(2));
    explore(2, || all_arrive(PARTIES));
}

#[test]
fn p1_a_dead_party_does_not_count() {
    at_every_access(2, a_killed_party);
}

#[test]
fn missing_edges_are_caught() {
    assert_caught(
        Bug::RelaxedGate,
        "weak::sync::gate::p1_who_is_through_sees_what_all_have_done",
    );
    assert_caught(
        Bug::NoSweep,
        "weak::sync::gate::p1_a_dead_party_does_not_count",
    );
}
