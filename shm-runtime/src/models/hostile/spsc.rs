//! `Spsc`, and its roles.

use super::{Bounded, Family, attack};
use crate::{Segment, Spsc};
use core::time::Duration;

const CAPACITY: usize = 4;
/// Accesses of one operation, several at once included.
const BOUND: u64 = 60;
/// A role is claimed in at most 64 attempts.
const CLAIM: u64 = 64 * 8;

#[derive(Debug, crate::ShmLayout)]
#[shm(lanes = 4)]
struct Pair {
    audio: Spsc<u64, CAPACITY>,
}

#[derive(Default)]
struct Attacked {
    /// Operations that gave nothing although the structure was neither full nor empty.
    noticed: u64,
}

impl Family for Attacked {
    type Schema = Pair;
    const NAME: &'static str = "spsc";
    const RARELY: u64 = 16;
    const PLACES: &'static [&'static str] = &["audio", "audio", "audio", "@participants"];

    fn fill(&mut self, pair: &Segment<Pair>, state: u64) {
        let mut producer = pair.audio.producer().expect("nobody has it");
        let mut consumer = pair.audio.consumer().expect("nobody has it");
        for value in 0..3 * state {
            let _ = producer.push(value);
            if value % 3 != state % 3 {
                consumer.pop();
            }
        }
    }

    fn operate(&mut self, pair: &Segment<Pair>, bounded: &mut Bounded, rare: bool) {
        bounded.run("len", BOUND, || assert!(pair.audio.len() <= CAPACITY));
        bounded.run("is_empty", BOUND, || pair.audio.is_empty());
        let producer = bounded.run("producer", CLAIM, || pair.audio.producer());
        let consumer = bounded.run("consumer", CLAIM, || pair.audio.consumer());
        self.noticed += u64::from(producer.is_err()) + u64::from(consumer.is_err());
        if let Ok(mut producer) = producer {
            let _ = bounded.run("push", BOUND, || producer.push(1));
            let pushed = bounded.run("push_slice", BOUND, || producer.push_slice(&[1; 9]));
            assert!(pushed <= CAPACITY);
            bounded.run("write_chunk", BOUND, || {
                let chunk = producer.write_chunk(9);
                let room = chunk.len();
                assert!(room <= CAPACITY);
                chunk.commit(room);
            });
            if rare {
                let now = Duration::ZERO;
                let _ = bounded.run("push_wait", 70 * BOUND, || producer.push_wait(1, now));
            }
        }
        if let Ok(mut consumer) = consumer {
            bounded.run("pop", BOUND, || consumer.pop());
            let popped = bounded.run("pop_slice", BOUND, || consumer.pop_slice(&mut [0; 9]));
            assert!(popped <= CAPACITY);
            let chunk = bounded.run("read_chunk", BOUND, || consumer.read_chunk(9).len());
            assert!(chunk <= CAPACITY);
            if rare {
                let now = Duration::ZERO;
                let _ = bounded.run("pop_wait", 70 * BOUND, || consumer.pop_wait(now));
            }
        }
    }

    fn noticed(&self, _: &Segment<Pair>) -> u64 {
        self.noticed
    }
}

#[test]
fn p6_a_pair_of_hostile_words_ends_every_operation() {
    attack(Attacked::default(), 1);
}
