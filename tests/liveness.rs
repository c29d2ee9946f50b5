//! Who is dead stays dead, also while somebody takes its slot over. Promises P1, P3.

#![allow(unsafe_code)] // ptrace

#[path = "common/mod.rs"]
mod common;
#[path = "common/traced.rs"]
mod traced;

use common::unique;
use shm_runtime::{Segment, ShmLayout, Spsc};
use traced::{Traced, alone};

#[derive(Debug, ShmLayout)]
#[shm(lanes = 4)]
struct Pair {
    audio: Spsc<u64, 4>,
}

/// A process that attaches takes the dead one's slot, step by step; at none of its steps does the dead one seem
/// to be alive. It did between the lock on the slot's byte and the slot's new generation, so that the role of
/// the dead was refused.
#[test]
fn p1_a_role_of_the_dead_is_free_while_somebody_takes_their_slot_over() {
    let _alone = alone();
    let name = unique("liveness");
    let pair = Pair::create(&name).unwrap();
    let killed = Traced::start(|| {
        let pair = Pair::open(&name).unwrap();
        let _producer = pair.audio.producer().unwrap();
        traced::stop();
    });
    assert!(killed.run_to_stop());
    let slots = Segment::participants(&pair).unwrap();
    assert!(pair.audio.producer().is_err(), "its holder lives");
    killed.kill();
    let dead = slots[1].identity;
    let attachment = Segment::attachment(&pair);
    assert!(!attachment.alive(dead));
    let newcomer = Traced::start(|| {
        let _pair = Pair::open(&name).unwrap();
        traced::stop(); // before it leaves
    });
    let (mut calls, mut taken) = (0, false);
    while newcomer.step() && !taken {
        assert!(
            !attachment.alive(dead),
            "alive again at system call {calls}"
        );
        calls += 1;
        taken = Segment::participants(&pair).unwrap().iter().any(|other| {
            other.identity.slot == dead.slot && other.identity.generation != dead.generation
        });
    }
    assert!(taken, "the newcomer takes the dead one's slot");
    assert!(!attachment.alive(dead));
    assert!(pair.audio.producer().is_ok());
    newcomer.kill();
}
