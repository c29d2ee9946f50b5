//! Whole frames under kills of the writer, successors in its role, stops, and readers who sleep.
//!
//! Backs P1 (kill), P2 (stop: readers go on) and P3 for `VersionedArray`.

use super::scheduler::{Process, Random, pause, quietly};
use crate::memory::atomic::{
    AtomicU32,
    Ordering::{Acquire, SeqCst},
    raw,
};
use crate::memory::cell::{CellArray, Cells};
use crate::memory::signals::{Kernel, SLICE};
use crate::memory::stamp::Stamp;
use crate::seeded::{Bug, seed, seeded};
use crate::structures::versioned_array::frames::{BUFFERS, Frames, Head, Parts, Stop};
use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use zerocopy::FromZeros;

const LEN: usize = 3;
const WRITER: usize = 0;
const READERS: usize = 2;

#[derive(FromZeros)]
#[repr(C)]
struct Memory {
    head: Head,
    stamps: [Stamp; BUFFERS],
    cells: [CellArray<u64, LEN>; BUFFERS],
}

struct World {
    memory: Box<Memory>,
    /// The value of each frame; the one behind the last is about to be published.
    values: RefCell<Vec<u64>>,
    next: Cell<u64>,
    /// What those who sleep have seen.
    waiting: RefCell<BTreeMap<usize, u64>>,
    asleep: RefCell<BTreeMap<usize, *const u32>>,
    is_writer_alive: Cell<bool>,
    running: Cell<usize>,
    violation: RefCell<Option<String>>,
}

impl Parts for World {
    type Element = u64;

    fn head(&self) -> &Head {
        &self.memory.head
    }
    fn buffer(&self, index: usize) -> (&Stamp, &Cells<u64>) {
        (&self.memory.stamps[index], self.memory.cells[index].cells())
    }
    fn kernel(&self) -> impl Kernel {
        self
    }
}

impl Kernel for &World {
    fn sleep(&self, word: &AtomicU32, expected: u32, limit: Duration) {
        let me = self.running.get();
        pause();
        if quietly(|| word.load(SeqCst)) != expected || limit <= SLICE {
            return;
        }
        self.asleep.borrow_mut().insert(me, raw(word).as_ptr());
        while self.asleep.borrow().contains_key(&me) {
            pause();
        }
    }
    fn wake_all(&self, word: &AtomicU32) {
        pause();
        let word: *const u32 = raw(word).as_ptr();
        let mut first = true;
        self.asleep.borrow_mut().retain(|_, on| {
            let wakes = *on == word && (first || !seeded(Bug::WakeOne));
            first &= !wakes;
            !wakes
        });
    }
    fn heavy_barrier(&self) -> bool {
        true // sequential consistency
    }
    fn fences(&self) -> bool {
        false
    }
}

impl World {
    fn new() -> Self {
        Self {
            memory: Box::new(Memory::new_zeroed()),
            values: RefCell::new(vec![0]),
            next: Cell::new(1),
            waiting: RefCell::default(),
            asleep: RefCell::default(),
            is_writer_alive: Cell::new(true),
            running: Cell::new(0),
            violation: RefCell::default(),
        }
    }

    fn violate(&self, what: impl Into<String>) {
        self.violation.borrow_mut().get_or_insert(what.into());
    }

    /// Nobody sleeps although there is another frame.
    fn check_sleepers(&self) {
        let latest = self.latest();
        if self.waiting.borrow().values().any(|&seen| seen != latest) {
            self.violate("lost wake-up");
        }
    }

    fn latest(&self) -> u64 {
        quietly(|| Frames(self).version())
    }

    /// The writer's program: the next holder of the role goes on where the number says.
    fn write(&self, mut random: Random) {
        let frames = Frames(self);
        let mut latest = frames.take_over();
        for _ in 0..1 + random.below(5) {
            let value = self.next.replace(self.next.get() + 1);
            {
                // known before it is published, because nothing happens in the step after
                let mut values = self.values.borrow_mut();
                values.truncate(latest as usize + 1);
                values.push(value);
            }
            latest = if random.chance(0.3) {
                let (next, cells) = frames.begin_copy(latest);
                cells.store_slice(0, &[value; LEN]);
                frames.publish(next);
                next
            } else {
                frames.write(latest, &[value; LEN])
            };
            if self.latest() != latest {
                self.violate("published another frame than it said");
            }
        }
    }

    fn read(&self, mut random: Random) {
        let mut last = 0;
        for _ in 0..2 + random.below(4) {
            let before = self.latest();
            let mut out = [0; LEN];
            let frame = match Frames(self).try_copy(&mut out) {
                Ok(frame) => frame,
                Err(Stop::Outrun) => {
                    if self.latest() < before + BUFFERS as u64 - 1 {
                        self.violate("overtaken by less than two frames");
                    }
                    continue;
                }
                Err(Stop::Corrupt) => return self.violate("a stamp that makes no sense"),
            };
            let value = self.values.borrow()[frame as usize];
            if out.iter().any(|&element| element != out[0]) {
                self.violate("torn");
            } else if out[0] != value {
                self.violate("another frame than it said");
            }
            if frame < before || frame < last {
                self.violate("a stale frame");
            }
            last = frame;
        }
    }

    fn wait(&self, who: usize) {
        let (
            frames,
            Head {
                writer, signals, ..
            },
        ) = (Frames(self), &self.memory.head);
        loop {
            let seen = frames.version();
            self.waiting.borrow_mut().insert(who, seen);
            let announced = || writer.announced.load(Acquire) != 0 && self.is_writer_alive.get();
            signals.filled.wait_round(
                &self,
                Duration::from_secs(9),
                || {},
                announced,
                || frames.version() == seen,
            );
        }
    }
}

#[derive(Clone, Copy)]
struct Mix {
    kills: usize,
    stops: bool,
    waits: bool,
}

const KILLS: Mix = Mix {
    kills: 5,
    stops: false,
    waits: false,
};
const STOPS: Mix = Mix {
    stops: true,
    ..KILLS
};
const WAITS: Mix = Mix {
    waits: true,
    ..KILLS
};

fn run(number: u64, mut mix: Mix) -> Option<String> {
    let mut random = Random::new(number);
    let world = Rc::new(World::new());
    let spawn = |who: usize, random: Random| {
        let world = Rc::clone(&world);
        Process::new(move || match who {
            WRITER => world.write(random),
            who if mix.waits => world.wait(who),
            _ => world.read(random),
        })
    };
    let mut live = BTreeMap::new();
    for who in 0..=READERS {
        live.insert(who, spawn(who, Random::new(random.next())));
    }
    let mut stopped = BTreeSet::new();
    let kill: f64 = random.pick(&[0.0, 0.02, 0.08]);
    let sticky = random.pick(&[0.3, 0.7, 0.95]);
    let (mut current, mut steps) = (0, 0);
    while world.violation.borrow().is_none() {
        steps += 1;
        let asleep = world.asleep.borrow().clone();
        let ready = |who: &usize| !asleep.contains_key(who) && !stopped.contains(who);
        let runnable: Vec<_> = live.keys().copied().filter(ready).collect();
        if runnable.is_empty() {
            break;
        }
        if steps > 20_000 {
            world.violate("no progress");
        }
        if !runnable.contains(&current) || !random.chance(sticky) {
            current = random.pick(&runnable);
        }
        if current == WRITER && random.chance(kill) && mix.stops && random.chance(0.3) {
            stopped.insert(WRITER); // nobody takes the role over
            continue;
        }
        if current == WRITER && mix.kills > 0 && random.chance(kill) {
            mix.kills -= 1;
            live.remove(&WRITER).expect("it is there").kill();
            world.is_writer_alive.set(random.chance(0.8));
            if world.is_writer_alive.get() {
                live.insert(WRITER, spawn(WRITER, Random::new(random.next())));
            }
            continue;
        }
        world.running.set(current);
        let process: &mut Process = live.get_mut(&current).expect("runnable is live");
        if process.step() {
            live.remove(&current).expect("it was").recycle();
        }
    }
    world.check_sleepers();
    live.into_values().for_each(Process::kill);
    world.violation.take()
}

fn runs() -> u64 {
    let asked = std::env::var("SHM_MODEL_RUNS").ok();
    asked.and_then(|runs| runs.parse().ok()).unwrap_or(10_000)
}

fn assert_clean(mix: Mix) {
    seed(None);
    for number in 0..runs() {
        assert_eq!(run(number, mix), None, "seed {number}");
    }
}

fn assert_caught(bug: Bug, mix: Mix) {
    seed(Some(bug));
    let mut numbers = 0..20 * runs().max(10_000);
    let caught = numbers.find_map(|number| Some((number, run(number, mix)?)));
    seed(None);
    match caught {
        Some((number, what)) => eprintln!("{bug:?}: {what} (run {number})"),
        None => panic!("{bug:?} was not caught"),
    }
}

#[test]
fn p1_killed_writers_leave_whole_frames() {
    assert_clean(KILLS);
}

#[test]
fn p2_readers_go_on_when_the_writer_is_stopped() {
    assert_clean(STOPS);
}

#[test]
fn p1_killed_writers_lose_no_wake_up() {
    assert_clean(WAITS);
}

#[test]
fn seeded_bugs_are_caught() {
    for bug in [
        Bug::ReadUnchecked,
        Bug::FillUnmarked,
        Bug::PublishBeforeWrite,
        Bug::CurrentBuffer,
    ] {
        assert_caught(bug, KILLS);
    }
    for bug in [
        Bug::WakeAfterPublish,
        Bug::ClearFlagFirst,
        Bug::WakeOne,
        Bug::IgnoreAnnounced,
        Bug::NotAnnounced,
    ] {
        assert_caught(bug, WAITS);
    }
}
