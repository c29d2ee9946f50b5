//! Each structure's operations, one file each.

mod queue;
mod stack;

use super::scenario::Scenario;

pub fn all() -> Vec<Scenario> {
    [queue::SCENARIOS, stack::SCENARIOS].concat()
}
