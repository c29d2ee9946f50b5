//! The map under kills, stops and hand-over of lanes: histories of each key, one entry per key, exact "full",
//! no node twice or lost.
//!
//! Backs P1 (kill), P2 (stop) and P3 (no leak) for `Map`, `Set` and `LargeMap`.

use super::line::Line;
use super::map_world::{LANES, WORDS, World};
use super::per_key::{Call, Got, Op, is_linearizable};
use super::scheduler::{Process, Random, pause, quietly};
use crate::memory::atomic::Ordering::SeqCst;
use crate::memory::hash::hash;
use crate::seeded::{Bug, observe, seed};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Instant;

/// Buckets that a bound reaches at least.
const NEAR: usize = 4;

/// Keys that all have one home among [`WORDS`] buckets, and one fingerprint: the worst there is.
fn rivals() -> &'static [u64] {
    static KEYS: std::sync::OnceLock<Vec<u64>> = std::sync::OnceLock::new();
    KEYS.get_or_init(|| {
        let face = |key: &u64| {
            let hash = hash(&key.to_le_bytes());
            (hash as usize % WORDS, hash >> 56)
        };
        let first = face(&1);
        (1..).filter(|key| face(key) == first).take(8).collect()
    })
}

/// How a run is mixed.
#[derive(Clone, Copy)]
struct Mix {
    kills: usize,
    stops: usize,
    /// Fewer nodes than buckets.
    large: bool,
}

const PLAIN: Mix = Mix {
    kills: 0,
    stops: 0,
    large: false,
};
const KILLS: Mix = Mix { kills: 6, ..PLAIN };
const STOPS: Mix = Mix {
    kills: 4,
    stops: 2,
    ..PLAIN
};
const LARGE: Mix = Mix {
    large: true,
    ..PLAIN
};
const LARGE_KILLS: Mix = Mix {
    large: true,
    ..KILLS
};
const LARGE_STOPS: Mix = Mix {
    large: true,
    ..STOPS
};

/// What the processes of a run do.
#[derive(Clone)]
struct Script {
    keys: Vec<u64>,
    kinds: Vec<u8>,
    most: usize,
}

impl Script {
    fn op(&self, random: &mut Random, world: &World) -> (u64, Op) {
        let key = random.pick(&self.keys);
        let value = world.value();
        let op = match random.pick(&self.kinds) {
            b'i' => Op::Insert(value),
            b'a' => Op::Add(value),
            b'u' => Op::Update(value),
            b'x' => Op::Exchange(value.saturating_sub(1 + random.below(4) as u64), value),
            b'r' => Op::Remove,
            _ => Op::Get,
        };
        (key, op)
    }
}

struct Run {
    world: Rc<World>,
    random: Random,
    script: Script,
    live: BTreeMap<usize, Process>,
    stopped: BTreeMap<usize, Process>,
    mix: Mix,
}

/// The reader, which has no lane.
const READER: usize = LANES;

impl Run {
    fn new(seed: u64, mix: Mix) -> Self {
        let mut random = Random::new(seed);
        let capacity = random.pick(&[1, 2, 2, 4, 8, 8]);
        let lanes = 2 + random.below(LANES - 1);
        let kinds = random.pick(&[
            &b"ar"[..],
            b"arg",
            b"irg",
            b"arug",
            b"iruxag",
            b"u",
            b"iu",
            b"arrgg",
        ]);
        let stock = match mix.large {
            true => 1 + random.below(capacity),
            false => capacity,
        };
        let world = Rc::new(World::new((capacity, stock), lanes));
        let watcher = Rc::clone(&world);
        observe(Some(Box::new(move |_, slot, old, new| {
            watcher.observe(slot, old, new)
        })));
        let keys = rivals()[..random.pick(&[1, 1, 2, 3])].to_vec();
        let mut run = Self {
            script: Script {
                keys,
                kinds: kinds.to_vec(),
                most: random.pick(&[4, 4, 6]),
            },
            world,
            random,
            live: BTreeMap::new(),
            stopped: BTreeMap::new(),
            mix,
        };
        run.furnish();
        for lane in 0..lanes {
            run.spawn(lane, false);
        }
        run.spawn(READER, false);
        run
    }

    /// Entries that are there before: of the keys that are fought for, and of others, so that distances grow.
    fn furnish(&mut self) {
        let Self {
            world,
            random,
            script,
            ..
        } = self;
        if world.capacity == WORDS && random.chance(0.8) {
            let others = &rivals()[script.keys.len()..];
            for &key in &others[..2 + random.below(4)] {
                world.run(0, key, Op::Add(world.value()));
                script.keys.push(key);
            }
        }
        for &key in &script.keys.clone() {
            if random.chance(0.4) {
                world.run(0, key, Op::Add(world.value()));
            }
        }
    }

    fn spawn(&mut self, lane: usize, successor: bool) {
        let (world, script) = (Rc::clone(&self.world), self.script.clone());
        let mut random = Random::new(self.random.next());
        let count = random.below(script.most) + usize::from(!successor);
        let process = Process::new(move || {
            if successor {
                for _ in 0..50 {
                    if world.recover(lane) {
                        break;
                    }
                    pause();
                }
                if world.dead.borrow().contains(&lane) {
                    return; // a stopped process has the answer: somebody tries again later
                }
            }
            for _ in 0..count {
                let (key, op) = script.op(&mut random, &world);
                world.run(lane, key, if lane == READER { Op::Get } else { op });
            }
        });
        self.live.insert(lane, process);
    }

    /// Runs to the end; says what went wrong, if anything did.
    fn finish(mut self) -> Option<String> {
        let kill: f64 = self.random.pick(&[0.0, 0.01, 0.04, 0.12]);
        let window = self.random.pick(&[0.0, 0.1, 0.3]);
        let sticky = self.random.below(100) as f64 / 100.0;
        let (mut current, mut steps) = (0, 0);
        let mut naps = BTreeMap::new();
        while self.world.violation.borrow().is_none() {
            steps += 1;
            let runnable: Vec<_> = self.live.keys().copied().collect();
            if runnable.is_empty() {
                break;
            }
            if steps > 60_000 {
                self.world.violate("no progress");
                break;
            }
            let napping = |lane: &usize| naps.get(lane).is_some_and(|&until| until > steps);
            if !runnable.contains(&current) || napping(&current) || !self.random.chance(sticky) {
                let awake: Vec<_> = runnable.iter().copied().filter(|l| !napping(l)).collect();
                let from = if awake.is_empty() { &runnable } else { &awake };
                current = from[self.random.below(from.len())];
            }
            let critical = self.is_critical(current);
            if critical && naps.len() < 40 && self.random.chance(window) {
                naps.insert(current, steps + 5 + self.random.below(200));
                continue;
            }
            let kill = if critical {
                kill.max(window / 2.0)
            } else {
                kill
            };
            if self.random.chance(kill) && self.end_early(current) {
                if self.random.chance(0.5) {
                    naps.insert(current, steps + 30 + self.random.below(121));
                }
                continue;
            }
            let process = self.live.get_mut(&current).expect("runnable is live");
            if process.step() {
                self.live.remove(&current).expect("it was").recycle();
            }
        }
        self.check();
        observe(None);
        for (_, process) in self.live.into_iter().chain(self.stopped) {
            process.kill();
        }
        self.world.violation.take()
    }

    /// Whether a process is around an exchange, or has an undecided entry: that deserves the most trouble.
    fn is_critical(&self, lane: usize) -> bool {
        use crate::memory::lane::Phase;
        let phase = |lane: usize| quietly(|| self.world.memory.records[lane].state().phase());
        lane != READER && (phase(lane).is_exchange() || phase(lane) == Phase::Inserted)
    }

    /// Kills or stops a process, as far as the mix allows.
    fn end_early(&mut self, lane: usize) -> bool {
        if self.mix.stops > 0 && self.random.chance(0.4) {
            self.mix.stops -= 1;
            let process = self.live.remove(&lane).expect("runnable is live");
            self.stopped.insert(lane, process);
            return true;
        }
        if self.mix.kills == 0 || lane == READER {
            return false;
        }
        self.mix.kills -= 1;
        self.live.remove(&lane).expect("runnable is live").kill();
        self.world.dead.borrow_mut().insert(lane);
        self.spawn(lane, true);
        true
    }

    /// The promises, at the end of a run.
    fn check(&self) {
        let world = &self.world;
        if world.violation.borrow().is_some() {
            return;
        }
        for _ in 0..8 {
            world.recover_all();
        }
        let unsettled = world.dead.borrow().len();
        let stopped = self.stopped.keys().filter(|lane| **lane != READER).count();
        if unsettled > 0 && stopped == 0 {
            return world.violate("recovery never ends");
        }
        self.check_histories();
        self.check_nodes(stopped + unsettled);
        self.check_room(stopped + unsettled);
    }

    fn check_histories(&self) {
        let mut keys = BTreeMap::<u64, Vec<Call>>::new();
        for &call in self.world.history.borrow().iter() {
            keys.entry(call.key).or_default().push(call);
        }
        for (key, calls) in keys {
            if !is_linearizable(&calls) {
                self.world
                    .violate(format!("key {key} has no order: {calls:?}"));
            }
        }
    }

    /// Lanes that nobody has any more.
    fn idle(&self) -> impl Iterator<Item = usize> + '_ {
        let busy = |lane: &usize| {
            self.stopped.contains_key(lane) || self.world.dead.borrow().contains(lane)
        };
        (0..self.world.lanes).filter(move |lane| !busy(lane))
    }

    /// No node twice, and none missing but for those that the stopped withhold.
    fn check_nodes(&self, withheld: usize) {
        let exchange = crate::structures::map::table::Parts::exchange(&*self.world);
        let words = (0..exchange.capacity() + self.world.lanes).filter_map(|word| {
            let value = exchange.word(word)?.load(SeqCst);
            exchange.node_in(word, value).ok()
        });
        let spares = self
            .idle()
            .filter_map(|lane| exchange.spare(&exchange.own(lane).ok()?).ok());
        let all: Vec<_> = words.chain(spares).collect();
        let distinct: BTreeSet<_> = all.iter().collect();
        if distinct.len() != all.len() {
            self.world.violate("a node in two places");
        } else if all.len() + withheld < exchange.nodes() {
            self.world.violate("a node is missing");
        }
    }

    /// When everything is removed there is room for as much as in the beginning.
    fn check_room(&self, withheld: usize) {
        let world = &self.world;
        let Some(lane) = self.idle().next() else {
            return;
        };
        for &key in &self.script.keys {
            world.run(lane, key, Op::Remove);
        }
        let room = world.stock.saturating_sub(withheld) as u64;
        for key in 0..room {
            if world.run(lane, 1 << 40 | key, Op::Add(1)) != Got::Value(None) {
                return world.violate("capacity leaked");
            }
        }
        let is_large = world.stock < world.capacity;
        let more = (0..WORDS as u64).map(|key| world.run(lane, 1 << 41 | key, Op::Add(1)));
        let more = more.take_while(|&got| got == Got::Value(None)).count();
        if more
            > if is_large {
                withheld + world.lanes
            } else {
                withheld
            }
        {
            world.violate("more than the capacity");
        }
        // with no node left over, what is there can be replaced
        for key in 0..room {
            if world.run(lane, 1 << 40 | key, Op::Update(2)) != Got::Value(Some(1)) {
                return world.violate("an entry cannot be replaced");
            }
        }
    }
}

/// One inserts a key in the last step of its home's bound, while the other removes the only entry there and lowers the
/// bound. The last bucket of that step belongs to another home, or who inserts would lower the bound before.
///
/// The first of them stands before its access number `at` while the second runs; whether there is such an access, and what
/// is wrong in the end.
fn insert_while_lowered(inserter_first: bool, at: usize) -> (bool, Option<String>) {
    let (keys, home) = (rivals(), |key: u64| {
        hash(&key.to_le_bytes()) as usize % WORDS
    });
    let (gone, key) = (keys[NEAR], keys[NEAR + 1]);
    let last = (home(key) + 2 * NEAR - 1) % WORDS;
    let other = (1..)
        .find(|&key| home(key) == last)
        .expect("keys of all homes");
    let world = Rc::new(World::new((WORDS, WORDS), 2));
    for &key in keys[..=NEAR].iter().chain([&other]) {
        world.run(0, key, Op::Add(world.value()));
    }
    let does = |lane: usize, key: u64, op: Op| {
        let world = Rc::clone(&world);
        Process::new(move || _ = world.run(lane, key, op))
    };
    let mut both = [does(0, key, Op::Add(100)), does(1, gone, Op::Remove)];
    if !inserter_first {
        both.reverse();
    }
    let [mut first, mut second] = both;
    let ended = (0..at).any(|_| first.step());
    while !second.step() {}
    while !ended && !first.step() {}
    first.recycle();
    second.recycle();
    for (key, is_there) in [(key, true), (gone, false)] {
        let found = world.run(0, key, Op::Get) != Got::Value(None);
        if found != is_there {
            world.violate(if found {
                "it was removed"
            } else {
                "beyond the bound"
            });
        }
    }
    (!ended, world.violation.take())
}

/// All switches from one to the other: how many there are, and the first that shows something wrong.
fn every_switch() -> (u64, Option<String>) {
    let mut count = 0;
    for inserter_first in [false, true] {
        for at in 1.. {
            let (more, found) = insert_while_lowered(inserter_first, at);
            count += 1;
            if found.is_some() {
                return (count, found);
            }
            if !more {
                break;
            }
        }
    }
    (count, None)
}

fn violations(runs: u64, mix: Mix) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    for seed in 0..runs {
        if let Some(what) = Run::new(seed, mix).finish() {
            *found
                .entry(format!("{what} (first seed {seed})"))
                .or_default() += 1;
            if found.len() > 3 {
                break;
            }
        }
    }
    found
}

/// Runs of each mix in the normal test run; `SHM_MODEL_RUNS` asks for more.
fn runs() -> u64 {
    let asked = std::env::var("SHM_MODEL_RUNS").ok();
    asked.and_then(|runs| runs.parse().ok()).unwrap_or(20_000)
}

fn assert_clean(mix: Mix) {
    seed(None);
    let start = Instant::now();
    let found = violations(runs(), mix);
    Line::models(runs(), start);
    assert!(found.is_empty(), "{found:#?}");
}

/// The first seed whose run notices a bug.
fn assert_caught(bug: Bug, mix: Mix) {
    seed(Some(bug));
    let caught =
        (0..20 * runs().max(20_000)).find_map(|seed| Some((seed, Run::new(seed, mix).finish()?)));
    seed(None);
    match caught {
        Some((at, what)) => eprintln!(
            "{bug:?}: run {at}: {}",
            what.split(':').next().unwrap_or("")
        ),
        None => panic!("{bug:?} was not caught"),
    }
}

#[test]
fn p1_linearizable_when_nobody_dies() {
    assert_clean(PLAIN);
}

#[test]
fn p1_a_key_within_a_bound_that_is_lowered_is_found() {
    seed(None);
    let start = Instant::now();
    let (schedules, found) = every_switch();
    assert_eq!(found, None);
    Line::models(schedules, start);
}

#[test]
fn p1_killed_anywhere_loses_and_doubles_nothing() {
    assert_clean(KILLS);
}

#[test]
fn p2_stopped_anywhere_blocks_nobody() {
    assert_clean(STOPS);
}

#[test]
fn p1_a_large_map_is_linearizable_whoever_is_killed() {
    assert_clean(LARGE);
    assert_clean(LARGE_KILLS);
}

#[test]
fn p2_a_large_map_blocks_nobody() {
    assert_clean(LARGE_STOPS);
}

#[test]
fn a_lane_that_gives_its_last_node_away_is_caught() {
    assert_caught(Bug::GiveLastNode, LARGE);
}

#[test]
fn seeded_bugs_of_the_look_up_are_caught() {
    for bug in [Bug::NoSecondLook, Bug::PassByChanged, Bug::NoVersion] {
        assert_caught(bug, PLAIN);
    }
}

#[test]
fn seeded_bugs_of_the_insertion_are_caught() {
    for bug in [
        Bug::NoRivals,
        Bug::FreeLoser,
        Bug::NoRaise,
        Bug::FullAfterOnePass,
    ] {
        assert_caught(bug, PLAIN);
    }
}

#[test]
fn seeded_bugs_of_a_bound_that_is_lowered_are_caught() {
    for bug in [Bug::NoRaise, Bug::LowerSilently] {
        seed(Some(bug));
        let (_, found) = every_switch();
        seed(None);
        assert!(found.is_some(), "{bug:?} was not caught");
    }
}

#[test]
fn seeded_bugs_of_the_recovery_are_caught() {
    for bug in [
        Bug::RecoverAsNotDone,
        Bug::RecoverAsDone,
        Bug::StaleEvidence,
        Bug::NoCleaning,
    ] {
        assert_caught(bug, KILLS);
    }
}

#[test]
fn a_rival_that_is_not_looked_at_again_is_caught() {
    assert_caught(Bug::OnePass, PLAIN);
}
