//! Fresh keys for ever, at 80 % load: look-ups get no longer, and room is not lost.
//!
//! `SHM_CHURN_OPERATIONS=1000000000` is the long form, on a map of 65,536. Lengths are read from the bytes, as FORMAT.md describes them.

use super::common::{Random, unique};
use super::{alone, asked, hash};
use shm_runtime::{Map, Segment, ShmLayout};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

const SMALL: usize = 1 << 13;
const LARGE: usize = 1 << 16;
const LANES: usize = 4;

#[derive(Debug, ShmLayout)]
#[shm(lanes = 4)]
struct Small {
    map: Map<u64, u64, SMALL>,
}

#[derive(Debug, ShmLayout)]
#[shm(lanes = 4)]
struct Large {
    map: Map<u64, u64, LARGE>,
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

/// What this thread has had of a processor, so that a busy machine does not show in the throughput.
#[allow(unsafe_code)] // asks the system
fn processor_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the kernel fills a live structure.
    let got = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(got, 0);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

/// The distance from a key's home to bucket `slot`.
fn distance(key: u64, slot: usize, capacity: usize) -> usize {
    let home = hash(key) as usize % capacity;
    let at = |i: usize| {
        let line = home / 8 + i / 8 * (i / 8 + 1) / 2;
        line * 8 % capacity + (home + i) % 8
    };
    (0..capacity)
        .find(|&i| at(i) == slot)
        .expect("a permutation")
}

fn lengths<S>(segment: &Segment<S>, capacity: usize) -> Lengths {
    let table = Segment::table(segment).unwrap();
    let map = table.iter().find(|entry| entry.name == "map").unwrap();
    let words = Segment::attachment(segment)
        .slice::<AtomicU64>(map.offset, map.size / 8)
        .unwrap();
    let (buckets, bounds) = (
        &words[16..16 + capacity],
        &words[16 + capacity + LANES * 16..][..capacity],
    );
    let entries = &words[16 + capacity + LANES * 16 + capacity..];
    // {version, fingerprint, state, node}: as many bits for the node as the last one has
    let bits = usize::BITS - (capacity + LANES - 1).leading_zeros();
    let node_mask = (1_u64 << bits) - 1;
    let mut hits = Vec::new();
    for (slot, bucket) in buckets.iter().enumerate() {
        let word = bucket.load(Relaxed);
        if word >> bits & 3 == 2 {
            let node = (word & node_mask) as usize ^ slot;
            hits.push(1 + distance(entries[2 * node].load(Relaxed), slot, capacity));
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
        miss: misses.sum::<u64>() as f64 / capacity as f64,
    }
}

#[test]
fn p3_endless_fresh_keys_make_no_look_up_longer() {
    let _alone = alone();
    let name = unique("map-churn");
    match asked("SHM_CHURN_OPERATIONS", 0) {
        0 => {
            let small = Small::create(&name).unwrap();
            churn(&small, &small.map, 600_000);
        }
        operations => {
            let large = Large::create(&name).unwrap();
            churn(&large, &large.map, operations);
        }
    }
}

fn churn<S, const N: usize>(segment: &Segment<S>, map: &Map<u64, u64, N>, operations: u64) {
    let load = N * 4 / 5;
    let mut random = Random::from_seed(0x5EED);
    let mut keys: Vec<u64> = (0..load as u64).collect();
    keys.iter()
        .for_each(|&key| assert_eq!(map.insert(key, key), Ok(None)));
    let mut fresh = load as u64;
    let mut turn = |count: u64| {
        let start = processor_time();
        for _ in 0..count / 2 {
            let at = random.below(load as u64) as usize;
            assert_eq!(map.remove(keys[at]), Some(keys[at]));
            keys[at] = fresh;
            assert_eq!(map.insert(fresh, fresh), Ok(None));
            fresh += 1;
        }
        count as f64 / (processor_time() - start).as_secs_f64() / 1e6
    };
    // a few turnovers bring the distances to where they stay
    let part = (operations / 4).max(30 * load as u64);
    let speed = turn(part);
    let early = lengths(segment, N);
    eprintln!("after {part} operations: {early}, {speed:.1} million per second of processor time");
    let mut done = part;
    while done + part <= operations {
        done += part;
        let speed = turn(part);
        if done + part > operations {
            let late = lengths(segment, N);
            eprintln!(
                "after {done} operations: {late}, {speed:.1} million per second of processor time"
            );
            assert!(late.hit < early.hit * 1.3 && late.miss < early.miss * 1.3);
        }
    }
    assert!(early.hit < 12.0 && early.miss < 12.0, "{early}");
    assert_eq!(map.len(), load);
    for &key in &keys {
        assert_eq!(map.get(key), Some(key));
        assert_eq!(map.get(key | 1 << 63), None);
    }
}
