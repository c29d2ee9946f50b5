//! `Queue`: edges (A) and (B) of the exchange.

use super::ring::World;
use super::{assert_caught, explore};
use crate::seeded::Bug;
use loom::thread::spawn;
use std::sync::Arc;

/// One pushes, one pops.
fn one_element() {
    let world = Arc::new(World::new(1));
    let other = Arc::clone(&world);
    let pusher = spawn(move || assert!(other.push(0, 7), "there is room"));
    let popped = world.pop(1);
    pusher.join().expect("it ended");
    let left = world.drain(1);
    let all: Vec<_> = popped.into_iter().chain(left).collect();
    assert_eq!(all, [7], "once");
    world.assert_nodes();
}

/// One looks at an element whose node is used again meanwhile.
fn a_refilled_node() {
    let world = Arc::new(World::new(1));
    assert!(world.push(0, 1));
    let other = Arc::clone(&world);
    let looker = spawn(move || _ = other.peek());
    for value in [2, 3] {
        assert_eq!(world.pop(0), Some(value - 1));
        assert!(world.push(0, value));
    }
    looker.join().expect("it ended");
    world.assert_nodes();
}

/// Two push, one pops.
fn two_pushers() {
    let world = Arc::new(World::new(2));
    let pushers = [0, 1].map(|lane| {
        let other = Arc::clone(&world);
        spawn(move || assert!(other.push(lane, lane as u64 + 1), "there is room"))
    });
    let popped = world.pop(2);
    for pusher in pushers {
        pusher.join().expect("it ended");
    }
    let mut all: Vec<_> = popped.into_iter().chain(world.drain(2)).collect();
    all.sort_unstable();
    assert_eq!(all, [1, 2], "each once");
    world.assert_nodes();
}

/// Who has pushed finds something to pop, if nobody else pops.
fn one_who_pushes_and_pops() {
    let world = Arc::new(World::new(2));
    let other = Arc::clone(&world);
    let pusher = spawn(move || [1, 2].map(|value| u64::from(other.push(0, value))));
    let pushed = u64::from(world.push(1, 3));
    let popped = world.pop(1).expect("there is one at least");
    let others: u64 = pusher.join().expect("it ended").into_iter().sum();
    let mut all: Vec<_> = world.drain(1);
    all.push(popped);
    assert_eq!(all.len() as u64, pushed + others, "{all:?}");
    world.assert_nodes();
}

/// One gives back what it took, the other pops.
fn an_element_that_comes_back() {
    let world = Arc::new(World::new(1));
    assert!(world.push(0, 5));
    let other = Arc::clone(&world);
    let taker = spawn(move || other.take_and_drop(0));
    let popped = world.pop(1);
    taker.join().expect("it ended");
    let all: Vec<_> = popped.into_iter().chain(world.drain(1)).collect();
    assert_eq!(all, [5], "once");
    world.assert_nodes();
}

#[test]
fn p1_an_element_is_whole_for_who_sees_it() {
    explore(3, one_element);
}

#[test]
fn p1_a_copy_of_a_refilled_node_is_thrown_away() {
    explore(2, a_refilled_node);
}

#[test]
fn p1_two_pushers_and_a_popper_lose_nothing() {
    explore(2, two_pushers);
}

#[test]
fn p1_who_has_pushed_does_not_find_it_empty() {
    explore(3, one_who_pushes_and_pops);
}

#[test]
fn p1_an_element_that_comes_back_is_popped_once() {
    explore(2, an_element_that_comes_back);
}

#[test]
fn missing_edges_are_caught() {
    assert_caught(
        Bug::RelaxedExchange,
        "weak::queue::p1_an_element_is_whole_for_who_sees_it",
    );
    assert_caught(
        Bug::RelaxedRefill,
        "weak::queue::p1_a_copy_of_a_refilled_node_is_thrown_away",
    );
    assert_caught(
        Bug::RelaxedHint,
        "weak::queue::p1_who_has_pushed_does_not_find_it_empty",
    );
    assert_caught(
        Bug::TornExchange,
        "weak::queue::p1_two_pushers_and_a_popper_lose_nothing",
    );
}
