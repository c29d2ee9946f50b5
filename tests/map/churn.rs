//! Fresh keys for ever, at 80 % load: look-ups get no longer, and room is not lost.
//!
//! `SHM_CHURN_OPERATIONS=1000000000` is the long form. Lengths are read from the bytes, as FORMAT.md describes them.

use super::common::{Random, unique};
use super::{alone, asked, hash};
use shm_runtime::{Map, Segment, ShmLayout};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

const CAPACITY: usize = 1 << 13;
const LOAD: usize = CAPACITY * 4 / 5;

#[derive(Debug, ShmLayout)]
#[shm(lanes = 4)]
struct Churned {
    map: Map<u64, u64, CAPACITY>,
}

/// Buckets that a look-up reads.
struct Lengths {
    hit: f64,
    hit_99: usize,
    hit_most: usize,
    miss: f64,
}

impl core::fmt::Display for Lengths {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self {
            hit,
            hit_99,
            hit_most,
            miss,
        } = self;
        write!(
            f,
            "buckets read by a hit: mean {hit:.1}, p99 {hit_99}, most {hit_most}; by a miss: mean {miss:.1}"
        )
    }
}

/// The distance from a key's home to bucket `slot`.
fn distance(key: u64, slot: usize) -> usize {
    let home = hash(key) as usize % CAPACITY;
    let at = |i: usize| {
        let line = home / 8 + i / 8 * (i / 8 + 1) / 2;
        line * 8 % CAPACITY + (home + i) % 8
    };
    (0..CAPACITY)
        .find(|&i| at(i) == slot)
        .expect("a permutation")
}

fn lengths(segment: &Segment<Churned>) -> Lengths {
    let table = Segment::table(segment).unwrap();
    let map = table.iter().find(|entry| entry.name == "map").unwrap();
    let words = Segment::attachment(segment)
        .slice::<AtomicU64>(map.offset, map.size / 8)
        .unwrap();
    let (buckets, bounds) = (
        &words[16..16 + CAPACITY],
        &words[16 + CAPACITY + 4 * 16..][..CAPACITY],
    );
    let entries = &words[16 + CAPACITY + 4 * 16 + CAPACITY..];
    // {version, fingerprint, state, node}: 14 bits for the node
    let mut hits = Vec::new();
    for (slot, bucket) in buckets.iter().enumerate() {
        let word = bucket.load(Relaxed);
        if word >> 14 & 3 == 2 {
            let node = word as usize & 0x3fff ^ slot;
            hits.push(1 + distance(entries[2 * node].load(Relaxed), slot));
        }
    }
    hits.sort_unstable();
    let misses = bounds
        .iter()
        .map(|bound| 4 * (1 + (bound.load(Relaxed) & 0xf_ffff)));
    Lengths {
        hit: hits.iter().sum::<usize>() as f64 / hits.len() as f64,
        hit_99: hits[hits.len() * 99 / 100],
        hit_most: hits[hits.len() - 1],
        miss: misses.sum::<u64>() as f64 / CAPACITY as f64,
    }
}

#[test]
fn p3_endless_fresh_keys_make_no_look_up_longer() {
    let _alone = alone();
    let operations = asked("SHM_CHURN_OPERATIONS", 600_000);
    let churned = Churned::create(&unique("map-churn")).unwrap();
    let map = &churned.map;
    let mut random = Random::from_seed(0x5EED);
    let mut keys: Vec<u64> = (0..LOAD as u64).collect();
    keys.iter()
        .for_each(|&key| assert_eq!(map.insert(key, key), Ok(None)));
    let mut fresh = LOAD as u64;
    let mut turn = |count: u64| {
        let start = Instant::now();
        for _ in 0..count / 2 {
            let at = random.below(LOAD as u64) as usize;
            assert_eq!(map.remove(keys[at]), Some(keys[at]));
            keys[at] = fresh;
            assert_eq!(map.insert(fresh, fresh), Ok(None));
            fresh += 1;
        }
        count as f64 / start.elapsed().as_secs_f64() / 1e6
    };
    // a few turnovers bring the distances to where they stay
    let part = (operations / 4).max(30 * LOAD as u64);
    let speed = turn(part);
    let early = lengths(&churned);
    eprintln!("after {part} operations: {early}, {speed:.1} million/s");
    let mut done = part;
    while done + part <= operations {
        done += part;
        let speed = turn(part);
        if done + part > operations {
            let late = lengths(&churned);
            eprintln!("after {done} operations: {late}, {speed:.1} million/s");
            assert!(late.hit < early.hit * 1.3 && late.miss < early.miss * 1.3);
        }
    }
    assert!(early.hit < 12.0 && early.miss < 12.0, "{early}");
    assert_eq!(map.len(), LOAD);
    for &key in &keys {
        assert_eq!(map.get(key), Some(key));
        assert_eq!(map.get(key | 1 << 63), None);
    }
}
