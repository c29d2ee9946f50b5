//! `VersionedArray`, its writer's role and its owners.

use super::Victim;
use shm_runtime::{Segment, ShmLayout, VersionedArray};
use std::time::Duration;

const LEN: usize = 700;

/// The segment: a frame is larger than a page, so that a hole can be punched into the middle of it.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 4)]
pub struct Schema {
    depth: VersionedArray<u64, LEN>,
}

/// The frames.
#[derive(Debug)]
pub struct Depth;

impl Victim for Depth {
    type Schema = Schema;
    const NAME: &'static str = "versioned-array";
    const PLACES: &'static [&'static str] = &["@participants", "depth", "depth", "depth"];

    fn operate(segment: &Segment<Schema>) {
        let depth = &segment.depth;
        let version = depth.version();
        let frame = depth.snapshot();
        let _ = (frame.get(LEN - 1), frame.still_valid(), frame.age());
        if let Ok(mut writer) = depth.writer() {
            if version.is_multiple_of(16) {
                assert!(writer.publish(&[version; LEN]).is_some());
                let _ = depth.try_snapshot(|frame| frame.iter().fold(0, u64::max));
            } else {
                writer.edit(|frame| frame.set(3, 7));
            }
        }
        if depth.wait_change(version, Duration::ZERO).is_ok() {
            let _ = depth.snapshot().read_into(LEN - 2, &mut [0; 2]);
        }
    }
}
