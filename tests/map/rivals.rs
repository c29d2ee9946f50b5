//! Two processes insert one key at a time, and a third frees and takes buckets ahead of them: there is never a second
//! entry. `SHM_MAP_ROUNDS=1000000` is the long form.

use super::child::{Child, PATIENCE};
use super::common::{Random, unique};
use super::{alone, asked, hash};
use shm_runtime::{Array, Atomic, Map, ShmLayout};
use std::time::Instant;

const CAPACITY: usize = 8;
/// Inserters.
const RIVALS: usize = 2;

#[derive(Debug, ShmLayout)]
#[shm(lanes = 8)]
struct Arena {
    map: Map<u64, u64, CAPACITY>,
    /// How far each rival has come: twice a round.
    at: Array<u64, RIVALS>,
    /// What it got: the value that the key had.
    got: Array<u64, RIVALS>,
    end: Atomic<u64>,
}

/// Keys of one home.
fn keys() -> Vec<u64> {
    let home = |key: u64| hash(key) % CAPACITY as u64;
    let same = (1..).filter(|&key| home(key) == home(1));
    same.take(CAPACITY).collect()
}

/// Waits until the other rival has come as far; spinning, so that both go on at once.
fn meet(arena: &Arena, me: usize, step: u64) {
    arena.at.set(me, step);
    let mut spins = 0_u64;
    let start = Instant::now();
    while arena.at.get(1 - me) < step {
        spins += 1;
        if spins.is_multiple_of(5_000) {
            assert!(start.elapsed() < PATIENCE, "the other rival is gone");
            std::thread::yield_now();
        }
        core::hint::spin_loop();
    }
}

/// Inserts the key in a round, when the other one does.
fn insert(arena: &Arena, me: usize, round: u64, key: u64, random: &mut Random) {
    meet(arena, me, 2 * round - 1);
    (0..random.below(12)).for_each(|_| core::hint::spin_loop());
    let got = arena.map.get_or_insert(key, round << 8 | me as u64);
    arena.got.set(me, got.expect("there always is room"));
    meet(arena, me, 2 * round);
}

/// Takes and frees the buckets that are nearest to the home, in turn.
fn erase(arena: &Arena, keys: &[u64]) {
    let mut random = Random::from_seed(99);
    while arena.end.load() == 0 {
        let key = keys[random.below(keys.len() as u64) as usize];
        if random.below(2) == 0 {
            let _ = arena.map.insert(key, 1);
        } else {
            let _ = arena.map.remove(key);
        }
    }
}

#[test]
fn p1_two_who_insert_one_key_make_one_entry() {
    let _alone = alone();
    let rounds = asked("SHM_MAP_ROUNDS", 5_000);
    let arena = Arena::create(&unique("map-rivals")).unwrap();
    let keys = keys();
    let key = keys[0];
    let other = Child::fork(|| {
        let mut random = Random::from_seed(7);
        (1..=rounds).for_each(|round| insert(&arena, 1, round, key, &mut random));
    });
    let eraser = Child::fork(|| erase(&arena, &keys[1..4]));
    let mut random = Random::from_seed(8);
    let mut won = [0_u64; RIVALS];
    for round in 1..=rounds {
        insert(&arena, 0, round, key, &mut random);
        let got = [arena.got.get(0), arena.got.get(1)];
        assert_eq!(got[0], got[1], "round {round}: each has its own entry");
        assert_eq!(got[0] >> 8, round, "an entry of another round");
        won[got[0] as usize & 0xff] += 1;
        let entries = arena.map.iter().filter(|(found, _)| *found == key);
        assert_eq!(entries.count(), 1, "round {round}");
        assert_eq!(arena.map.remove(key), Some(got[0]));
        assert_eq!(
            arena.map.get(key),
            None,
            "round {round}: there was another one"
        );
    }
    arena.end.store(1);
    [other, eraser].into_iter().for_each(Child::join);
    eprintln!("{rounds} rounds, won by {won:?}");
    let left = arena.map.len();
    assert!(left <= 3, "{left} entries left");
}
