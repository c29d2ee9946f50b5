//! The structures that are at war: a file for each, see [`super::spec`].

pub mod atomic;
pub mod barrier;
pub mod broadcast;
pub mod map;
pub mod mutex;
pub mod once;
pub mod pool;
pub mod queue;
pub mod rwlock;
pub mod semaphore;
pub mod signal;
pub mod spsc;
pub mod stack;
pub mod versioned;
pub mod versioned_array;
pub mod waiting;

use super::common::Random;
use shm_runtime::Segment;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// One of several choices, each as likely as its weight says.
pub fn weighted<T: Copy>(random: &mut Random, choices: &[(u64, T)]) -> T {
    let mut at = random.below(choices.iter().map(|(weight, _)| weight).sum());
    for &(weight, choice) in choices {
        if at < weight {
            return choice;
        }
        at -= weight;
    }
    unreachable!("the weights are summed up")
}

/// Makes a structure what it was at first, for a history that counts from zero.
pub fn zero<S>(segment: &Segment<S>, name: &str) {
    let table = Segment::table(segment).expect("sound");
    let entry = table.iter().find(|entry| entry.name == name);
    let entry = entry.expect("the schema has it");
    let words = Segment::attachment(segment)
        .slice::<AtomicU64>(entry.offset, entry.size / 8)
        .expect("whole words");
    words.iter().for_each(|word| word.store(0, Relaxed));
}
