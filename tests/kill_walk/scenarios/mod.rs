//! Each structure's operations, one file each.

mod map;
mod queue;

use super::scenario::Scenario;

pub fn all() -> Vec<Scenario> {
    [queue::SCENARIOS, map::SCENARIOS].concat()
}
