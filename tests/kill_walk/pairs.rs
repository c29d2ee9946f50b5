//! Two processes, two operations: all schedules with two preemptions.
//!
//! The first runs up to an instruction that others can notice ([`super::sight`]), the second then does the same, and
//! from every such state it goes on in every way:
//!
//! - **both finish**, the first one before the second: what they report and what is left must be that of one order
//!   of the two operations, one after the other;
//! - **the first is killed**, the second finishes: the first took effect or did not;
//! - **the first is killed, the second is stopped for ever** with what it may know of the first: survivors finish;
//! - **the first is stopped for ever**, the second finishes, and so do survivors.
//!
//! What is common to two schedules is done once: both processes are taken back to where they were
//! ([`super::checkpoint`]).

use super::checkpoint::Checkpoint;
use super::image::{Image, digest};
use super::report::Figures;
use super::scenario::Scenario;
use super::sight::Sight;
use super::tracee::{Step, Tracee};
use super::walk::{Stage, Violation};
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

/// Instructions after which an operation is said to hang.
const BUDGET: usize = 200_000;

/// What two operations noted, and what was seen afterwards.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outcome {
    pub notes: [u64; 2],
    pub seen: String,
}

/// What may be seen besides the two orders: the operations are sequences of single ones.
#[derive(Clone, Copy, Debug)]
pub struct Besides {
    /// Names of the two operations, without the structure's.
    pub pair: [&'static str; 2],
    /// What the two noted, and what was seen.
    pub outcomes: &'static [([u64; 2], &'static str)],
}

/// A structure's operations; any two from the same state are a pair.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    pub scenarios: &'static [Scenario],
    pub besides: &'static [Besides],
}

/// A moment of a process before an instruction that others can notice.
struct Moment {
    step: usize,
    process: Checkpoint,
    image: Rc<Image>,
}

impl Family {
    /// All ordered pairs of operations from the same state.
    pub fn pairs(&self) -> impl Iterator<Item = (&'static Scenario, &'static Scenario)> {
        let all = self.scenarios;
        all.iter().flat_map(move |first| {
            let same = all.iter().filter(|second| second.state() == first.state());
            same.map(move |second| (first, second))
        })
    }

    /// What may come of two operations besides the two orders.
    pub fn besides(&self, first: &Scenario, second: &Scenario) -> Vec<Outcome> {
        let names = [first, second].map(Scenario::verb);
        let mut found = Vec::new();
        for besides in self.besides {
            let swapped = [besides.pair[1], besides.pair[0]];
            if besides.pair != names && swapped != names {
                continue;
            }
            found.extend(besides.outcomes.iter().map(|(notes, seen)| {
                let [one, two] = *notes;
                Outcome {
                    notes: if besides.pair == names {
                        [one, two]
                    } else {
                        [two, one]
                    },
                    seen: (*seen).to_owned(),
                }
            }));
        }
        found
    }
}

/// What may come of a pair, by what became of the two processes.
#[derive(Debug)]
pub struct Allowed {
    both: BTreeSet<Outcome>,
    /// The second's note and what is seen, where the first was killed.
    second: BTreeSet<(u64, String)>,
    /// What is seen where neither finished.
    neither: BTreeSet<String>,
}

/// A pair on a stage.
pub struct Duel<'a> {
    pub stage: Stage<'a>,
    pub scenarios: [&'a Scenario; 2],
    name: String,
    pub allowed: Allowed,
    base: Image,
    /// What was seen of images, until a process dies.
    seen: HashMap<u64, String>,
}

impl<'a> Duel<'a> {
    /// Sets the stage, and finds out what comes of one operation after the other.
    pub fn new(
        family: &Family,
        first: &'a Scenario,
        second: &'a Scenario,
    ) -> Result<(Self, [Tracee; 2]), Violation> {
        let stage = Stage::new(first);
        let mut processes = [stage.process(first), stage.process(second)];
        let base = stage.memory.image();
        let mut duel = Self {
            name: format!("{} | {}", first.name, second.verb()),
            base,
            stage,
            scenarios: [first, second],
            allowed: Allowed {
                both: family.besides(first, second).into_iter().collect(),
                second: BTreeSet::new(),
                neither: BTreeSet::new(),
            },
            seen: HashMap::new(),
        };
        for order in [[0, 1], [1, 0]] {
            let outcome = duel.sequence(&mut processes, &order)?;
            duel.allowed.both.insert(outcome);
        }
        for order in [&[0_usize] as &[usize], &[1], &[]] {
            let outcome = duel.sequence(&mut processes, order)?;
            if order == [1] {
                duel.allowed
                    .second
                    .insert((outcome.notes[1], outcome.seen.clone()));
            }
            duel.allowed.neither.insert(outcome.seen);
        }
        for Outcome { notes, seen } in &duel.allowed.both {
            duel.allowed.second.insert((notes[1], seen.clone()));
            duel.allowed.neither.insert(seen.clone());
        }
        // of a batch that is killed, a prefix
        for partly in first.partly {
            duel.allowed.neither.insert((*partly).to_owned());
        }
        Ok((duel, processes))
    }

    fn sequence(
        &mut self,
        processes: &mut [Tracee; 2],
        order: &[usize],
    ) -> Result<Outcome, Violation> {
        self.stage.memory.restore(&self.base);
        processes.iter().for_each(Tracee::clear_notes);
        for &which in order {
            if processes[which].run() != Step::Over {
                return Err(format!("{}: died without interference", self.name));
            }
        }
        Ok(self.outcome([0, 1].map(|which| processes[which].notes()[0])))
    }

    fn outcome(&mut self, notes: [u64; 2]) -> Outcome {
        Outcome {
            notes,
            seen: self.look(),
        }
    }

    /// What the witness sees of the memory as it is.
    fn look(&mut self) -> String {
        let image = self.stage.memory.image();
        let key = digest(&image);
        if let Some(seen) = self.seen.get(&key) {
            return seen.clone();
        }
        let seen = self.stage.observe(&self.stage.witness);
        self.seen.insert(key, seen.clone());
        seen
    }

    /// Steps a process through a turn, and takes a moment before each instruction that others can notice, but for
    /// the first: nothing has happened there yet.
    fn moments(
        &mut self,
        process: &mut Tracee,
        sight: &mut Sight,
    ) -> Result<Vec<Moment>, Violation> {
        let mut moments = Vec::new();
        let mut image = Rc::new(self.stage.memory.image());
        let mut step = process.begin();
        let mut is_first = true;
        for count in 0..BUDGET {
            match step {
                Step::Inside => {}
                Step::Over => {
                    process.settle();
                    return Ok(moments);
                }
                Step::Failed => return Err(format!("{}: died at step {count}", self.name)),
            }
            let registers = process.registers();
            if sight.sees(&registers, process.private()) && !core::mem::take(&mut is_first) {
                if self.stage.memory.differs(&image) {
                    image = Rc::new(self.stage.memory.image());
                }
                moments.push(Moment {
                    step: count,
                    process: process.checkpoint(),
                    image: image.clone(),
                });
            }
            step = process.step();
        }
        Err(format!(
            "{}: not over after {BUDGET} instructions",
            self.name
        ))
    }

    fn finish(&self, process: &mut Tracee, from: &Checkpoint, at: &str) -> Result<(), Violation> {
        process.restore(from);
        match process.run() {
            Step::Over => Ok(()),
            _ => Err(format!("{}: died {at}", self.name)),
        }
    }

    fn check<T: Ord + core::fmt::Debug>(
        &self,
        allowed: &BTreeSet<T>,
        found: &T,
        at: &str,
    ) -> Result<(), Violation> {
        if allowed.contains(found) {
            return Ok(());
        }
        Err(format!(
            "{}: {at}: {found:?}, allowed {allowed:?}",
            self.name
        ))
    }
}

/// All schedules of one ordered pair.
pub fn duel(family: &Family, first: &Scenario, second: &Scenario) -> Result<Figures, Violation> {
    let (mut duel, [mut one, mut two]) = Duel::new(family, first, second)?;
    let mut figures = Figures::new(&duel.name);
    let mut sights = [&one, &two].map(|process| Sight::of(process.pid(), &duel.stage.name));
    duel.stage.memory.restore(&duel.base);
    let firsts = duel.moments(&mut one, &mut sights[0])?;
    let mut states = Vec::new();
    for outer in &firsts {
        duel.stage.memory.restore(&outer.image);
        two.clear_notes();
        let seconds = duel.moments(&mut two, &mut sights[1])?;
        let at = format!("the first stopped at {}", outer.step);
        figures.schedules += 1;
        // Another who is in the middle of something withholds what its scenario says.
        let seen = (first.observe)(&duel.stage.witness);
        let found = (two.notes()[0], seen);
        if !first.withheld.contains(&found.1.as_str()) {
            duel.check(&duel.allowed.second, &found, &at)?;
        }
        for inner in &seconds {
            let at = format!("first at {}, second at {}", outer.step, inner.step);
            duel.stage.memory.restore(&inner.image);
            duel.finish(&mut one, &outer.process, &at)?;
            duel.finish(&mut two, &inner.process, &at)?;
            figures.schedules += 1;
            let outcome = duel.outcome([one.notes()[0], two.notes()[0]]);
            duel.check(&duel.allowed.both, &outcome, &at)?;
        }
        states.extend(seconds.into_iter().map(|inner| (outer.step, inner)));
    }
    figures.images = firsts.len();
    one.kill();
    duel.seen.clear();
    killed(&mut duel, &mut two, &states, &mut figures)?;
    Ok(figures)
}

/// The first is dead; the second is where it was, and finishes, or does not.
fn killed(
    duel: &mut Duel<'_>,
    two: &mut Tracee,
    states: &[(usize, Moment)],
    figures: &mut Figures,
) -> Result<(), Violation> {
    let withheld = duel.scenarios[1].withheld;
    for (outer, inner) in states {
        let at = format!("first killed at {outer}, second at {}", inner.step);
        duel.stage.memory.restore(&inner.image);
        duel.finish(two, &inner.process, &at)?;
        let outcome = duel.outcome([0, two.notes()[0]]);
        duel.check(&duel.allowed.second, &(outcome.notes[1], outcome.seen), &at)?;
        duel.stage.memory.restore(&inner.image);
        let seen = duel.look();
        if !withheld.contains(&seen.as_str()) {
            let at = format!("first killed at {outer}, second stopped at {}", inner.step);
            duel.check(&duel.allowed.neither, &seen, &at)?;
        }
        figures.schedules += 2;
    }
    Ok(())
}
