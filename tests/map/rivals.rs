//! Two processes insert one key at a time, and a third frees and takes buckets ahead of them: there is never a second
//! entry. `SHM_MAP_ROUNDS=1000000` is the long form.

use super::child::Child;
use super::common::{Random, unique};
use super::{alone, asked, hash};
use shm_runtime::{Array, Atomic, Map, Segment, ShmLayout};

const CAPACITY: usize = 8;
/// Inserters.
const RIVALS: usize = 2;

#[derive(Debug, ShmLayout)]
#[shm(lanes = 8)]
struct Arena {
    map: Map<u64, u64, CAPACITY>,
    /// The round that runs, and the last one that each rival has ended.
    round: Atomic<u64>,
    ended: Array<u64, RIVALS>,
    /// What it got there: the value that the key had.
    got: Array<u64, RIVALS>,
    end: Atomic<u64>,
}

/// Keys of one home.
fn keys() -> Vec<u64> {
    let home = |key: u64| hash(key) % CAPACITY as u64;
    (1..)
        .filter(|&key| home(key) == home(1))
        .take(CAPACITY)
        .collect()
}

fn rival(arena: &Segment<Arena>, me: usize, key: u64) {
    let mut random = Random::from_seed(me as u64 + 7);
    for round in 1.. {
        while arena.round.load() < round {
            if arena.end.load() != 0 {
                return;
            }
            std::thread::yield_now();
        }
        (0..random.below(60)).for_each(|_| core::hint::spin_loop());
        let value = round << 8 | me as u64;
        let got = match arena.map.get_or_insert(key, value) {
            Ok(got) => got,
            Err(full) => panic!("{full}: there always is room"),
        };
        arena.got.set(me, got);
        arena.ended.set(me, round);
    }
}

/// Takes and frees the buckets that are nearest to the home, in turn.
fn erase(arena: &Segment<Arena>, keys: &[u64]) {
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
    let rounds = asked("SHM_MAP_ROUNDS", 1_000);
    let arena = Arena::create(&unique("map-rivals")).unwrap();
    let keys = keys();
    let key = keys[0];
    let rivals: Vec<_> = (0..RIVALS)
        .map(|me| Child::fork(|| rival(&arena, me, key)))
        .collect();
    let eraser = Child::fork(|| erase(&arena, &keys[1..5]));
    let mut first = [0_u64; RIVALS];
    for round in 1..=rounds {
        arena.round.store(round);
        while (0..RIVALS).any(|me| arena.ended.get(me) < round) {
            std::thread::yield_now();
        }
        let got: Vec<_> = (0..RIVALS).map(|me| arena.got.get(me)).collect();
        assert_eq!(got[0], got[1], "round {round}: each has its own entry");
        assert_eq!(got[0] >> 8, round, "an entry of another round");
        first[got[0] as usize & 0xff] += 1;
        let entries = arena.map.iter().filter(|(found, _)| *found == key).count();
        assert_eq!(entries, 1, "round {round}");
        assert_eq!(arena.map.remove(key), Some(got[0]));
        assert_eq!(
            arena.map.get(key),
            None,
            "round {round}: there was another one"
        );
    }
    arena.end.store(1);
    rivals.into_iter().chain([eraser]).for_each(Child::join);
    eprintln!("{rounds} rounds, won by {first:?}");
    let left = arena.map.iter().count();
    assert!(left <= 4, "{left} entries left");
}
