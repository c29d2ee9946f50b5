//! `VersionedArray`, and the writer's role.

use super::{Bounded, Family, attack};
use crate::{Segment, VersionedArray};
use core::time::Duration;

const LEN: usize = 8;
/// Accesses of one operation: a frame is copied once, or from one buffer into the next.
const BOUND: u64 = 4 * LEN as u64;
/// A role is claimed in at most 64 attempts.
const CLAIM: u64 = 64 * 8;

#[derive(Debug, crate::ShmLayout)]
#[shm(lanes = 4)]
struct Sim {
    depth: VersionedArray<u32, LEN>,
}

#[derive(Default)]
struct Attacked {
    /// Frames that were none, and roles that could not be had.
    noticed: u64,
}

impl Family for Attacked {
    type Schema = Sim;
    const NAME: &'static str = "versioned array";
    const RARELY: u64 = 16;
    const PLACES: &'static [&'static str] = &["depth", "depth", "@participants"];

    fn create(_: &str) -> Segment<Sim> {
        let name = format!("shm-test-hostile-frames-{}", std::process::id());
        <Sim as crate::ShmLayout>::create(&name).expect("the name is new")
    }

    fn fill(&mut self, sim: &Segment<Sim>, state: u64) {
        let mut writer = sim.depth.writer().expect("nobody has it");
        for value in 0..state {
            writer.publish(&[value as u32; LEN]);
        }
    }

    fn operate(&mut self, sim: &Segment<Sim>, bounded: &mut Bounded, rare: bool) {
        let (depth, mut out) = (&sim.depth, [0; LEN]);
        let version = bounded.run("version", BOUND, || depth.version());
        bounded.run("read_into", BOUND, || depth.read_into(&mut out));
        let sum = bounded.run("try_snapshot", BOUND, || {
            depth.try_snapshot(|frame| frame.iter().fold(0_u32, u32::wrapping_add))
        });
        self.noticed += u64::from(sum.is_err());
        let frame = bounded.run("snapshot", BOUND, || depth.snapshot());
        let part = bounded.run("part", BOUND, || frame.read_into(3, &mut out[..4]));
        self.noticed += u64::from(part.is_err());
        bounded.run("age", BOUND, || (frame.age(), frame.still_valid()));
        match bounded.run("writer", CLAIM, || depth.writer()) {
            Ok(mut writer) => {
                let next = bounded.run("publish", BOUND, || writer.publish(&[1; LEN]));
                assert!(next.is_some() || !bounded.still);
                bounded.run("edit", BOUND, || writer.edit(|frame| frame.set(2, 7)));
                if bounded.still {
                    assert_eq!(
                        depth.read_into(&mut out),
                        writer.version(),
                        "all is in order again"
                    );
                    assert_eq!((out[1], out[2]), (1, 7));
                }
            }
            Err(_) => self.noticed += 1,
        }
        if rare {
            let wait = || depth.wait_change(version, Duration::ZERO).is_ok();
            let _ = bounded.run("wait_change", 70 * BOUND, wait);
        }
    }

    fn noticed(&self, sim: &Segment<Sim>) -> u64 {
        self.noticed + Segment::health(sim).corrupt
    }
}

#[test]
fn p6_frames_of_hostile_words_end_every_operation() {
    attack(Attacked::default(), 1);
}
