//! Each structure's operations, one file each.

mod broadcast;
mod queue;
mod versioned;
mod versioned_array;

use super::scenario::Scenario;

pub fn all() -> Vec<Scenario> {
    [
        queue::SCENARIOS,
        versioned::SCENARIOS,
        broadcast::SCENARIOS,
        versioned_array::SCENARIOS,
    ]
    .concat()
}
