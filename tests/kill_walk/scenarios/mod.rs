//! Each structure's operations, one file each.

mod barrier;
mod broadcast;
mod lifecycle;
mod map;
mod mutex;
mod once;
mod plain;
mod pool;
mod queue;
mod reading;
mod rwlock;
mod semaphore;
mod set;
mod signal;
mod spsc;
mod stack;
mod timed;
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
        reading::SCENARIOS,
        set::SCENARIOS,
        stack::SCENARIOS,
        mutex::SCENARIOS,
        rwlock::SCENARIOS,
        semaphore::SCENARIOS,
        barrier::SCENARIOS,
        once::SCENARIOS,
        signal::SCENARIOS,
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
    queue::DROPPED,
    pool::FAMILY,
    spsc::FAMILY,
    spsc::DROPPED,
    plain::ATOMIC,
    plain::ARRAY,
    stack::FAMILY,
    map::FAMILY,
    versioned::FAMILY,
    broadcast::FAMILY,
    versioned_array::FAMILY,
    versioned_array::IN_PLACE,
    map::LARGE_FAMILY,
    set::FAMILY,
    reading::MAP,
    reading::LARGE,
    reading::SET,
    mutex::FAMILY,
    rwlock::FAMILY,
    semaphore::FAMILY,
    barrier::FAMILY,
    once::FAMILY,
    signal::FAMILY,
];

/// What is done with a name.
pub use lifecycle::LIVES;
/// Who waits with a time-out.
pub use timed::TIMED;
/// Who sleeps for what.
pub use waiting::WAITING;
