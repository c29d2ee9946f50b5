//! A structure's operations and states, and what may come of operations: computed, by doing them one step after
//! the other.
//!
//! A batch is a sequence of single operations, and a taken element or a role is held in between. So an operation
//! has *steps*. Two processes may interleave theirs in any way; of a killed one there is a prefix, and what it held
//! is given back; of a stopped one there is a prefix, and it goes on holding. Each of these is done with the real
//! structure by one process that nobody disturbs, and what is seen then may be seen.

use super::image::Image;
use super::scenario::{Scenario, World};
use super::tracee::Turn;
use super::walk::Stage;
use shm_runtime::{Segment, ShmLayout};
use std::collections::BTreeSet;

/// One step of an operation; whether there is another.
pub type Step<'w> = Box<dyn FnMut() -> bool + 'w>;

/// An operation in steps, of which there are as many at most as the list is long.
pub type Steps = for<'w> fn(&'w Segment<World>, Turn) -> Vec<Step<'w>>;

/// An operation.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// Its name, without the structure's.
    pub verb: &'static str,
    /// Does it in turns, and notes its result.
    pub run: fn(&Segment<World>, &Turn),
    /// The same in steps; `None`: it is one.
    pub steps: Option<Steps>,
    /// Who does that one where outcomes are computed, if not `run`.
    pub model: Option<fn(&Segment<World>, &Turn)>,
    /// Whether it waits for others as long as they live: it is let loose on the dead only.
    pub waits: bool,
    /// Whether it looks again and again, as long as others live or until its time is up.
    pub spins: bool,
    /// Whether a signal handler may do it.
    pub in_handlers: bool,
}

impl Operation {
    pub const fn single(verb: &'static str, run: fn(&Segment<World>, &Turn)) -> Self {
        Self {
            verb,
            run,
            steps: None,
            model: None,
            waits: false,
            spins: false,
            in_handlers: true,
        }
    }

    pub const fn in_steps(
        verb: &'static str,
        run: fn(&Segment<World>, &Turn),
        steps: Steps,
    ) -> Self {
        Self {
            steps: Some(steps),
            ..Self::single(verb, run)
        }
    }

    /// The same for one that waits; a step notes [`BLOCKED`] where it would.
    pub const fn that_waits(self) -> Self {
        Self {
            waits: true,
            ..self.with_a_time_out()
        }
    }

    /// The same for one that waits until its time is up.
    pub const fn with_a_time_out(self) -> Self {
        Self {
            spins: true,
            in_handlers: false,
            ..self
        }
    }

    /// One that no signal handler may do.
    pub const fn not_in_handlers(self) -> Self {
        Self {
            in_handlers: false,
            ..self
        }
    }
}

/// Noted by a step that would wait: what comes of that order of steps, comes of another.
pub const BLOCKED: u64 = u64::MAX;

/// A state to begin in.
#[derive(Clone, Copy, Debug)]
pub struct State {
    pub name: &'static str,
    pub set_up: fn(&Segment<World>),
}

impl State {
    pub const fn new(name: &'static str, set_up: fn(&Segment<World>)) -> Self {
        Self { name, set_up }
    }
}

/// A structure: each of its operations is done in each state, alone and beside each other one.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    pub structure: &'static str,
    pub states: &'static [State],
    pub operations: &'static [Operation],
    pub observe: fn(&Segment<World>) -> String,
    pub exceptions: Exceptions,
}

/// What is special about a structure.
#[derive(Clone, Copy, Debug)]
pub struct Exceptions {
    /// Whether it matters who does a step: then each has an attachment of its own where outcomes are computed, and
    /// dies by leaving with all that it holds.
    pub apart: bool,
    /// Whether a dead one's lane may stay unsettled as long as another process is stopped in the middle of an
    /// operation; once that one goes on, or is dead as well, it must not.
    pub unsettled: bool,
    /// What may come of a pair besides what comes of its steps.
    pub besides: fn(&Pair) -> Besides,
}

impl Exceptions {
    pub const NONE: Self = Self {
        apart: false,
        unsettled: false,
        besides: |_| Besides::default(),
    };
}

/// What may come of a pair of operations whose steps nobody can do but they: in words.
#[derive(Debug, Default)]
pub struct Besides {
    /// Both finish.
    pub both: Vec<Outcome>,
    /// The first is killed, or stopped: what the second notes, and what is seen.
    pub killed: Vec<(u64, String)>,
    pub stopped: Vec<(u64, String)>,
    /// Somebody is killed, and somebody is stopped: what is seen.
    pub neither: Vec<String>,
}

/// What two operations noted, and what was seen afterwards.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outcome {
    pub notes: [u64; 2],
    pub seen: String,
}

/// Two operations from one state.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    pub family: &'static Family,
    pub state: &'static State,
    pub operations: [&'static Operation; 2],
}

impl Pair {
    pub fn name(&self) -> String {
        let [first, second] = self.operations.map(|operation| operation.verb);
        let Self { family, state, .. } = self;
        format!("{}.{first} | {second}, {}", family.structure, state.name)
    }

    /// Whether the second operation is the next in the family's list.
    pub fn is_neighbours(&self) -> bool {
        let all = self.family.operations.iter();
        let [first, second] = self.operations.map(|wanted| {
            all.clone()
                .position(|operation| operation.verb == wanted.verb)
        });
        let next = first.map(|first| (first + 1) % all.len());
        next == second
    }

    /// The first operation, as a scenario without expectations.
    pub fn scenario(&self) -> Scenario {
        self.family.scenario(self.state, self.operations[0])
    }
}

impl Family {
    /// All ordered pairs.
    pub fn pairs(&'static self) -> Vec<Pair> {
        let mut pairs = Vec::new();
        for state in self.states {
            for first in self.operations {
                pairs.extend(self.operations.iter().map(|second| Pair {
                    family: self,
                    state,
                    operations: [first, second],
                }));
            }
        }
        pairs
    }

    fn scenario(&self, state: &State, operation: &Operation) -> Scenario {
        let name = format!("{}.{}, {}", self.structure, operation.verb, state.name);
        Scenario {
            name: name.leak(),
            set_up: state.set_up,
            operation: operation.run,
            observe: self.observe,
            before: "",
            after: "",
            partly: &[],
            withheld: &[],
        }
    }

    /// Each operation in each state, with what is to be expected.
    pub fn scenarios(&'static self) -> Vec<Scenario> {
        let mut all = Vec::new();
        for state in self.states {
            all.extend(self.operations.iter().map(|operation| {
                expect(&Pair {
                    family: self,
                    state,
                    operations: [operation; 2],
                })
            }));
        }
        all
    }
}

/// Finds out what the first operation of a pair is to expect, alone.
fn expect(pair: &Pair) -> Scenario {
    let scenario = pair.scenario();
    let stage = Stage::new(&scenario);
    let sequel = Sequel::new(&stage, pair);
    let besides = (pair.family.exceptions.besides)(pair).neither.leak();
    let besides = || besides.iter().map(String::as_str);
    let steps = sequel.steps[0];
    // where all are dead, so is who held something in the beginning
    let all_dead = &*stage.found(&stage.memory.image()).leak();
    let seen = |count, fate| {
        let outcomes = sequel.outcomes([count, 0], [fate, Fate::Lives]);
        let seen = outcomes.into_iter().map(|outcome| &*outcome.seen.leak());
        seen.collect::<Vec<&'static str>>()
    };
    let all = |fate| {
        let each = (0..=steps).flat_map(|count| seen(count, fate));
        let all = each.chain([all_dead]).chain(besides());
        all.collect::<Vec<_>>().leak()
    };
    Scenario {
        before: seen(0, Fate::Dies)[0],
        after: seen(steps, Fate::Dies)[0],
        partly: all(Fate::Dies),
        withheld: all(Fate::Lives),
        ..scenario
    }
}

/// What becomes of a process that has done some of its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes on holding what it holds.
    Lives,
    /// What it holds is given back.
    Dies,
}

/// Two operations of one process, a step of this and a step of that.
#[derive(Debug)]
pub struct Sequel<'a> {
    stage: &'a Stage<'a>,
    base: Image,
    pair: &'a Pair,
    /// How many steps each has at most.
    pub steps: [usize; 2],
}

impl<'a> Sequel<'a> {
    pub fn new(stage: &'a Stage<'a>, pair: &'a Pair) -> Self {
        let mut sequel = Self {
            stage,
            base: stage.memory.image(),
            pair,
            steps: [0; 2],
        };
        sequel.steps = [0, 1].map(|which| Actor::new(&sequel, which).begin().len());
        stage.memory.restore(&sequel.base);
        sequel
    }

    /// Does steps of the one and the other in that order, and looks. The last step of who dies is its death. With
    /// `displaced`, who takes first gets another lane than usual: of elements that come back at a time, that of
    /// the lower lane is first.
    fn after(&self, order: &[usize], fates: [Fate; 2], displaced: bool) -> Outcome {
        self.stage.memory.restore(&self.base);
        let mut usual_lane = displaced.then(|| self.stage.witness.scratch.loan().unwrap());
        let turns = [0, 1].map(Turn::local);
        turns.iter().for_each(|turn| turn.note(0));
        let mut actors = [0, 1].map(|which| Actor::new(self, which));
        let mut left = [0, 1].map(|which| order.iter().filter(|&&other| other == which).count());
        for &which in order {
            left[which] -= 1;
            if left[which] == 0 && fates[which] == Fate::Dies {
                actors[which].die();
            } else if actors[which].step() {
                drop(usual_lane.take());
            }
        }
        Outcome {
            notes: turns.map(|turn| turn.noted()),
            seen: self.stage.observe(&self.stage.witness),
        }
    }

    /// What may come of so many steps of each, in any order.
    pub fn outcomes(&self, counts: [usize; 2], fates: [Fate; 2]) -> BTreeSet<Outcome> {
        let deaths = fates.map(|fate| usize::from(fate == Fate::Dies));
        let orders = interleavings([0, 1].map(|which| counts[which] + deaths[which]));
        let holds = self.steps.iter().all(|&steps| steps > 1);
        let displaced: &[bool] = match holds && !self.pair.family.exceptions.apart {
            true => &[false, true],
            false => &[false],
        };
        let each = |order: &Vec<usize>| {
            let outcome = |&displaced| self.after(order, fates, displaced);
            displaced.iter().map(outcome).collect::<Vec<_>>()
        };
        let all = orders.iter().flat_map(each);
        all.filter(|outcome| !outcome.notes.contains(&BLOCKED))
            .collect()
    }
}

/// One who does the steps of an operation.
struct Actor<'a> {
    world: &'a Segment<World>,
    /// The attachment that is its own, if it has one: `world`.
    own: Option<*mut Segment<World>>,
    operation: &'a Operation,
    turn: Turn,
    steps: Option<std::vec::IntoIter<Step<'a>>>,
    done: Vec<Step<'a>>,
}

impl<'a> Actor<'a> {
    fn new(sequel: &Sequel<'a>, which: usize) -> Self {
        let stage = sequel.stage;
        let own = sequel.pair.family.exceptions.apart.then(|| {
            let own = World::open(&stage.name).unwrap();
            Box::into_raw(Box::new(own))
        });
        let world = match own {
            None => &stage.witness,
            // SAFETY: a live box that `end` frees, behind the last use of `world`.
            Some(own) => unsafe { &*own },
        };
        Self {
            world,
            own,
            operation: sequel.pair.operations[which],
            turn: Turn::local(which),
            steps: None,
            done: Vec::new(),
        }
    }

    fn begin(&self) -> std::vec::IntoIter<Step<'a>> {
        let (world, turn) = (self.world, self.turn);
        let Operation {
            run, steps, model, ..
        } = *self.operation;
        let run = model.unwrap_or(run);
        let steps = match steps {
            Some(steps) => steps(world, turn),
            None => vec![Box::new(move || {
                run(world, &turn);
                false
            }) as Step<'a>],
        };
        steps.into_iter()
    }

    /// Does the next step; false where there is none.
    fn step(&mut self) -> bool {
        if self.steps.is_none() {
            self.steps = Some(self.begin());
        }
        let next = self.steps.as_mut().and_then(Iterator::next);
        let Some(mut step) = next else {
            return false;
        };
        if !step() {
            self.steps = Some(Vec::new().into_iter());
        }
        self.done.push(step); // and with it what it holds
        true
    }

    /// What it holds is given back, by itself or by those who find it dead; it does no more steps.
    fn die(&mut self) {
        let (steps, done) = (self.steps.take(), core::mem::take(&mut self.done));
        if self.own.is_some() {
            core::mem::forget((steps, done)); // it does not unlock
        }
        self.steps = Some(Vec::new().into_iter());
        self.leave();
    }

    fn leave(&mut self) {
        if let Some(own) = self.own.take() {
            // SAFETY: made by `Box::into_raw` in `new` and taken out here, so it is freed once; the steps that
            // borrow it are dropped or forgotten, and `step` begins no others.
            drop(unsafe { Box::from_raw(own) });
        }
    }
}

impl Drop for Actor<'_> {
    fn drop(&mut self) {
        self.steps = None;
        self.done.clear();
        self.leave();
    }
}

/// All orders of so many zeros and so many ones.
fn interleavings(counts: [usize; 2]) -> Vec<Vec<usize>> {
    if counts == [0, 0] {
        return vec![Vec::new()];
    }
    let mut orders = Vec::new();
    for which in [0, 1] {
        if counts[which] > 0 {
            let mut rest = counts;
            rest[which] -= 1;
            orders.extend(interleavings(rest).into_iter().map(|mut order| {
                order.push(which);
                order
            }));
        }
    }
    orders
}
