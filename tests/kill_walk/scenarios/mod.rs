//! Each structure's operations, one file each.

mod broadcast;
mod map;
mod queue;
mod stack;
mod versioned;

use super::scenario::Scenario;

pub fn all() -> Vec<Scenario> {
    [
        queue::SCENARIOS,
        versioned::SCENARIOS,
        broadcast::SCENARIOS,
        map::SCENARIOS,
        stack::SCENARIOS,
    ]
    .concat()
}
