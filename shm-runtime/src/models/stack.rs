//! The stack under kills, kills of those who recover, stops, hand-over of lanes, and sleepers.
//!
//! Backs P1 (kill), P2 (stop) and P3 (no leak) for `Stack`, and that its recovery is never put off.

use super::line::Line;
use super::scheduler::{Process, Random, quietly};
use super::stack_world::{ELEMENTS, LANES, World};
use crate::memory::two_lists::{Stop, Way};
use crate::seeded::{Bug, observe, seed};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Instant;

/// How a run is mixed.
#[derive(Clone, Copy)]
struct Mix {
    kills: usize,
    stops: usize,
    waits: bool,
}

const PLAIN: Mix = Mix {
    kills: 0,
    stops: 0,
    waits: false,
};
const KILLS: Mix = Mix { kills: 8, ..PLAIN };
const STOPS: Mix = Mix {
    kills: 6,
    stops: 1,
    ..PLAIN
};
const WAITS: Mix = Mix {
    kills: 3,
    waits: true,
    ..PLAIN
};

struct Run {
    world: Rc<World>,
    random: Random,
    live: BTreeMap<usize, Process>,
    stopped: BTreeMap<usize, Process>,
    /// Until which step a process does not run.
    naps: BTreeMap<usize, usize>,
    mix: Mix,
}

/// What a process does on its lane.
fn script(world: &World, lane: usize, mut random: Random, len: usize, mix: Mix) {
    if mix.waits {
        // as many pushes as pops over all processes, so that all can end
        for _ in 0..4 {
            if lane.is_multiple_of(2) {
                while world.push(lane) == Err(Stop::None) {
                    world.wait(Way::Push);
                }
            } else {
                while world.pop(lane) == Err(Stop::None) {
                    world.wait(Way::Pop);
                }
            }
        }
        return;
    }
    let bias = random.below(11) as f64 / 10.0;
    for _ in 0..len {
        if random.chance(0.1) {
            world.look();
        } else if random.chance(bias) {
            let _ = world.push(lane);
        } else {
            let _ = world.pop(lane);
        }
    }
}

impl Run {
    fn new(seed: u64, mix: Mix) -> Self {
        let mut random = Random::new(seed);
        let hard = random.chance(0.4); // the rarest mistakes need one place, many lanes and long scripts
        let (capacity, lanes) = if hard {
            (1, 3 + random.below(LANES - 2))
        } else {
            (1 + random.below(ELEMENTS), 2 + random.below(LANES - 2))
        };
        let world = Rc::new(World::new(capacity, lanes));
        let watcher = Rc::clone(&world);
        observe(Some(Box::new(move |lane, _, old, new| {
            watcher.observe(lane, old, new)
        })));
        let mut run = Self {
            world,
            random,
            live: BTreeMap::new(),
            stopped: BTreeMap::new(),
            naps: BTreeMap::new(),
            mix,
        };
        for lane in 0..lanes {
            let len = 1 + run.random.below(if hard { 10 } else { 6 });
            run.spawn(lane, len);
        }
        run
    }

    fn spawn(&mut self, lane: usize, len: usize) {
        let (world, mix) = (Rc::clone(&self.world), self.mix);
        let random = Random::new(self.random.next());
        let process = Process::new(move || {
            world.recover(lane); // its predecessor's, if there was one
            script(&world, lane, random, len, mix);
        });
        self.live.insert(lane, process);
    }

    /// Runs to the end; says what went wrong, if anything did.
    fn finish(mut self) -> Option<String> {
        let kill: f64 = self.random.pick(&[0.0, 0.02, 0.05, 0.15]);
        let window = self.random.pick(&[0.0, 0.1, 0.3]);
        let sticky = [self.random.below(100) as f64 / 100.0, 0.9, 0.97][self.random.below(3)];
        let (mut current, mut steps, mut naps) = (0, 0, 0);
        while self.world.ghost.borrow().violation.is_none() {
            steps += 1;
            let runnable = self.runnable();
            if runnable.is_empty() {
                break;
            }
            if steps > 60_000 {
                self.world.ghost.borrow_mut().violate("no progress");
                break;
            }
            let is_awake = |lane: &usize| self.naps.get(lane).is_none_or(|&end| end <= steps);
            if !runnable.contains(&current) || !is_awake(&current) || !self.random.chance(sticky) {
                let awake: Vec<_> = runnable.iter().copied().filter(is_awake).collect();
                current = self
                    .random
                    .pick(if awake.is_empty() { &runnable } else { &awake });
            }
            let exchanging = self.is_exchanging(current);
            if (exchanging || self.mix.waits) && naps < 20 && self.random.chance(window) {
                naps += 1;
                self.nap(current, steps, 80);
                continue;
            }
            let kill = if exchanging { kill.max(window) } else { kill };
            if self.random.chance(kill) && self.end_early(current) {
                if self.random.chance(0.5) {
                    self.nap(current, steps, 150);
                }
                continue;
            }
            self.world.running.set(current);
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
        self.world.ghost.take().violation
    }

    fn nap(&mut self, lane: usize, steps: usize, most: usize) {
        let end = steps + 5 + self.random.below(most);
        self.naps.insert(lane, end);
    }

    /// Whether a process is in the steps around an exchange, which deserve the most trouble.
    fn is_exchanging(&self, lane: usize) -> bool {
        quietly(|| self.world.records()[lane].state().phase().is_exchange())
    }

    fn runnable(&self) -> Vec<usize> {
        let sleepers = self.world.sleepers.borrow();
        let lanes = self.live.keys().copied();
        lanes.filter(|lane| !sleepers.contains_key(lane)).collect()
    }

    /// Kills or stops a process, as far as the mix allows.
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
        self.world.sleepers.borrow_mut().remove(&lane);
        self.world.dead.borrow_mut().insert(lane);
        if !self.mix.waits {
            let len = self.random.below(4);
            self.spawn(lane, len);
        }
        true
    }

    /// The promises, at the end of a run.
    fn check(&mut self) {
        let world = Rc::clone(&self.world);
        if world.ghost.borrow().violation.is_some() {
            return;
        }
        if self.mix.waits {
            return self.check_waits();
        }
        world.recover_all();
        self.check_nodes();
        let Some(lane) = (0..world.lanes).find(|lane| !self.stopped.contains_key(lane)) else {
            return;
        };
        while world.pop(lane).is_ok() {}
        let lost = !world.ghost.borrow().stack.is_empty();
        let pushed = (0..world.capacity).all(|_| world.push(lane).is_ok());
        let more = world.push(lane).is_ok();
        let mut ghost = world.ghost.borrow_mut();
        match (lost, pushed, more) {
            (true, ..) => ghost.violate("an element is lost"),
            (_, false, _) => ghost.violate("capacity leaked"),
            (.., true) => ghost.violate("more than the capacity"),
            _ => {}
        }
    }

    /// No node twice, and none missing but for those that the stopped withhold.
    fn check_nodes(&self) {
        let lists = self.world.lifo().lists;
        let spares = (0..self.world.lanes)
            .filter(|lane| !self.stopped.contains_key(lane))
            .filter_map(|lane| Some(lists.begin(lane).ok()?.spare));
        let listed = [Way::Pop, Way::Push]
            .into_iter()
            .flat_map(|way| lists.nodes(way));
        let nodes: Vec<_> = spares.chain(listed).collect();
        let distinct: BTreeSet<_> = nodes.iter().collect();
        let mut ghost = self.world.ghost.borrow_mut();
        if distinct.len() != nodes.len() {
            ghost.violate("a node in two places");
        } else if nodes.len() + self.stopped.len() != lists.links.len() {
            ghost.violate("a node is missing");
        }
    }

    /// Nobody sleeps although there is something to do.
    fn check_waits(&self) {
        let lists = self.world.lifo().lists;
        let sleepers = self.world.sleepers.borrow();
        let mut ghost = self.world.ghost.borrow_mut();
        if self.live.len() > sleepers.len() {
            return;
        }
        for (parity, way) in [(1, Way::Pop), (0, Way::Push)] {
            let sleeps = sleepers.keys().any(|lane| lane % 2 == parity);
            if sleeps && !lists.is_blocked(way) {
                ghost.violate("lost wake-up: there is something to do and all sleep");
            }
        }
    }
}

/// Runs of each mix in the normal test run; `SHM_MODEL_RUNS` asks for more.
fn runs() -> u64 {
    let asked = std::env::var("SHM_MODEL_RUNS").ok();
    asked.and_then(|runs| runs.parse().ok()).unwrap_or(20_000)
}

fn assert_clean(mix: Mix) {
    seed(None);
    let start = Instant::now();
    for number in 0..runs() {
        assert_eq!(Run::new(number, mix).finish(), None, "seed {number}");
    }
    Line::models(runs(), start);
}

fn assert_caught(bug: Bug, mix: Mix) {
    seed(Some(bug));
    let mut numbers = 0..20 * runs().max(20_000);
    let caught = numbers.find_map(|number| Some((number, Run::new(number, mix).finish()?)));
    seed(None);
    match caught {
        Some((number, what)) => eprintln!("{bug:?}: {what} (run {number})"),
        None => panic!("{bug:?} was not caught"),
    }
}

#[test]
fn p1_linearizable_when_nobody_dies() {
    assert_clean(PLAIN);
}

#[test]
fn p1_p3_killed_anywhere_loses_and_doubles_nothing() {
    assert_clean(KILLS);
}

#[test]
fn p2_stopped_anywhere_blocks_nobody_and_puts_no_recovery_off() {
    assert_clean(STOPS);
}

#[test]
fn p1_killed_wakers_lose_no_wake_up() {
    assert_clean(WAITS);
}

#[test]
fn seeded_bugs_of_the_lists_are_caught() {
    for bug in [Bug::NoCount, Bug::StampNotRechecked] {
        assert_caught(bug, KILLS);
    }
}

#[test]
fn seeded_bugs_of_the_recovery_are_caught() {
    for bug in [
        Bug::RecoverAsNotDone,
        Bug::RecoverAsDone,
        Bug::NoRow,
        Bug::RowAfterExchange,
        Bug::NoStamp,
    ] {
        assert_caught(bug, KILLS);
    }
}

#[test]
fn seeded_bugs_of_the_waits_are_caught() {
    for bug in [
        Bug::WakeAfterPublish,
        Bug::NotAnnounced,
        Bug::IgnoreAnnounced,
        Bug::WakeOne,
    ] {
        assert_caught(bug, WAITS);
    }
}
