//! Each structure's operations, one file each.

mod broadcast;
mod map;
mod mutex;
mod queue;
mod stack;
mod sync;
mod versioned;

use super::scenario::Scenario;

pub fn all() -> Vec<Scenario> {
    [
        queue::SCENARIOS,
        versioned::SCENARIOS,
        broadcast::SCENARIOS,
        map::SCENARIOS,
        stack::SCENARIOS,
        mutex::SCENARIOS,
        sync::SCENARIOS,
    ]
    .concat()
}
