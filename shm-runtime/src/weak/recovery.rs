//! Recovery beside the living: edges (I) and (S).

use super::ring::World;
use super::{assert_caught, explore};
use crate::memory::atomic::weak::{Killed, kill_after};
use crate::memory::seeded::Bug;
use core::panic::AssertUnwindSafe;
use loom::thread::spawn;
use std::panic::catch_unwind;
use std::sync::Arc;

/// The victim's lane, the living one's, and the recoverer's.
const DEAD: usize = 0;
const LIVING: usize = 1;
const OWN: usize = 2;

/// Runs `body`, killed before its access number `accesses`; whether it came to its end.
fn killed(accesses: usize, body: impl FnOnce()) -> bool {
    kill_after(accesses);
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(()) => true,
        Err(why) if why.is::<Killed>() => false,
        Err(why) => std::panic::resume_unwind(why),
    }
}

/// What must hold when everybody has ended: `sure` once each, the victim's 9 at most once.
fn settle(world: &World, mut popped: Vec<u64>, sure: &[u64]) {
    while !world.recover(DEAD) {}
    world.assert_nodes();
    popped.extend(world.drain(OWN));
    let nines = popped.iter().filter(|&&value| value == 9).count();
    assert!(nines <= 1, "twice: {popped:?}");
    popped.retain(|&value| value != 9);
    popped.sort_unstable();
    assert_eq!(popped, sure, "each once");
}

/// A push is killed; then one recovers it while another goes on.
fn beside_one_who_goes_on<const ACCESSES: usize>() {
    let world = Arc::new(World::new(1));
    killed(ACCESSES, || _ = world.push(DEAD, 9));
    let other = Arc::clone(&world);
    let living = spawn(move || {
        let first = other.pop(LIVING);
        let pushed = other.push(LIVING, 1);
        (first, pushed)
    });
    world.recover(DEAD);
    let (first, pushed) = living.join().expect("it ended");
    let sure = if pushed { &[1][..] } else { &[] };
    settle(&world, first.into_iter().collect(), sure);
}

/// A push is killed beside one that goes on; the dead one is recovered meanwhile.
fn beside_one_from_the_start<const ACCESSES: usize>() {
    let world = Arc::new(World::new(1));
    let other = Arc::clone(&world);
    let victim = spawn(move || _ = killed(ACCESSES, || _ = other.push(DEAD, 9)));
    let other = Arc::clone(&world);
    let living = spawn(move || {
        let first = other.pop(LIVING);
        (first, other.push(LIVING, 1))
    });
    victim.join().expect("it was killed");
    world.recover(DEAD);
    let (first, pushed) = living.join().expect("it ended");
    let sure = if pushed { &[1][..] } else { &[] };
    settle(&world, first.into_iter().collect(), sure);
}

#[test]
fn p1_a_killed_push_is_settled_beside_one_who_goes_on() {
    explore(2, beside_one_who_goes_on::<12>);
}

#[test]
fn missing_edges_are_caught() {
    for bug in [Bug::RelaxedIntent, Bug::RelaxedClose, Bug::RelaxedSpare] {
        assert_caught(
            bug,
            "weak::recovery::p1_a_killed_push_is_settled_beside_one_who_goes_on",
        );
    }
}
