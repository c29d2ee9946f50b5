//! `Stack`, its lanes, and the recovery of what their records say.

use super::{Bounded, Family, attack};
use crate::memory::atomic::{AtomicU64, Ordering::Relaxed};
use crate::models::scheduler::Random;
use crate::{Segment, Stack};
use core::time::Duration;

const CAPACITY: usize = 3;
const LANES: usize = 4;
/// Accesses of one operation, whose loop ends at once where nobody else runs.
const BOUND: u64 = 40;
/// A recovery settles every lane, each with one look at its column.
const RECOVERY: u64 = LANES as u64 * (40 + LANES as u64);

#[derive(Debug, crate::ShmLayout)]
#[shm(lanes = 4)]
struct Pile {
    stack: Stack<u64, CAPACITY>,
}

struct Attacked;

impl Family for Attacked {
    type Schema = Pile;
    const NAME: &'static str = "stack";
    const RARELY: u64 = 8;
    const PLACES: &'static [&'static str] = &[
        "@participants",
        "@lanes",
        "@lanes",
        "stack",
        "stack",
        "stack",
    ];

    fn fill(&mut self, pile: &Segment<Pile>, state: u64) {
        while pile.stack.pop().is_some() {}
        for value in 0..3 * state {
            let _ = pile.stack.push(value);
            if value % 3 != state % 3 {
                pile.stack.pop();
            }
        }
    }

    /// A lane of a dead process, in the middle of something that may make sense.
    fn plant(&mut self, pile: &Segment<Pile>, random: &mut Random) {
        let attachment = Segment::attachment(pile);
        let table = Segment::table(pile).expect("it is not overwritten");
        let words = |name: &str| {
            let entry = table.iter().find(|entry| entry.name == name);
            let entry = entry.expect("it is there");
            let words = attachment.slice::<AtomicU64>(entry.offset, entry.size / 8);
            words.expect("whole words")
        };
        let (lanes, stack) = (words("@lanes"), words("stack"));
        let record = 16 * random.below(LANES);
        let other = 16 * random.below(LANES);
        lanes[record].store(77 << 32 | (1 + random.below(LANES)) as u64, Relaxed); // nobody ever had it
        let phase = random.pick(&[11, 12, 11, 12, 3, 8]);
        lanes[record + 1].store((random.below(30) as u64) << 4 | phase, Relaxed);
        lanes[record + 2].store(lanes[other + 2].load(Relaxed), Relaxed);
        let heads = stack[16].load(Relaxed);
        lanes[record + 3].store(heads ^ 1 << random.below(64), Relaxed);
    }

    fn operate(&mut self, pile: &Segment<Pile>, bounded: &mut Bounded, rare: bool) {
        let stack = &pile.stack;
        for value in 0..4 {
            let _ = bounded.run("push", BOUND, || stack.push(value));
        }
        bounded.run("peek", BOUND, || stack.peek());
        bounded.run("len", BOUND, || assert!(stack.len() <= CAPACITY));
        bounded.run("is_empty", BOUND, || stack.is_empty());
        bounded.run("is_full", BOUND, || stack.is_full());
        for _ in 0..3 {
            bounded.run("pop", BOUND, || stack.pop());
        }
        bounded.run("push_slice", 8 * BOUND, || stack.push_slice(&[1; 7]));
        bounded.run("pop_slice", 8 * BOUND, || stack.pop_slice(&mut [0; 7]));
        if rare {
            let now = Duration::ZERO;
            let _ = bounded.run("push_wait", 70 * BOUND, || stack.push_wait(1, now));
            let _ = bounded.run("pop_wait", 70 * BOUND, || stack.pop_wait(now));
            bounded.run("recover", RECOVERY, || Segment::recover(pile));
        }
    }

    fn noticed(&self, pile: &Segment<Pile>) -> u64 {
        Segment::health(pile).corrupt
    }
}

#[test]
fn p6_a_stack_of_hostile_words_ends_every_operation() {
    attack(Attacked, 1);
}
