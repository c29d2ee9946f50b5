//! Each structure's operations, one file each.

mod mutex;
mod queue;
mod sync;

use super::scenario::Scenario;

pub fn all() -> Vec<Scenario> {
    [queue::SCENARIOS, mutex::SCENARIOS, sync::SCENARIOS].concat()
}
