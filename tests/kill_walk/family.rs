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
use shm_runtime::Segment;
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
}

impl Operation {
    pub const fn single(verb: &'static str, run: fn(&Segment<World>, &Turn)) -> Self {
        Self {
            verb,
            run,
            steps: None,
        }
    }

    pub const fn in_steps(
        verb: &'static str,
        run: fn(&Segment<World>, &Turn),
        steps: Steps,
    ) -> Self {
        Self {
            verb,
            run,
            steps: Some(steps),
        }
    }
}

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
    /// Whether a signal handler may do the operations.
    pub in_handlers: bool,
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
    pub fn scenarios(&self) -> Vec<Scenario> {
        let mut all = Vec::new();
        for state in self.states {
            all.extend(self.operations.iter().map(|operation| {
                let scenario = self.scenario(state, operation);
                expect(scenario, operation)
            }));
        }
        all
    }
}

/// Finds out what a scenario is to expect.
fn expect(scenario: Scenario, operation: &Operation) -> Scenario {
    let stage = Stage::new(&scenario);
    let sequel = Sequel::new(&stage, [operation, operation]);
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
        each.chain([all_dead]).collect::<Vec<_>>().leak()
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
    operations: [&'a Operation; 2],
    /// How many steps each has at most.
    pub steps: [usize; 2],
}

impl<'a> Sequel<'a> {
    pub fn new(stage: &'a Stage<'a>, operations: [&'a Operation; 2]) -> Self {
        let mut sequel = Self {
            stage,
            base: stage.memory.image(),
            operations,
            steps: [0; 2],
        };
        sequel.steps = [0, 1].map(|which| sequel.begin(which).len());
        sequel
    }

    fn begin(&self, which: usize) -> Vec<Step<'a>> {
        let (world, turn) = (&self.stage.witness, Turn::local(which));
        let Operation { run, steps, .. } = *self.operations[which];
        match steps {
            Some(steps) => steps(world, turn),
            None => vec![Box::new(move || {
                run(world, &turn);
                false
            })],
        }
    }

    /// Does steps of the one and the other in that order, and looks. The last step of who dies is its death. With
    /// `displaced`, who takes first gets another lane than usual: of elements that come back at a time, that of
    /// the lower lane is first.
    fn after(&self, order: &[usize], fates: [Fate; 2], displaced: bool) -> Outcome {
        self.stage.memory.restore(&self.base);
        let mut usual_lane = displaced.then(|| self.stage.witness.scratch.loan().unwrap());
        let turns = [0, 1].map(Turn::local);
        turns.iter().for_each(|turn| turn.note(0));
        let mut steps = [0, 1].map(|which| self.begin(which).into_iter());
        let mut done: [Vec<Step<'_>>; 2] = Default::default();
        let mut left = [0, 1].map(|which| order.iter().filter(|&&other| other == which).count());
        for &which in order {
            left[which] -= 1;
            if left[which] == 0 && fates[which] == Fate::Dies {
                steps[which] = Vec::new().into_iter();
                done[which].clear();
            } else if let Some(mut step) = steps[which].next() {
                if !step() {
                    steps[which] = Vec::new().into_iter();
                }
                done[which].push(step); // and with it what it holds
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
        let displaced: &[bool] = if holds { &[false, true] } else { &[false] };
        let each = |order: &Vec<usize>| {
            let outcome = |&displaced| self.after(order, fates, displaced);
            displaced.iter().map(outcome).collect::<Vec<_>>()
        };
        orders.iter().flat_map(each).collect()
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
