//! Recovery beside the living: edges (I) and (S).

use super::kill::{at_every_access, killed};
use super::ring::World;
use super::{assert_caught, explore};
use crate::memory::atomic::{Ordering::Acquire, fence};
use crate::memory::lane::{LaneRecord, Phase};
use crate::memory::shared::Shared;
use crate::seeded::Bug;
use loom::thread::spawn;
use std::sync::Arc;
use zerocopy::FromZeros;

/// The victim's lane, the living one's, and the recoverer's.
const DEAD: usize = 0;
const LIVING: usize = 1;
const OWN: usize = 2;

/// What one does: `+` pushes, `-` pops.
type Script = &'static str;

/// Pushes numbers from `first` on, and pops; says what it popped, and what it has pushed for certain.
fn play(world: &World, lane: usize, script: Script, first: u64) -> (Vec<u64>, Vec<u64>) {
    let (mut popped, mut pushed) = (Vec::new(), Vec::new());
    for (step, value) in script.chars().zip(first..) {
        match step {
            '+' if world.push(lane, value) => pushed.push(value),
            '+' => {}
            _ => popped.extend(world.pop(lane)),
        }
    }
    (popped, pushed)
}

/// Who does what: who is killed, who goes on beside it, and who recovers it after an operation or two.
#[derive(Clone, Copy)]
struct Scene {
    victim: Script,
    living: Script,
    own: Script,
}

/// The victim is killed before its access number `accesses`; whether it came to its end before.
fn play_out(scene: Scene, accesses: usize) -> bool {
    let world = Arc::new(World::new(1));
    let (dead, lives) = (Arc::clone(&world), Arc::clone(&world));
    let dead = spawn(move || killed(accesses, || _ = play(&dead, DEAD, scene.victim, 100)));
    let lives = spawn(move || play(&lives, LIVING, scene.living, 200));
    let ended = dead.join().expect("it was killed");
    let (mut popped, mut pushed) = play(&world, OWN, scene.own, 300);
    world.recover(DEAD);
    let (other, more) = lives.join().expect("it ended");
    assert!(world.recover(DEAD), "nobody is in the middle of anything");
    world.assert_nodes();
    popped.extend(other);
    popped.extend(world.drain(OWN));
    popped.sort_unstable();
    assert!(
        popped.is_sorted_by(|one, next| one < next),
        "twice: {popped:?}"
    );
    pushed.extend(more);
    let lost = pushed
        .iter()
        .filter(|value| !popped.contains(value))
        .count();
    let swallowed = scene.victim.matches('-').count(); // by pops that nobody was told of
    assert!(lost <= swallowed, "lost: {pushed:?}, {popped:?}");
    ended
}

#[test]
fn p1_a_killed_push_is_settled_beside_one_who_goes_on() {
    let scene = Scene {
        victim: "+",
        living: "-+",
        own: "",
    };
    at_every_access(2, move |accesses| play_out(scene, accesses));
}

/// The word moves on by a third one's doing, so that the recoverer has to look into the living one's hands.
#[test]
fn p1_a_killed_push_is_settled_by_what_others_have() {
    let scene = Scene {
        victim: "-+",
        living: "+",
        own: "-+",
    };
    at_every_access(1, move |accesses| play_out(scene, accesses));
}

/// An intent, for whoever sees its phase.
fn an_intent() {
    let record = Arc::new(LaneRecord::new_zeroed());
    record.enrol();
    let own = Arc::clone(&record);
    let owner = spawn(move || {
        for number in 1..3 {
            own.open(Phase::Push, number, 10 * number);
            own.close(Phase::Idle);
        }
    });
    let state = record.state();
    let intent = record.intent(state);
    fence(Acquire); // (S), as in `evidence`
    if state.phase() == Phase::Push && record.state() == state {
        assert_eq!(intent.old, 10 * intent.number, "another exchange's");
    }
    owner.join().expect("it ended");
}

#[test]
fn p1_an_intent_is_whole_for_who_sees_its_phase() {
    explore(3, an_intent);
}

#[test]
fn missing_edges_are_caught() {
    let whose = "weak::recovery::p1_a_killed_push_is_settled_by_what_others_have";
    assert_caught(Bug::RelaxedClose, whose);
    let intent = "weak::recovery::p1_an_intent_is_whole_for_who_sees_its_phase";
    assert_caught(Bug::RelaxedIntent, intent);
}
