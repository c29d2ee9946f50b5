//! Each structure's operations, one file each.

mod broadcast;
mod queue;
mod versioned;

use super::scenario::Scenario;

pub fn all() -> Vec<Scenario> {
    [queue::SCENARIOS, versioned::SCENARIOS, broadcast::SCENARIOS].concat()
}
