//! `Versioned`, its lanes, and the recovery of what their records say.

use super::{Bounded, Family, attack};
use crate::memory::atomic::{AtomicU64, Ordering::Relaxed};
use crate::models::scheduler::Random;
use crate::{Segment, Versioned};
use core::time::Duration;

const LANES: usize = 4;
/// Accesses of one operation.
const BOUND: u64 = 60;
/// A recovery settles every lane, each by up to four looks at the word and all lines, four times over.
const RECOVERY: u64 = LANES as u64 * 16 * 8 * (1 + 3 * LANES) as u64;

#[derive(Debug, crate::ShmLayout)]
#[shm(lanes = 4)]
struct Drone {
    pose: Versioned<[u64; 3]>,
}

struct Attacked;

impl Family for Attacked {
    type Schema = Drone;
    const NAME: &'static str = "versioned";
    const RARELY: u64 = 8;
    const PLACES: &'static [&'static str] = &["@participants", "@lanes", "pose", "pose", "pose"];

    fn fill(&mut self, drone: &Segment<Drone>, state: u64) {
        for value in 0..state {
            drone.pose.store([value; 3]).expect("a lane");
        }
    }

    /// A lane of a dead process, in the middle of a publication that may make sense.
    fn plant(&mut self, drone: &Segment<Drone>, random: &mut Random) {
        let attachment = Segment::attachment(drone);
        let table = Segment::table(drone).expect("it is not overwritten");
        let words = |name: &str| {
            let entry = table.iter().find(|entry| entry.name == name);
            let entry = entry.expect("it is there");
            let words = attachment.slice::<AtomicU64>(entry.offset, entry.size / 8);
            words.expect("whole words")
        };
        let (lanes, pose) = (words("@lanes"), words("pose"));
        let (record, other) = (16 * random.below(LANES), 16 * random.below(LANES));
        lanes[record].store(77 << 32 | (1 + random.below(LANES)) as u64, Relaxed); // nobody ever had it
        lanes[record + 1].store((random.below(9) << 4 | 8) as u64, Relaxed);
        lanes[record + 2].store(lanes[other + 2].load(Relaxed), Relaxed);
        lanes[record + 3].store(pose[16].load(Relaxed) ^ random.below(8) as u64, Relaxed);
    }

    fn operate(&mut self, drone: &Segment<Drone>, bounded: &mut Bounded, rare: bool) {
        let pose = &drone.pose;
        let version = bounded.run("version", BOUND, || pose.version());
        let _ = bounded.run("try_load", BOUND, || pose.try_load());
        bounded.run("load", BOUND, || pose.load());
        for value in 0..3 {
            let _ = bounded.run("store", BOUND, || pose.store([value; 3]));
        }
        let change = |pose: &mut [u64; 3]| pose[0] = pose[0].wrapping_add(1);
        let _ = bounded.run("update", 2 * BOUND, || pose.update(change));
        bounded.run("changed_since", BOUND, || pose.changed_since(version));
        if rare {
            let (now, wait) = (Duration::ZERO, || {
                pose.wait_change(pose.version(), Duration::ZERO)
            });
            let _ = bounded.run("wait_change", 70 * BOUND, wait);
            let _ = bounded.run("wait_change", 70 * BOUND, || pose.wait_change(version, now));
            bounded.run("recover", RECOVERY, || Segment::recover(drone));
        }
    }

    fn noticed(&self, drone: &Segment<Drone>) -> u64 {
        Segment::health(drone).corrupt
    }
}

#[test]
fn p6_a_latest_value_of_hostile_words_ends_every_operation() {
    attack(Attacked, 1);
}
