//! A world of attachments that come, go, die and sleep, for structures whose words have owners.
//!
//! Every slot has a few threads. A kill takes all threads of a slot, and sooner or later another attachment moves in
//! under the next generation. A stopped slot lives and does nothing. Who sleeps wakes up only when woken, or
//! where a round of waiting would find that somebody is dead: so a wake-up that is lost while nobody is dead
//! shows, although real sleepers look again after a while.

use super::line::Line;
use super::scheduler::{Process, Random, now, pause, quietly};
use crate::memory::atomic::{AtomicU32, Ordering::SeqCst, raw};
use crate::memory::owner::{Owners, Tag};
use crate::memory::participant::Identity;
use crate::memory::signals::{Kernel, SLICE};
use crate::seeded::{Bug, Observer, observe, seed, seeded};
use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Instant;

/// Steps after which a run makes no progress.
const LONG: usize = 40_000;

/// The same where somebody is stopped in the middle of something: the others look again and again.
const LONG_STOPPED: usize = 4_000;

/// A slot's last holder.
#[derive(Clone, Copy)]
struct Holder {
    generation: u32,
    lives: bool,
}

/// Who is there.
#[derive(Default)]
pub struct Town {
    slots: RefCell<Vec<Holder>>,
    /// When each of the dead died.
    deaths: RefCell<BTreeMap<u64, u64>>,
    /// Who is stopped.
    stopped: RefCell<BTreeSet<u64>>,
    asleep: RefCell<BTreeMap<usize, *const u32>>,
    running: Cell<usize>,
    violation: RefCell<Option<String>>,
}

impl Town {
    pub fn violate(&self, what: impl Into<String>) {
        self.violation.borrow_mut().get_or_insert(what.into());
    }

    fn identity(&self, slot: usize) -> Identity {
        let generation = self.slots.borrow()[slot].generation;
        Identity {
            slot: slot as u32,
            generation,
        }
    }

    /// Whether an attachment lives; no step.
    pub fn is_alive(&self, tag: Tag) -> bool {
        quietly(|| self.has(tag))
    }

    /// Whether an attachment is stopped.
    pub fn is_stopped(&self, tag: Tag) -> bool {
        self.stopped.borrow().contains(&tag.bits())
    }

    /// When the attachment of that name died; `None` where it lives.
    pub fn died(&self, tag: Tag) -> Option<u64> {
        self.deaths.borrow().get(&tag.bits()).copied()
    }
}

impl Owners for Town {
    fn last_in(&self, slot: u32) -> Option<Identity> {
        pause();
        let known = (slot as usize) < self.slots.borrow().len();
        known.then(|| self.identity(slot as usize))
    }

    fn lives(&self, identity: Identity) -> bool {
        pause();
        let slots = self.slots.borrow();
        let holder = slots.get(identity.slot as usize);
        let same = |holder: &Holder| {
            holder.generation == identity.generation || seeded(Bug::IgnoreGeneration)
        };
        holder.is_some_and(|holder| holder.lives && same(holder))
    }
}

impl Kernel for &Town {
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

/// A structure, and what is done with it.
pub trait Play: 'static {
    /// What one thread of an attachment does.
    fn run(&self, town: &Town, me: Identity, random: Random);

    /// Whether one who sleeps would go on if it looked again, because somebody is dead; no step.
    fn is_somebody_missed(&self, town: &Town) -> bool;

    /// Whether one who sleeps now is right to: only because of somebody who is stopped.
    fn is_blocked(&self, _town: &Town) -> bool {
        true
    }

    /// Whether one may sleep in the end: because nobody is left who does what it waits for.
    fn may_sleep_on(&self) -> bool {
        false
    }

    /// Sees what takes effect, in the very step.
    fn observe(&self, _town: &Town, _who: usize, _word: usize, _old: u64, _new: u64) {}

    /// An attachment died.
    fn buried(&self, _town: &Town, _who: Tag) {}

    /// What must hold in the end, when nobody is left; `stopped` attachments still have what they had.
    fn check(&self, town: &Town, stopped: &[Tag]);
}

/// How a run is mixed.
#[derive(Clone, Copy)]
pub struct Mix {
    pub kills: usize,
    pub stops: usize,
}

pub const QUIET: Mix = Mix { kills: 0, stops: 0 };
pub const DEADLY: Mix = Mix { kills: 5, stops: 0 };
pub const STOPPING: Mix = Mix { kills: 3, stops: 1 };

struct Run<P> {
    town: Rc<Town>,
    play: Rc<P>,
    random: Random,
    /// By thread; thread t belongs to slot t / THREADS.
    live: BTreeMap<usize, Process>,
    stopped: BTreeSet<usize>,
    /// Slots that are empty, and when somebody moves in.
    vacant: BTreeMap<usize, usize>,
    mix: Mix,
}

/// Threads of an attachment.
const THREADS: usize = 2;

impl<P: Play> Run<P> {
    fn new(seed: u64, mix: Mix, make: fn(&mut Random) -> P) -> Self {
        let mut random = Random::new(seed);
        let town = Rc::new(Town::default());
        let play = Rc::new(make(&mut random));
        let watch = (Rc::clone(&town), Rc::clone(&play));
        let observer: Observer =
            Box::new(move |who, word, old, new| watch.1.observe(&watch.0, who, word, old, new));
        observe(Some(observer));
        let slots = 2 + random.below(2);
        *town.slots.borrow_mut() = vec![
            Holder {
                generation: 0,
                lives: false,
            };
            slots
        ];
        let mut run = Self {
            town,
            play,
            random,
            live: BTreeMap::new(),
            stopped: BTreeSet::new(),
            vacant: BTreeMap::new(),
            mix,
        };
        (0..slots).for_each(|slot| run.move_in(slot));
        run
    }

    fn move_in(&mut self, slot: usize) {
        {
            let mut slots = self.town.slots.borrow_mut();
            slots[slot].generation += 1;
            slots[slot].lives = true;
        }
        let me = self.town.identity(slot);
        for thread in 0..1 + self.random.below(THREADS) {
            let (town, play) = (Rc::clone(&self.town), Rc::clone(&self.play));
            let random = Random::new(self.random.next());
            let process = Process::new(move || play.run(&town, me, random));
            self.live.insert(slot * THREADS + thread, process);
        }
    }

    fn threads(&self, slot: usize) -> Vec<usize> {
        let of_slot = |thread: &&usize| **thread / THREADS == slot;
        self.live.keys().filter(of_slot).copied().collect()
    }

    fn kill(&mut self, slot: usize) {
        let tag = Tag::of(self.town.identity(slot));
        for thread in self.threads(slot) {
            self.town.asleep.borrow_mut().remove(&thread);
            self.live.remove(&thread).expect("it is there").kill();
        }
        self.town.slots.borrow_mut()[slot].lives = false;
        self.town.deaths.borrow_mut().insert(tag.bits(), now());
        self.play.buried(&self.town, tag);
        if self.random.chance(0.7) {
            self.vacant.insert(slot, self.random.below(60));
        }
    }

    fn runnable(&self) -> Vec<usize> {
        let asleep = self.town.asleep.borrow();
        let missed = !asleep.is_empty() && quietly(|| self.play.is_somebody_missed(&self.town));
        let ready = |thread: &&usize| {
            !self.stopped.contains(&(**thread / THREADS))
                && (missed || !asleep.contains_key(thread))
        };
        self.live.keys().filter(ready).copied().collect()
    }

    fn finish(mut self) -> Option<String> {
        let kill: f64 = self.random.pick(&[0.0, 0.005, 0.02, 0.05]);
        let sticky = self.random.below(100) as f64 / 100.0;
        let (mut current, mut steps) = (0, 0);
        while self.town.violation.borrow().is_none() {
            steps += 1;
            for waiting in self.vacant.values_mut() {
                *waiting = waiting.saturating_sub(1);
            }
            let runnable = self.runnable();
            let due = self
                .vacant
                .iter()
                .find(|(_, left)| **left == 0 || runnable.is_empty());
            if let Some((&slot, _)) = due {
                self.vacant.remove(&slot);
                self.move_in(slot);
                continue;
            }
            if runnable.is_empty() || (steps > LONG_STOPPED && !self.stopped.is_empty()) {
                break; // one who is stopped while it leaves keeps the others looking for ever
            }
            if steps > LONG {
                self.town.violate("no progress");
            }
            if !runnable.contains(&current) || !self.random.chance(sticky) {
                current = self.random.pick(&runnable);
            }
            let slot = current / THREADS;
            if self.random.chance(kill) {
                if self.mix.stops > 0 && self.random.chance(0.4) {
                    self.mix.stops -= 1;
                    self.stopped.insert(slot);
                    let tag = Tag::of(self.town.identity(slot));
                    self.town.stopped.borrow_mut().insert(tag.bits());
                    continue;
                } else if self.mix.kills > 0 {
                    self.mix.kills -= 1;
                    self.kill(slot);
                    continue;
                }
            }
            self.step(current);
        }
        self.end()
    }

    fn step(&mut self, thread: usize) {
        self.town.asleep.borrow_mut().remove(&thread); // its round of waiting is over
        self.town.running.set(thread);
        let process = self.live.get_mut(&thread).expect("runnable is live");
        if process.step() {
            self.live.remove(&thread).expect("it was").recycle();
        }
    }

    fn end(mut self) -> Option<String> {
        let town = Rc::clone(&self.town);
        if town.violation.borrow().is_none() {
            let waiting = self.live.keys();
            let left = waiting
                .filter(|thread| !self.stopped.contains(&(**thread / THREADS)))
                .count();
            if left > 0 && !quietly(|| self.play.is_blocked(&town)) {
                town.violate("somebody sleeps although there is no reason to");
            } else if left > 0 && self.stopped.is_empty() && !self.play.may_sleep_on() {
                town.violate("somebody sleeps, and nobody is stopped");
            }
            let stopped = self
                .stopped
                .iter()
                .map(|&slot| Tag::of(town.identity(slot)));
            let stopped: Vec<_> = stopped.collect();
            if left == 0 || self.play.may_sleep_on() {
                quietly(|| self.play.check(&town, &stopped));
            }
        }
        observe(None);
        core::mem::take(&mut self.live)
            .into_values()
            .for_each(Process::kill);
        town.violation.take()
    }
}

fn runs() -> u64 {
    let asked = std::env::var("SHM_MODEL_RUNS").ok();
    asked.and_then(|runs| runs.parse().ok()).unwrap_or(10_000)
}

/// Plays without a violation.
pub fn assert_clean<P: Play>(mix: Mix, make: fn(&mut Random) -> P) {
    seed(None);
    let start = Instant::now();
    for number in 0..runs() {
        assert_eq!(Run::new(number, mix, make).finish(), None, "seed {number}");
    }
    Line::models(runs(), start);
}

/// Plays until the seeded bug is caught.
pub fn assert_caught<P: Play>(bug: Bug, mixes: &[Mix], make: fn(&mut Random) -> P) {
    seed(Some(bug));
    let mut numbers = 0..10 * runs().max(10_000);
    let caught = numbers.find_map(|number| {
        let mix = mixes[number as usize % mixes.len()];
        Some((number, Run::new(number, mix, make).finish()?))
    });
    seed(None);
    match caught {
        Some((number, what)) => eprintln!("{bug:?}: {what} (run {number})"),
        None => panic!("{bug:?} was not caught"),
    }
}
