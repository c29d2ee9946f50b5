//! `LargeMap`: lanes that take blanks, and trade them for the nodes of empty buckets.
//!
//! `structures::map::table::stock` orders nothing by itself: a trade is an exchange like any other, with edge (A), and
//! what is on a lane's shelf only the lane's owner changes. What has to be told is that nodes which change hands
//! that way are covered by (A) and (B) as well, and that who is killed in a trade is settled.

use super::kill::{at_every_access, killed};
use super::map::{DEAD, LANES, LIVING, OWN, World, keys};
use super::{assert_caught, explore};
use crate::seeded::Bug;
use crate::structures::map::table::Stop;
use loom::thread::spawn;
use std::sync::Arc;

/// Buckets, of which the first one comes with a node.
const WORDS: usize = 4;
const STOCK: usize = 1;
/// What a blank is, of a lane's spare and of what is on its shelf.
const SPARE: [bool; 2] = [true, false];
const SHELF: [bool; 2] = [false, true];

/// There may be no node for one more entry: there are more than [`STOCK`] already.
const FULL: Stop = Stop::Full { pending: false };

/// A map of the first three keys, one bucket left: what came with the first bucket is the first lane's, and two lanes
/// have a blank for their spare. (A lane that has one gives the node on its shelf next.)
fn furnish(world: &World, first: usize, second: usize) {
    let keys = keys(3);
    assert_eq!(world.add(first, keys[0], keys[0]), None);
    assert_eq!(world.add(first, keys[1], keys[1]), None);
    assert_eq!(world.add(second, keys[2], keys[2]), None);
    assert_eq!([world.blanks(first), world.blanks(second)], [SPARE; 2]);
}

/// What must hold when nobody is in the middle of anything.
fn assert_sound(world: &World) {
    world.assert_keys();
    world.assert_nodes();
    for lane in 0..LANES {
        assert_ne!(world.blanks(lane), [true; 2], "a lane without a node");
    }
}

/// One removes a key and trades a blank for its node, which it fills again under the other's copy.
fn a_traded_node() {
    let world = World::furnished(WORDS, STOCK, |world| furnish(world, LIVING, DEAD));
    let [gone, key] = keys(2)[..] else {
        panic!("two keys")
    };
    let other = Arc::clone(&world);
    let writer = spawn(move || {
        assert_eq!(other.remove(gone), Some(gone));
        assert_eq!(other.insert(LIVING, key, 100), Some(key));
    });
    let found = world.get(gone);
    assert!([None, Some(gone)].contains(&found), "{found:?}");
    let found = world.get(key);
    assert!([Some(key), Some(100)].contains(&found), "{found:?}");
    writer.join().expect("it ended");
    assert_eq!((world.get(gone), world.get(key)), (None, Some(100)));
    assert_sound(&world);
}

/// Two lanes want the only node that there is for a blank; who does not get it uses what is on its shelf.
fn one_node_for_two() {
    let world = World::furnished(WORDS, STOCK, |world| {
        furnish(world, LIVING, OWN);
        assert_eq!(world.remove(keys(1)[0]), Some(keys(1)[0]));
    });
    let keys = keys(3);
    let (one, other) = (keys[1], keys[2]);
    let living = Arc::clone(&world);
    let writer = spawn(move || assert_eq!(living.insert(LIVING, one, 100), Some(one)));
    assert_eq!(world.insert(OWN, other, 200), Some(other));
    writer.join().expect("it ended");
    assert_eq!((world.get(one), world.get(other)), (Some(100), Some(200)));
    assert_sound(&world);
}

/// What the victim does: replaces a value while its spare is a blank, or takes one more key with a blank on its shelf.
#[derive(Clone, Copy)]
enum Victim {
    Replaces,
    Inserts,
}

impl Victim {
    /// The first key is removed again, so that there is a node to trade for.
    fn furnish(self, world: &World) {
        furnish(world, LIVING, DEAD);
        let keys = keys(3);
        if matches!(self, Self::Inserts) {
            assert_eq!(world.insert(DEAD, keys[2], keys[2]), Some(keys[2]));
            assert_eq!(world.blanks(DEAD), SHELF);
        }
        assert_eq!(world.remove(keys[0]), Some(keys[0]));
    }

    /// The key, and what it has before.
    fn key(self) -> (u64, Option<u64>) {
        let keys = keys(4);
        match self {
            Self::Replaces => (keys[2], Some(keys[2])),
            Self::Inserts => (keys[3], None),
        }
    }
}

/// A trade is killed before its access number `accesses`, beside one who trades too, and recovered; whether it came
/// to its end.
fn a_killed_trade(victim: Victim, accesses: usize) -> bool {
    let world = World::furnished(WORDS, STOCK, |world| victim.furnish(world));
    let ((key, before), other) = (victim.key(), keys(2)[1]);
    let (dead, lives) = (Arc::clone(&world), Arc::clone(&world));
    let dead = spawn(move || killed(accesses, || _ = dead.try_insert(DEAD, key, 100)));
    let lives = spawn(move || assert_eq!(lives.insert(LIVING, other, 200), Some(other)));
    let ended = dead.join().expect("it was killed");
    world.recover();
    lives.join().expect("it ended");
    assert!(world.recover(), "nobody is in the middle of anything");
    let now = world.get(key);
    assert!(now == before || now == Some(100), "{now:?}");
    assert_eq!(world.get(other), Some(200));
    assert_sound(&world);
    match world.try_insert(DEAD, key, 300) {
        Ok(before) => assert_eq!(before, now, "by the lane's next owner"),
        Err(stop) => assert!(now.is_none() && stop == FULL, "{stop:?}"),
    }
    assert_sound(&world);
    ended
}

#[test]
fn p1_a_traded_node_is_whole_and_current() {
    explore(3, a_traded_node);
}

#[test]
fn p1_a_node_is_traded_to_one() {
    explore(2, one_node_for_two);
}

#[test]
fn p1_a_killed_trade_for_the_spare_is_settled() {
    at_every_access(1, |accesses| a_killed_trade(Victim::Replaces, accesses));
}

#[test]
fn p1_a_killed_trade_for_the_shelf_is_settled() {
    at_every_access(1, |accesses| a_killed_trade(Victim::Inserts, accesses));
}

#[test]
fn missing_edges_are_caught() {
    let whole = "weak::large_map::p1_a_traded_node_is_whole_and_current";
    for bug in [Bug::RelaxedExchange, Bug::RelaxedRefill] {
        assert_caught(bug, whole);
    }
}
