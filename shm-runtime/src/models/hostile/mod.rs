//! Bytes that no program of ours leaves: every operation on them ends, after a bounded number of accesses.
//!
//! Backs P6. A *family* is a structure with what a program does with it, one file each: it says what lies in the
//! segment, brings it into a busy state, and runs every operation under a bound. The engine overwrites words of
//! it between rounds: flipped bits, all ones, zeros, small numbers, words swapped, words of another state of the same
//! structure, words of other structures. The bound counts accesses to shared memory, not time; an access too
//! many ends the test with the seed, the image's number and the operation.
//!
//! Every other image is *live* (`live`): words go on changing in the middle of an operation.
//!
//! `SHM_HOSTILE_IMAGES` asks for more images per family, `SHM_HOSTILE_SEED` repeats a run. With a process that
//! changes the bytes all the time, between pages that must not be touched: `tests/hostile/`.

mod broadcast;
mod live;
mod map;
mod plain;
mod pool;
mod queue;
mod registry;
mod spsc;
mod stack;
mod sync;
mod table;
mod versioned;
mod versioned_array;

use super::line::Line;
use super::scheduler::Random;
use crate::memory::atomic::{AtomicU64, Ordering::Relaxed, set_hook};
use crate::memory::attachment::Attachment;
use crate::{Segment, ShmLayout};
use core::cell::Cell;
use core::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// Images of a family in the quick form.
const QUICK: u64 = 300_000;

thread_local! {
    static ACCESSES: Cell<u64> = const { Cell::new(0) };
    static BOUND: Cell<u64> = const { Cell::new(0) };
}

/// Counts an access to shared memory, and ends the test if it is one too many.
fn count() {
    let accesses = ACCESSES.get() + 1;
    ACCESSES.set(accesses);
    if accesses > BOUND.get() {
        set_hook(None);
        panic!("more than {accesses} accesses to shared memory");
    }
    set_hook(None); // what follows is another's
    live::change();
    set_hook(Some(count));
}

/// Runs operations under a bound, and remembers the longest.
#[derive(Default)]
struct Bounded {
    longest: Vec<(&'static str, u64)>,
    running: &'static str,
    /// Whether the words stay as they are while operations run, so that what one returns means something.
    still: bool,
}

impl Bounded {
    /// Runs `operation`, which may touch shared memory `bound` times.
    fn run<R>(&mut self, name: &'static str, bound: u64, operation: impl FnOnce() -> R) -> R {
        self.running = name;
        BOUND.set(bound * if self.still { 1 } else { live::PATIENCE });
        ACCESSES.set(0);
        set_hook(Some(count));
        let result = operation();
        set_hook(None);
        let accesses = ACCESSES.get();
        match self.longest.iter_mut().find(|(known, _)| *known == name) {
            Some((_, most)) => *most = accesses.max(*most),
            None => self.longest.push((name, accesses)),
        }
        result
    }
}

/// A structure and what a program does with it.
trait Family {
    /// The segment.
    type Schema: ShmLayout;
    /// For messages.
    const NAME: &'static str;
    /// Every how many images the full set of operations runs, those with many system calls included.
    const RARELY: u64 = 64;
    /// The table entries whose words are overwritten; the table itself is `""`, and `+` adds what a registered
    /// structure has before it and behind it.
    const PLACES: &'static [&'static str];

    /// A new segment.
    fn create(name: &str) -> Segment<Self::Schema> {
        Self::Schema::create(name).expect("the name is new")
    }

    /// Brings the structure into busy state number `state`.
    fn fill(&mut self, segment: &Segment<Self::Schema>, state: u64);

    /// Damage that chance alone would do too rarely.
    fn plant(&mut self, _: &Segment<Self::Schema>, _: &mut Random) {}

    /// Every operation; where `rare`, also those that ask the system.
    fn operate(&mut self, segment: &Segment<Self::Schema>, bounded: &mut Bounded, rare: bool);

    /// How much of what was wrong was noticed, in whatever way the family tells.
    fn noticed(&self, segment: &Segment<Self::Schema>) -> u64;
}

/// How many different states of a structure are overwritten.
const STATES: u64 = 8;

/// The words that are overwritten.
struct Target {
    attachment: Arc<Attachment>,
    ranges: Vec<Range<usize>>,
    /// What lay in them in each busy state.
    states: Vec<Vec<u64>>,
}

impl Target {
    fn all(&self) -> &[AtomicU64] {
        let words = self.attachment.len() / 8;
        self.attachment.slice(0, words).expect("whole words")
    }

    fn words(&self) -> impl Iterator<Item = &AtomicU64> {
        let all = self.all();
        let ranges = self.ranges.iter();
        ranges.flat_map(|range| &all[range.clone()])
    }

    /// Keeps what lies there now as one more state.
    fn keep(&mut self) {
        let state = self.words().map(|word| word.load(Relaxed)).collect();
        self.states.push(state);
    }

    fn restore(&self, state: usize) {
        for (word, &value) in self.words().zip(&self.states[state]) {
            word.store(value, Relaxed);
        }
    }

    /// The place of a word.
    fn any(&self, random: &mut Random) -> usize {
        // every range as likely as the others, so that a large structure does not hide a small one
        let range = &self.ranges[random.below(self.ranges.len())];
        range.start + random.below(range.len())
    }

    /// Overwrites a word, or two.
    fn damage(&self, random: &mut Random) {
        let word = &self.all()[self.any(random)];
        let now = word.load(Relaxed);
        let value = if random.below(10) == 0 {
            let other = &self.all()[self.any(random)];
            let theirs = other.load(Relaxed);
            other.store(now, Relaxed);
            theirs
        } else {
            self.other(now, random)
        };
        word.store(value, Relaxed);
    }

    /// What may stand in a word in place of `now`.
    fn other(&self, now: u64, random: &mut Random) -> u64 {
        match random.below(9) {
            0..2 => now ^ 1 << random.below(64),
            2 => u64::MAX,
            3 => 0,
            4 => random.below(40) as u64,
            5 => now.wrapping_add(random.below(7) as u64).wrapping_sub(3),
            6 => random.next(),
            7 => {
                let state = &self.states[random.below(self.states.len())];
                state[random.below(state.len())]
            }
            _ => now ^ 0xFF << (8 * random.below(8)),
        }
    }
}

/// The words of a family that are overwritten: whole words of the table and of its entries.
fn target<F: Family>(segment: &Segment<F::Schema>) -> Target {
    let table = Segment::table(segment).expect("a sound table");
    let range = |&place: &&str| match place {
        "" => 0..(16 + 40 * (table.len() + 2)) / 8,
        place => {
            let block = place.ends_with('+');
            let name = place.trim_end_matches('+');
            let entry = table.iter().find(|entry| entry.name == name);
            let entry = entry.expect("the family's entries exist");
            let start = entry.offset / 8 - if block { 8 } else { 0 };
            start..(entry.offset + entry.size).div_ceil(8) + if block { 64 } else { 0 }
        }
    };
    Target {
        attachment: Arc::clone(Segment::attachment(segment)),
        ranges: F::PLACES.iter().map(range).collect(),
        states: Vec::new(),
    }
}

fn number(variable: &str, otherwise: u64) -> u64 {
    let asked = std::env::var(variable).ok();
    asked
        .and_then(|number| number.parse().ok())
        .unwrap_or(otherwise)
}

/// Overwrites words of a family's segment again and again, and runs every operation each time.
fn attack<F: Family>(mut family: F, share: u64) {
    let seed = number("SHM_HOSTILE_SEED", 1);
    let images = number("SHM_HOSTILE_IMAGES", QUICK / share);
    let name = format!("shm-test-hostile-{}-{}", F::NAME, std::process::id());
    let segment = F::create(&name);
    let mut target = target::<F>(&segment);
    for state in 0..STATES {
        family.fill(&segment, state);
        target.keep();
    }
    let target = Rc::new(target);
    let mut random = Random::new(seed);
    let mut bounded = Bounded::default();
    let start = Instant::now();
    for image in 0..images {
        target.restore(random.below(target.states.len()));
        for _ in 0..1 + random.below(4).min(random.below(4)) {
            target.damage(&mut random);
        }
        let rare = image % F::RARELY == 0;
        if rare {
            family.plant(&segment, &mut random);
        }
        bounded.still = image % 2 == 0;
        if !bounded.still {
            live::begin(&target, &mut random);
        }
        let run = || family.operate(&segment, &mut bounded, rare);
        if let Err(why) = std::panic::catch_unwind(core::panic::AssertUnwindSafe(run)) {
            eprintln!(
                "{}: seed {seed}, image {image}, in `{}`",
                F::NAME,
                bounded.running
            );
            std::panic::resume_unwind(why);
        }
        live::end();
    }
    target.restore(0); // so that the segment is left in order
    let seconds = start.elapsed().as_secs_f64();
    eprintln!(
        "{}: {images} images, {} noticed, seed {seed}, {seconds:.1} s ({:.0}/s); most accesses: {:?}",
        F::NAME,
        family.noticed(&segment),
        images as f64 / seconds,
        bounded.longest,
    );
    let line = Line {
        hostile: images,
        ..Line::of(&format!("{}, seed {seed}", F::NAME))
    };
    line.since(start).append("hostile");
    assert!(
        family.noticed(&segment) > 0,
        "nothing was noticed: the operations do not see the bytes"
    );
}

#[test]
fn an_access_too_many_ends_the_operation() {
    let word = AtomicU64::new(0);
    let look = |times: usize| (0..times).for_each(|_| _ = word.load(Relaxed));
    let mut bounded = Bounded {
        still: true,
        ..Bounded::default()
    };
    bounded.run("three", 3, || look(3));
    let four = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
        bounded.run("four", 3, || look(4));
    }));
    assert!(four.is_err());
    assert_eq!(bounded.longest, [("three", 3)]);
}
