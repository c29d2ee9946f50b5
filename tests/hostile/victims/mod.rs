//! The structures under attack: a file for each.

mod broadcast;
mod map;
mod plain;
mod pool;
mod queue;
mod spsc;
mod stack;
mod sync;
mod versioned;
mod versioned_array;

pub use broadcast::Quotes;
pub use map::Tables;
pub use plain::Plain;
pub use pool::Objects;
pub use queue::Events;
pub use spsc::Audio;
pub use stack::Pile;
pub use sync::Locks;
pub use versioned::Pose;
pub use versioned_array::Depth;

use shm_runtime::{Segment, ShmLayout};

/// A structure that others overwrite while it is used.
pub trait Victim {
    /// Its segment.
    type Schema: ShmLayout;
    /// For names.
    const NAME: &'static str;
    /// The table entries that are overwritten.
    const PLACES: &'static [&'static str];
    /// Every operation; the results may be anything, the calls must return.
    fn operate(segment: &Segment<Self::Schema>);
}
