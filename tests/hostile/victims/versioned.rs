//! `Versioned`, its lanes and its owners.

use super::Victim;
use shm_runtime::{Segment, ShmLayout, Versioned};
use std::time::Duration;

/// The segment: a value of more than a page, so that a hole can be punched into the middle of it.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 4)]
pub struct Schema {
    pose: Versioned<[u64; 3]>,
    large: Versioned<[u64; 600]>,
}

/// The latest values.
#[derive(Debug)]
pub struct Pose;

impl Victim for Pose {
    type Schema = Schema;
    const NAME: &'static str = "versioned";
    const PLACES: &'static [&'static str] =
        &["@participants", "@lanes", "pose", "pose", "pose", "large"];

    fn operate(segment: &Segment<Schema>) {
        let Schema { pose, large } = &**segment;
        let version = pose.version();
        let _ = pose.store([version; 3]);
        let _ = (pose.load(), pose.try_load(), large.try_load());
        let _ = pose.update(|pose| pose[1] = pose[1].wrapping_add(1));
        let _ = pose.changed_since(version);
        if version.is_multiple_of(8) {
            let _ = large.store([version; 600]);
            let _ = large.wait_change(large.version(), Duration::ZERO);
            let _ = Segment::recover(segment);
        }
    }
}
