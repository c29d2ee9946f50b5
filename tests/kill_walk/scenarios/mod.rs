//! Each structure's operations, one file each.

mod plain;
mod pool;
mod queue;
mod spsc;
mod waiting;

use super::family::Family;
use super::scenario::Scenario;

/// What is walked alone; in the full walk with each operation of a family in each state.
pub fn all(full: bool) -> Vec<Scenario> {
    let mut all = [
        queue::SCENARIOS,
        pool::SCENARIOS,
        spsc::SCENARIOS,
        plain::SCENARIOS,
    ]
    .concat();
    if full {
        let named: Vec<_> = all.iter().map(|scenario| scenario.name).collect();
        let families = FAMILIES.iter().flat_map(Family::scenarios);
        all.extend(families.filter(|scenario| !named.contains(&scenario.name)));
    }
    all
}

/// The structures whose operations are let loose on each other, two at a time.
pub const FAMILIES: &[Family] = &[
    queue::FAMILY,
    pool::FAMILY,
    spsc::FAMILY,
    plain::ATOMIC,
    plain::ARRAY,
];

/// Who sleeps for what.
pub use waiting::WAITING;
