//! `Spsc`, and its roles.

use super::Victim;
use shm_runtime::{Segment, ShmLayout, Spsc};
use std::time::Duration;

/// The segment.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 4)]
pub struct Schema {
    audio: Spsc<[u64; 3], 4>,
}

/// The queue of one producer and one consumer.
#[derive(Debug)]
pub struct Audio;

impl Victim for Audio {
    type Schema = Schema;
    const NAME: &'static str = "spsc";
    const PLACES: &'static [&'static str] = &["@participants", "audio", "audio", "audio"];

    fn operate(segment: &Segment<Schema>) {
        if let Ok(mut producer) = segment.audio.producer() {
            let _ = producer.push([1; 3]);
            assert!(producer.push_slice(&[[1; 3]; 5]) <= 4);
            producer.write_chunk(9).commit(0);
            let _ = producer.push_wait([1; 3], Duration::ZERO);
        }
        assert!(segment.audio.len() <= 4);
        if let Ok(mut consumer) = segment.audio.consumer() {
            assert!(consumer.pop_slice(&mut [[0; 3]; 9]) <= 4);
            let _ = consumer.pop();
            assert!(consumer.read_chunk(9).len() <= 4);
            let _ = consumer.pop_wait(Duration::ZERO);
        }
    }
}
