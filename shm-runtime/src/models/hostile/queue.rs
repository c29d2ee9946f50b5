//! `Queue`, its lanes, and the recovery of what their records say.

use super::{Bounded, Family, attack};
use crate::memory::atomic::{AtomicU64, Ordering::Relaxed};
use crate::models::scheduler::Random;
use crate::{Queue, Segment};
use core::time::Duration;

const CAPACITY: usize = 4;
const LANES: usize = 4;
/// Accesses of one operation.
const BOUND: u64 = 50 * (CAPACITY + LANES) as u64;
/// A recovery settles every lane, each by up to four looks at all words and lines, four times over.
const RECOVERY: u64 = LANES as u64 * 16 * 8 * (CAPACITY + 3 * LANES) as u64;

#[derive(Debug, crate::ShmLayout)]
#[shm(lanes = 4)]
struct Line {
    events: Queue<u64, CAPACITY>,
}

struct Attacked;

impl Family for Attacked {
    type Schema = Line;
    const NAME: &'static str = "queue";
    const RARELY: u64 = 8;
    const PLACES: &'static [&'static str] = &[
        "@participants",
        "@lanes",
        "@lanes",
        "events",
        "events",
        "events",
    ];

    fn fill(&mut self, line: &Segment<Line>, state: u64) {
        while line.events.pop().is_some() {}
        for value in 0..3 * state {
            let _ = line.events.push(value);
            if value % 3 != state % 3 {
                line.events.pop();
            }
        }
        if state % 2 == 1 {
            drop(line.events.take()); // something is on a shelf
        }
        if state % 4 == 3 {
            core::mem::forget(line.events.take()); // and a lane holds something for ever
        }
    }

    /// A lane of a dead process, in the middle of something that may make sense.
    fn plant(&mut self, line: &Segment<Line>, random: &mut Random) {
        let attachment = Segment::attachment(line);
        let table = Segment::table(line).expect("it is not overwritten");
        let words = |name: &str| {
            let entry = table
                .iter()
                .find(|entry| entry.name == name)
                .expect("it is there");
            let words = attachment.slice::<AtomicU64>(entry.offset, entry.size / 8);
            words.expect("whole words")
        };
        let (lanes, queue) = (words("@lanes"), words("events"));
        let (record, other) = (16 * random.below(LANES), 16 * random.below(LANES));
        lanes[record].store(77 << 32 | (1 + random.below(LANES)) as u64, Relaxed); // nobody ever had it
        let number = random.below(3 * CAPACITY) as u64;
        lanes[record + 1].store(number << 4 | random.below(8) as u64, Relaxed);
        lanes[record + 2].store(lanes[other + 2].load(Relaxed), Relaxed);
        let word = &queue[random.below(queue.len())];
        lanes[record + 3].store(word.load(Relaxed) ^ random.below(4) as u64, Relaxed);
    }

    fn operate(&mut self, line: &Segment<Line>, bounded: &mut Bounded, rare: bool) {
        let queue = &line.events;
        for value in 0..5 {
            let _ = bounded.run("push", BOUND, || queue.push(value));
        }
        bounded.run("peek", BOUND, || queue.peek());
        bounded.run("len", BOUND, || assert!(queue.len() <= CAPACITY));
        bounded.run("is_empty", BOUND, || queue.is_empty());
        for _ in 0..3 {
            bounded.run("pop", BOUND, || queue.pop());
        }
        bounded.run("push_slice", 8 * BOUND, || queue.push_slice(&[1; 7]));
        bounded.run("pop_slice", 8 * BOUND, || queue.pop_slice(&mut [0; 7]));
        if !rare {
            return;
        }
        if let Ok(mut loan) = bounded.run("loan", RECOVERY, || queue.loan()) {
            bounded.run("write", BOUND, || loan.write(9));
            bounded.run("loan.get", BOUND, || loan.get());
            let _ = bounded.run("commit", BOUND, || loan.commit());
        }
        if let Ok(Some(taken)) = bounded.run("take", RECOVERY, || queue.take()) {
            bounded.run("get", BOUND, || taken.get());
            bounded.run("put back", BOUND, || drop(taken));
        }
        if let Ok(Some(taken)) = bounded.run("take", RECOVERY, || queue.take()) {
            bounded.run("done", BOUND, || taken.done());
        }
        let now = Duration::ZERO;
        let _ = bounded.run("push_wait", 70 * BOUND, || queue.push_wait(1, now));
        let _ = bounded.run("pop_wait", 70 * BOUND, || queue.pop_wait(now));
        bounded.run("recover", RECOVERY, || Segment::recover(line));
        let _ = bounded.run("participants", BOUND, || Segment::participants(line));
    }

    fn noticed(&self, line: &Segment<Line>) -> u64 {
        Segment::health(line).corrupt
    }
}

#[test]
fn p6_a_queue_of_hostile_words_ends_every_operation() {
    attack(Attacked, 1);
}

/// It did: the table was written over by the recovery of a lane whose intent named it.
#[test]
fn p6_a_hostile_intent_leads_no_recovery_out_of_the_structures() {
    let name = format!("shm-test-hostile-intent-{}", std::process::id());
    let line = Attacked::create(&name);
    let attachment = Segment::attachment(&line);
    let all = attachment.slice::<AtomicU64>(0, attachment.len() / 8);
    let all = all.expect("whole words");
    let table = Segment::table(&line).expect("it is sound");
    let find = |name: &str| table.iter().find(|entry| entry.name == name);
    let (lanes, events) = (find("@lanes"), find("events"));
    let (lanes, events) = (lanes.expect("it is there"), events.expect("it is there"));
    let own = || {
        all[..events.offset / 8]
            .iter()
            .map(|word| word.load(Relaxed))
    };
    let record = lanes.offset / 8 + 16;
    for place in (0..events.offset as u64).step_by(64) {
        for phase in 3..16 {
            let before: Vec<_> = own().collect();
            for (word, value) in [77 << 32 | 1, phase, place, 0].into_iter().enumerate() {
                all[record + word].store(value, Relaxed);
            }
            let _ = Segment::recover(&line);
            (0..4).for_each(|word| all[record + word].store(before[record + word], Relaxed));
            let after: Vec<_> = own().collect();
            assert_eq!(before, after, "phase {phase}, place {place:#x}");
        }
    }
}
