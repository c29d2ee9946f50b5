//! The queue under kills, stops, hand-over of lanes, takes that come back, handlers, and sleepers.
//!
//! Backs P1 (kill), P2 (stop) and P3 (no leak) for `Queue`.

use super::line::Line;
use super::queue_ops::{Op, pop, push, recover, recover_all, run_op};
use super::queue_world::{LANES, World};
use super::scheduler::{Process, Random, pause, quietly};
use crate::seeded::{Bug, observe, seed, seeded};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Instant;

/// How a run is mixed.
#[derive(Clone, Copy)]
struct Mix {
    kills: usize,
    stops: usize,
    waits: bool,
    handlers: bool,
}

struct Run {
    world: Rc<World>,
    random: Random,
    live: BTreeMap<usize, Process>,
    stopped: BTreeMap<usize, Process>,
    mix: Mix,
}

fn script(random: &mut Random, len: usize, mix: Mix, lane: usize) -> Vec<Op> {
    if mix.waits {
        // as many pushes as pops over all processes, so that all can end
        let op = if lane.is_multiple_of(2) {
            Op::PushWait
        } else {
            Op::PopWait
        };
        return vec![op; 4];
    }
    let bias = random.below(11) as f64 / 10.0;
    let emptying = [Op::Pop, Op::Pop, Op::Take, Op::TakeAndDrop, Op::Peek];
    (0..len)
        .map(|_| {
            if random.chance(bias) {
                Op::Push
            } else {
                random.pick(&emptying)
            }
        })
        .collect()
}

impl Run {
    fn new(seed: u64, mix: Mix) -> Self {
        let mut random = Random::new(seed);
        let capacity = random.pick(&[1, 1, 2, 2, 4]);
        let lanes = if mix.handlers {
            LANES
        } else {
            2 + random.below(LANES - 3)
        };
        let world = Rc::new(World::new(capacity, lanes));
        let watcher = Rc::clone(&world);
        observe(Some(Box::new(move |lane, word, old, new| {
            watcher.observe(lane, word, old, new)
        })));
        let mut run = Self {
            world,
            random,
            live: BTreeMap::new(),
            stopped: BTreeMap::new(),
            mix,
        };
        for lane in 0..if mix.handlers { lanes / 2 } else { lanes } {
            let len = 1 + run.random.below(8);
            run.spawn(lane, len, false);
        }
        run
    }

    fn spawn(&mut self, lane: usize, len: usize, successor: bool) {
        let ops = script(&mut self.random, len, self.mix, lane);
        let world = Rc::clone(&self.world);
        let handler = self.mix.handlers.then(|| self.random.below(30));
        let process = Process::new(move || {
            if successor {
                let lanes = [Some(lane), handler.map(|_| lane + world.lanes / 2)];
                for lane in lanes.into_iter().flatten() {
                    for _ in 0..50 {
                        if recover(&world, lane) {
                            break;
                        }
                        pause();
                    }
                    if world.dead.borrow().contains(&lane) {
                        return; // a stopped process has the answer: somebody tries again later
                    }
                }
            }
            match handler {
                None => ops.into_iter().for_each(|op| run_op(&world, lane, op)),
                Some(at) => interrupted(&world, lane, &ops, at),
            }
        });
        self.live.insert(lane, process);
    }

    /// Runs to the end; says what went wrong, if anything did.
    fn finish(mut self) -> Option<String> {
        let kill: f64 = self.random.pick(&[0.0, 0.01, 0.04, 0.12]);
        let window = self.random.pick(&[0.0, 0.1, 0.3]);
        let doze = self.random.pick(&[0.0, 0.05, 0.1]);
        let sticky = self.random.below(100) as f64 / 100.0;
        let (mut current, mut steps) = (0, 0);
        let mut naps = BTreeMap::new();
        while self.world.ghost.borrow().violation.is_none() {
            steps += 1;
            let runnable = self.runnable();
            let Some(&first) = runnable.first() else {
                break;
            };
            if steps > 60_000 {
                self.world.ghost.borrow_mut().violate("no progress");
                break;
            }
            let napping = |lane: &usize| naps.get(lane).is_some_and(|&until| until > steps);
            if !runnable.contains(&current) || napping(&current) || !self.random.chance(sticky) {
                let awake: Vec<_> = runnable.iter().copied().filter(|l| !napping(l)).collect();
                let from = if awake.is_empty() { &runnable } else { &awake };
                current = from[self.random.below(from.len())].max(first);
            }
            let exchanging = self.is_exchanging(current);
            if exchanging && naps.len() < 40 && self.random.chance(window) {
                naps.insert(current, steps + 5 + self.random.below(76));
                continue;
            }
            if self.mix.waits && naps.len() < 30 && self.random.chance(doze) {
                naps.insert(current, steps + 10 + self.random.below(120));
                continue;
            }
            let kill = if exchanging {
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

    /// Whether a process is in the steps around an exchange, which deserve the most trouble.
    fn is_exchanging(&self, lane: usize) -> bool {
        quietly(|| {
            self.world.memory.records[lane]
                .state()
                .phase()
                .is_exchange()
        })
    }

    fn runnable(&self) -> Vec<usize> {
        let sleepers = self.world.sleepers.borrow();
        self.live
            .keys()
            .copied()
            .filter(|lane| !sleepers.contains_key(lane))
            .collect()
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
        if self.mix.handlers {
            // the process may have died inside its handler, which has a lane of its own
            self.world
                .dead
                .borrow_mut()
                .insert(lane + self.world.lanes / 2);
        }
        if !self.mix.waits {
            let len = self.random.below(4);
            self.spawn(lane, len, true);
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
        for _ in 0..8 {
            recover_all(&world);
        }
        let stopped = self.stopped.len();
        let unsettled = world.dead.borrow().len();
        if unsettled > 0 && stopped == 0 {
            return world.ghost.borrow_mut().violate("recovery never ends");
        }
        self.check_nodes(stopped + unsettled);
        let Some(lane) = self.idle_lane() else { return };
        while pop(&world, lane).is_ok() {}
        self.check_elements();
        for _ in 0..world.capacity {
            if push(&world, lane).is_err() {
                return world.ghost.borrow_mut().violate("capacity leaked");
            }
        }
        if push(&world, lane).is_ok() {
            world.ghost.borrow_mut().violate("more than the capacity");
        }
    }

    fn idle_lane(&self) -> Option<usize> {
        (0..self.world.lanes).find(|lane| {
            !self.stopped.contains_key(lane) && !self.world.dead.borrow().contains(lane)
        })
    }

    /// No node twice, and none missing but for those that the stopped withhold.
    fn check_nodes(&self, withheld: usize) {
        let exchange = self.world.ring().exchange();
        let words = (0..exchange.capacity() + self.world.lanes).filter_map(|word| {
            let value = exchange
                .word(word)?
                .load(crate::memory::atomic::Ordering::SeqCst);
            exchange.node_in(word, value).ok()
        });
        let spares = (0..self.world.lanes)
            .filter(|lane| {
                !self.stopped.contains_key(lane) && !self.world.dead.borrow().contains(lane)
            })
            .filter_map(|lane| exchange.spare(&exchange.own(lane).ok()?).ok());
        let mut nodes: Vec<_> = words.chain(spares).collect();
        let all = nodes.len();
        nodes.sort_unstable();
        nodes.dedup();
        let mut ghost = self.world.ghost.borrow_mut();
        if nodes.len() != all {
            ghost.violate("a node in two places");
        } else if all + withheld < exchange.nodes() {
            ghost.violate("a node is missing");
        }
    }

    /// Every acknowledged element was consumed exactly once, or is held by a process that is stopped.
    fn check_elements(&self) {
        let mut ghost = self.world.ghost.borrow_mut();
        let withheld: Vec<_> = ghost.held.values().copied().collect();
        let acknowledged: Vec<_> = ghost.acknowledged.iter().copied().collect();
        for value in acknowledged {
            match ghost.consumed.get(&value) {
                Some(1) => {}
                None if withheld.contains(&value) => {}
                None => ghost.violate("lost: acknowledged, never consumed"),
                Some(_) => ghost.violate("consumed twice"),
            }
        }
        if !ghost.queue.is_empty() || !ghost.shelves.is_empty() {
            ghost.violate("empty is not empty");
        }
    }

    /// Nobody sleeps although there is something to do.
    fn check_waits(&self) {
        let ring = self.world.ring();
        let sleepers = self.world.sleepers.borrow().clone();
        let mut ghost = self.world.ghost.borrow_mut();
        if self.live.len() > sleepers.len() || sleepers.is_empty() {
            return;
        }
        let pops = sleepers.keys().any(|lane| lane % 2 == 1);
        let pushes = sleepers.keys().any(|lane| lane % 2 == 0);
        if pops && !ring.is_blocked(false) {
            ghost.violate("lost wake-up: an element is there and all sleep");
        }
        if pushes && !ring.is_blocked(true) {
            ghost.violate("lost wake-up: room is there and all sleep");
        }
    }
}

/// Runs a script in which a signal handler runs a whole operation at step `at` of the first one.
fn interrupted(world: &Rc<World>, lane: usize, ops: &[Op], at: usize) {
    let handler_lane = if seeded(Bug::SharedLane) {
        lane
    } else {
        lane + world.lanes / 2
    };
    for (index, &op) in ops.iter().enumerate() {
        if index == 0 {
            super::scheduler::interrupt_after(at, {
                let world = Rc::clone(world);
                move || {
                    let _ = push(&world, handler_lane);
                    let _ = pop(&world, handler_lane);
                }
            });
        }
        run_op(world, lane, op);
        super::scheduler::clear_interrupt();
    }
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

const PLAIN: Mix = Mix {
    kills: 0,
    stops: 0,
    waits: false,
    handlers: false,
};
const KILLS: Mix = Mix {
    kills: 6,
    stops: 0,
    waits: false,
    handlers: false,
};
const STOPS: Mix = Mix {
    kills: 4,
    stops: 2,
    waits: false,
    handlers: false,
};
const WAITS: Mix = Mix {
    kills: 3,
    stops: 0,
    waits: true,
    handlers: false,
};
const HANDLERS: Mix = Mix {
    kills: 2,
    stops: 0,
    waits: false,
    handlers: true,
};

/// Runs of each mix in the normal test run; `SHM_MODEL_RUNS` asks for more.
fn runs() -> u64 {
    std::env::var("SHM_MODEL_RUNS")
        .ok()
        .and_then(|runs| runs.parse().ok())
        .unwrap_or(20_000)
}

fn assert_clean(mix: Mix) {
    seed(None);
    let start = Instant::now();
    let found = violations(runs(), mix);
    Line::models(runs(), start);
    assert!(found.is_empty(), "{found:#?}");
}

fn assert_caught(bug: Bug, mix: Mix) {
    seed(Some(bug));
    let caught = (0..20 * runs().max(20_000)).any(|seed| Run::new(seed, mix).finish().is_some());
    seed(None);
    assert!(caught, "{bug:?} was not caught");
}

#[test]
fn p1_linearizable_when_nobody_dies() {
    assert_clean(PLAIN);
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
fn p1_killed_wakers_lose_no_wake_up() {
    assert_clean(WAITS);
}

#[test]
fn p1_a_signal_handler_may_use_the_same_queue() {
    assert_clean(HANDLERS);
}

#[test]
fn seeded_bugs_of_the_ring_are_caught() {
    for bug in [
        Bug::HintBeforeExchange,
        Bug::PublishBeforeWrite,
        Bug::TornExchange,
        Bug::TrustHint,
        Bug::EmptyWithoutLap,
        Bug::CopyAfterRelease,
        Bug::NoLap,
    ] {
        assert_caught(bug, KILLS);
    }
}

#[test]
fn seeded_bugs_of_the_recovery_are_caught() {
    for bug in [
        Bug::RecoverAsNotDone,
        Bug::RecoverAsDone,
        Bug::StaleEvidence,
        Bug::DropHeld,
    ] {
        assert_caught(bug, KILLS);
    }
    for bug in [Bug::IgnoreReturning, Bug::ClearHintBlindly] {
        assert_caught(bug, KILLS);
    }
}

#[test]
fn seeded_bugs_of_the_waits_are_caught() {
    for bug in [
        Bug::WakeAfterPublish,
        Bug::ClearFlagFirst,
        Bug::WakeOne,
        Bug::StampsCollide,
        Bug::IgnoreAnnounced,
        Bug::NotAnnounced,
    ] {
        assert_caught(bug, WAITS);
    }
}

#[test]
fn a_lane_used_twice_at_a_time_is_caught() {
    assert_caught(Bug::SharedLane, HANDLERS);
}
