//! The structures that are at war: a file for each, see [`super::spec`].

pub mod atomic;
pub mod broadcast;
pub mod map;
pub mod mutex;
pub mod pool;
pub mod queue;
pub mod rwlock;
pub mod spsc;
pub mod stack;
pub mod versioned;
pub mod versioned_array;
pub mod waiting;

use super::common::Random;

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
