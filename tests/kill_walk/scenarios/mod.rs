//! Each structure's operations, one file each.

mod broadcast;
mod map;
mod mutex;
mod plain;
mod pool;
mod queue;
mod spsc;
mod stack;
mod sync;
mod versioned;
mod versioned_array;
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
        versioned::SCENARIOS,
        broadcast::SCENARIOS,
        versioned_array::SCENARIOS,
        map::SCENARIOS,
        stack::SCENARIOS,
        mutex::SCENARIOS,
        sync::SCENARIOS,
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
    stack::FAMILY,
    map::FAMILY,
    versioned::FAMILY,
    broadcast::FAMILY,
];

/// Who sleeps for what.
pub use waiting::WAITING;
