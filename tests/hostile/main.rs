//! Bytes that no program of ours leaves. Promise P6.
//!
//! Counted by accesses, millions of images: `shm-runtime/src/models/hostile/`. Here: real processes, and one that
//! overwrites all the time. `SHM_HOSTILE_ROUNDS` asks for more.

#![allow(unsafe_code, unreachable_pub)] // fork, mmap, fallocate

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/report.rs"]
mod line;

mod live;
mod victims;

use common::{Random, path, unique};
use shm_runtime::{Queue, Segment, ShmLayout, Spsc};
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

#[derive(Debug, ShmLayout)]
#[shm(lanes = 4)]
struct Hostile {
    events: Queue<u64, 4>,
    audio: Spsc<u64, 4>,
}

/// What a user does with a queue; the results may be anything, the calls must return.
fn use_all(seg: &Segment<Hostile>) {
    for value in 0..6 {
        let _ = seg.events.push(value);
    }
    let _ = seg.events.peek();
    let _ = (seg.events.len(), seg.events.is_empty());
    if let Ok(Some(taken)) = seg.events.take() {
        let _ = taken.get();
    }
    if let Ok(Some(taken)) = seg.events.take() {
        taken.done();
    }
    if let Ok(mut loan) = seg.events.loan() {
        loan.write(9);
        let _ = loan.commit();
    }
    let _ = seg.events.pop_slice(&mut [0; 9]);
    let _ = Segment::recover(seg);
    if let Ok(mut producer) = seg.audio.producer() {
        let _ = producer.push_slice(&[1, 2, 3, 4, 5]);
        producer.write_chunk(9).commit(0);
    }
    if let Ok(mut consumer) = seg.audio.consumer() {
        let _ = consumer.pop_slice(&mut [0; 9]);
        let _ = consumer.pop();
    }
}

#[test]
fn p6_random_words_end_no_process_and_are_counted() {
    let name = unique("hostile");
    let seg = Hostile::create(&name).unwrap();
    let file = OpenOptions::new().write(true).open(path(&name)).unwrap();
    let places: Vec<_> = Segment::table(&seg)
        .unwrap()
        .iter()
        .filter(|entry| {
            ["@lanes", "@participants", "events", "audio"].contains(&entry.name.as_str())
        })
        .map(|entry| (entry.offset as u64, entry.size as u64 / 8))
        .collect();
    let mut random = Random::new("hostile words");
    for _ in 0..30_000 {
        let (offset, words) = places[random.below(places.len() as u64) as usize];
        let at = offset + 8 * random.below(words);
        let word = match random.below(5) {
            0 => 0,
            1 => u64::MAX,
            2 => 1 << random.below(64),
            3 => random.below(16),
            _ => random.below(u64::MAX),
        };
        file.write_all_at(&word.to_le_bytes(), at).unwrap();
        use_all(&seg);
    }
    let health = Segment::health(&seg);
    assert!(health.corrupt > 0, "nothing was noticed");
    assert_eq!(health.structure.as_deref(), Some("events"));
}
