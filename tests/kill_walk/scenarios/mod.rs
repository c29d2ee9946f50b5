//! Each structure's operations, one file each.

mod queue;

use super::family::Family;
use super::scenario::Scenario;

pub fn all() -> Vec<Scenario> {
    [queue::SCENARIOS].concat()
}

/// The structures whose operations are let loose on each other, two at a time.
pub const FAMILIES: &[Family] = &[queue::FAMILY];
