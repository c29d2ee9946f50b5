//! A world of lanes whose owners are killed, stopped and succeeded, and of readers, for structures that are made of
//! exchange words.
//!
//! A successor settles the dead one's lane and goes on with it. The steps around an exchange get the most trouble.
//! Who sleeps wakes up only when it is woken, so that a lost wake-up shows, although real sleepers look again after
//! a while.

use super::scheduler::{Process, Random, pause, quietly};
use crate::memory::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst, raw};
use crate::memory::exchange::{Capacity, Exchange, Line};
use crate::memory::lane::{LaneRecord, Place};
use crate::memory::recovery::{Arena, Settled, settle_lane};
use crate::memory::signals::{Event, Kernel, SLICE, Signals};
use crate::seeded::{Bug, Observer, observe, seed, seeded};
use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Instant;
use zerocopy::FromZeros;

/// Most lanes.
pub const LANES: usize = 4;
/// The number of the first reader: readers have no lane.
const READERS: usize = 100;
/// Where the structure is said to lie.
const OFFSET: u64 = 4096;
/// Steps after which a run makes no progress.
const LONG: usize = 60_000;

/// Who is there.
pub struct World {
    records: Box<[LaneRecord; LANES]>,
    pub lanes: usize,
    asleep: RefCell<BTreeMap<usize, *const u32>>,
    /// Lanes whose owners are dead and not recovered.
    dead: RefCell<BTreeSet<usize>>,
    running: Cell<usize>,
    violation: RefCell<Option<String>>,
}

impl World {
    pub fn violate(&self, what: impl Into<String>) {
        self.violation.borrow_mut().get_or_insert(what.into());
    }

    pub fn records(&self) -> &[LaneRecord] {
        &self.records[..self.lanes]
    }

    pub fn place(&self, capacity: usize) -> Place {
        Place::new(OFFSET, capacity)
    }
}

/// A structure, and what is done with it.
pub trait Play: 'static {
    /// What the owner of a lane does.
    fn write(&self, world: &World, lane: usize, random: Random);

    /// What a reader does.
    fn read(&self, world: &World, random: Random);

    /// What reader `who` does that sleeps: it never ends.
    fn wait(&self, world: &World, who: usize);

    /// The structure's parts, for recovery.
    fn parts(&self) -> (&Signals, &[AtomicU64], &[Line]);

    /// An exchange took effect, in this very step.
    fn observe(&self, world: &World, word: usize, old: u64, new: u64);

    /// What must hold in the end; the lanes `withheld` are stopped, or not settled because of one that is.
    fn check(&self, world: &World, withheld: &BTreeSet<usize>);

    /// Whether those who sleep are right to; no step.
    fn is_blocked(&self) -> bool;
}

struct Yard<'a, P>(&'a World, &'a P);

impl<P: Play> Arena for Yard<'_, P> {
    fn exchange(&self, place: Place, lanes: usize) -> Option<(&Signals, &[AtomicU64], &[Line])> {
        let (signals, words, lines) = self.1.parts();
        let words = words.get(..place.capacity() as usize)?;
        (place.offset() == OFFSET).then_some((signals, words, lines.get(..lanes)?))
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

/// The right to sweep a lane: it comes back when its holder is killed.
struct Sweep<'a> {
    world: &'a World,
    lane: usize,
    settled: bool,
}

impl Drop for Sweep<'_> {
    fn drop(&mut self) {
        if !self.settled {
            self.world.dead.borrow_mut().insert(self.lane);
        }
    }
}

/// Settles one lane; true where there is nothing left to do.
fn recover(world: &World, play: &impl Play, lane: usize) -> bool {
    if !world.dead.borrow_mut().remove(&lane) {
        return true;
    }
    let mut sweep = Sweep {
        world,
        lane,
        settled: false,
    };
    let yard = Yard(world, play);
    sweep.settled = settle_lane(&yard, yard.0.records(), lane, &world) == Settled::Clean;
    sweep.settled
}

fn recover_all(world: &World, play: &impl Play) {
    let dead: Vec<_> = world.dead.borrow().iter().copied().collect();
    for lane in dead {
        recover(world, play, lane);
    }
}

/// One round of waiting.
pub fn wait_round(
    world: &World,
    play: &impl Play,
    event: &Event,
    announced: impl FnOnce() -> bool,
    blocked: impl FnOnce() -> bool,
) {
    event.wait_round(
        &world,
        Duration::from_secs(9),
        || recover_all(world, play),
        announced,
        blocked,
    );
}

/// No node twice, and none missing but for those that the stopped withhold.
pub fn check_nodes<C: Capacity>(
    world: &World,
    exchange: &Exchange<'_, C>,
    withheld: &BTreeSet<usize>,
) {
    let words = C::slice(exchange.words).iter().enumerate();
    let words = words.map(|(i, word)| exchange.named(i, word.load(SeqCst)));
    let spares = (0..world.lanes)
        .filter(|lane| !withheld.contains(lane))
        .filter_map(|lane| Some(exchange.spare_named(&exchange.own(lane).ok()?)));
    let mut nodes: Vec<_> = words.chain(spares).collect();
    let all = nodes.len();
    nodes.sort_unstable();
    nodes.dedup();
    if nodes.len() != all {
        world.violate("a node in two places");
    } else if nodes
        .iter()
        .any(|&node| node >= exchange.capacity() + world.lanes)
    {
        world.violate("a node that is none");
    }
}

/// How a run is mixed.
#[derive(Clone, Copy)]
pub struct Mix {
    pub kills: usize,
    pub stops: usize,
    pub waits: bool,
}

pub const PLAIN: Mix = Mix {
    kills: 0,
    stops: 0,
    waits: false,
};
pub const KILLS: Mix = Mix { kills: 6, ..PLAIN };
pub const STOPS: Mix = Mix { stops: 2, ..KILLS };
pub const WAITS: Mix = Mix {
    kills: 3,
    stops: 0,
    waits: true,
};

struct Run<P> {
    world: Rc<World>,
    play: Rc<P>,
    random: Random,
    live: BTreeMap<usize, Process>,
    stopped: BTreeMap<usize, Process>,
    naps: BTreeMap<usize, usize>,
    mix: Mix,
}

impl<P: Play> Run<P> {
    fn new(number: u64, mix: Mix, make: fn(&mut Random) -> P) -> Self {
        let mut random = Random::new(number);
        let world = World {
            records: Box::new(FromZeros::new_zeroed()),
            lanes: 1 + random.below(LANES),
            asleep: RefCell::default(),
            dead: RefCell::default(),
            running: Cell::new(0),
            violation: RefCell::default(),
        };
        let (world, play) = (Rc::new(world), Rc::new(make(&mut random)));
        let watch = (Rc::clone(&world), Rc::clone(&play));
        let observer: Observer = Box::new(move |_, word, old, new| {
            quietly(|| watch.1.observe(&watch.0, word, old, new));
        });
        observe(Some(observer));
        let mut run = Self {
            world,
            play,
            random,
            live: BTreeMap::new(),
            stopped: BTreeMap::new(),
            naps: BTreeMap::new(),
            mix,
        };
        (0..run.world.lanes).for_each(|lane| run.spawn(lane, false));
        for reader in READERS..READERS + 2 {
            let (world, play) = (Rc::clone(&run.world), Rc::clone(&run.play));
            let random = Random::new(run.random.next());
            let process = Process::new(move || match mix.waits {
                true => play.wait(&world, reader),
                false => play.read(&world, random),
            });
            run.live.insert(reader, process);
        }
        run
    }

    fn spawn(&mut self, lane: usize, successor: bool) {
        let (world, play) = (Rc::clone(&self.world), Rc::clone(&self.play));
        let random = Random::new(self.random.next());
        let process = Process::new(move || {
            let mut tries = 0;
            while successor && !recover(&world, &*play, lane) {
                tries += 1;
                if tries > 50 {
                    return; // a stopped process has the answer: somebody tries again later
                }
                pause();
            }
            play.write(&world, lane, random);
        });
        self.live.insert(lane, process);
    }

    fn is_exchanging(&self, who: usize) -> bool {
        let record = self.world.records().get(who);
        record.is_some_and(|record| quietly(|| record.state().phase().is_exchange()))
    }

    fn runnable(&self) -> Vec<usize> {
        let asleep = self.world.asleep.borrow();
        let all = self.live.keys().copied();
        all.filter(|who| !asleep.contains_key(who)).collect()
    }

    /// Runs to the end; says what went wrong, if anything did.
    fn finish(mut self) -> Option<String> {
        let kill: f64 = self.random.pick(&[0.0, 0.01, 0.04, 0.12]);
        let window = self.random.pick(&[0.0, 0.1, 0.3]);
        let doze = self.random.pick(&[0.0, 0.02, 0.1]);
        let sticky = self.random.below(100) as f64 / 100.0;
        let (mut current, mut steps) = (0, 0);
        while self.world.violation.borrow().is_none() {
            steps += 1;
            let runnable = self.runnable();
            if runnable.is_empty() {
                break;
            }
            if steps > LONG {
                self.world.violate("no progress");
            }
            let naps = &self.naps;
            let awake = |who: &usize| naps.get(who).is_none_or(|&until| until <= steps);
            if !runnable.contains(&current) || !awake(&current) || !self.random.chance(sticky) {
                let choice: Vec<_> = runnable.iter().copied().filter(awake).collect();
                current = self.random.pick(if choice.is_empty() {
                    &runnable
                } else {
                    &choice
                });
            }
            let exchanging = self.is_exchanging(current);
            let nap = if exchanging { window } else { doze };
            if self.naps.len() < 40 && self.random.chance(nap) {
                self.naps
                    .insert(current, steps + 5 + self.random.below(100));
                continue;
            }
            let kill = if exchanging {
                kill.max(window / 2.0)
            } else {
                kill
            };
            if current < READERS && self.random.chance(kill) && self.end_early(current) {
                if self.random.chance(0.5) {
                    self.naps
                        .insert(current, steps + 30 + self.random.below(121));
                }
                continue;
            }
            self.world.running.set(current);
            let process = self.live.get_mut(&current).expect("runnable is live");
            if process.step() {
                self.live.remove(&current).expect("it was").recycle();
            }
        }
        self.end()
    }

    /// Kills or stops the owner of a lane, as far as the mix allows.
    fn end_early(&mut self, lane: usize) -> bool {
        if self.mix.stops > 0 && self.random.chance(0.4) {
            self.mix.stops -= 1;
            let process = self.live.remove(&lane).expect("runnable is live");
            self.stopped.insert(lane, process);
            return true;
        }
        if self.mix.kills == 0 {
            return false;
        }
        self.mix.kills -= 1;
        self.live.remove(&lane).expect("runnable is live").kill();
        self.world.dead.borrow_mut().insert(lane);
        if !self.mix.waits {
            self.spawn(lane, true);
        }
        true
    }

    /// The promises, at the end of a run.
    fn end(self) -> Option<String> {
        let (world, play) = (&*self.world, &*self.play);
        if world.violation.borrow().is_none() {
            if !self.live.is_empty() && !quietly(|| play.is_blocked()) {
                world.violate("lost wake-up: they sleep although there is something to see");
            }
            (0..8).for_each(|_| recover_all(world, play));
            let mut withheld = world.dead.borrow().clone();
            if !withheld.is_empty() && self.stopped.is_empty() {
                world.violate("recovery never ends");
            }
            withheld.extend(self.stopped.keys());
            play.check(world, &withheld);
        }
        observe(None);
        let all = self.live.into_values().chain(self.stopped.into_values());
        all.for_each(Process::kill);
        self.world.violation.take()
    }
}

/// Runs of each mix in the normal test run; `SHM_MODEL_RUNS` asks for more.
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
    super::line::Line::models(runs(), start);
}

/// Plays until the seeded bug is caught.
pub fn assert_caught<P: Play>(bug: Bug, mix: Mix, make: fn(&mut Random) -> P) {
    seed(Some(bug));
    let mut numbers = 0..20 * runs().max(10_000);
    let caught = numbers.find_map(|number| Some((number, Run::new(number, mix, make).finish()?)));
    seed(None);
    match caught {
        Some((number, what)) => eprintln!("{bug:?}: {what} (run {number})"),
        None => panic!("{bug:?} was not caught"),
    }
}
