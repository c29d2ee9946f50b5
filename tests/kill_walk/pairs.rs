//! Two processes, two operations: all schedules with two preemptions.
//!
//! The first runs up to an instruction that others can notice ([`super::sight`]), the second then does the same, and
//! from every such state it goes on in every way:
//!
//! - **both finish**, the first one before the second: what they report and what is left must be that of one order
//!   of their steps;
//! - **the first is killed**, the second finishes: the first did a prefix of its steps;
//! - **the first is killed, the second is stopped for ever**, with what it may know of the first: survivors finish;
//! - **the first is stopped for ever**, the second finishes, and so do survivors.
//!
//! What is common to two schedules is done once: both processes are taken back to where they were
//! ([`super::checkpoint`]), and where the first has left the same bytes, the second's way is the same.

use super::checkpoint::Checkpoint;
use super::family::{Fate, Outcome, Pair, Sequel};
use super::image::{Image, digest};
use super::report::Figures;
use super::scenario::Scenario;
use super::sight::Sight;
use super::tracee::{Step, Tracee};
use super::walk::{BUDGET, Stage, Violation};
use std::collections::{BTreeSet, HashMap};
use std::fmt::Debug;
use std::rc::Rc;

/// A moment of a process before an instruction that others can notice.
struct Moment {
    step: usize,
    process: Checkpoint,
    image: Rc<Image>,
}

/// What may come of a pair, by what became of the two processes.
#[derive(Debug, Default)]
pub struct Allowed {
    /// Both finish.
    pub both: BTreeSet<Outcome>,
    /// The first is killed.
    killed: BTreeSet<Outcome>,
    /// The first is stopped.
    stopped: BTreeSet<Outcome>,
    /// The first is killed, the second is stopped: what is seen.
    neither: BTreeSet<String>,
}

impl Allowed {
    /// Found by doing the steps, from the memory that the sequel began with.
    pub fn of(sequel: &Sequel<'_>) -> Self {
        let [firsts, seconds] = sequel.steps;
        let mut allowed = Self {
            both: sequel.outcomes([firsts, seconds], [Fate::Lives; 2]),
            ..Self::default()
        };
        for first in 0..=firsts {
            for second in 0..=seconds {
                let unfinished = sequel.outcomes([first, second], [Fate::Dies, Fate::Lives]);
                allowed
                    .neither
                    .extend(unfinished.into_iter().map(|outcome| outcome.seen));
            }
            let counts = [first, seconds];
            let killed = sequel.outcomes(counts, [Fate::Dies, Fate::Lives]);
            let stopped = sequel.outcomes(counts, [Fate::Lives; 2]);
            allowed
                .killed
                .extend(killed.into_iter().map(Outcome::of_second));
            allowed
                .stopped
                .extend(stopped.into_iter().map(Outcome::of_second));
        }
        allowed
    }
}

impl Outcome {
    /// Without what the first noted, who came to no end.
    fn of_second(self) -> Self {
        let [_, second] = self.notes;
        Self {
            notes: [0, second],
            ..self
        }
    }
}

/// A pair on a stage.
struct Duel<'a> {
    name: String,
    stage: &'a Stage<'a>,
    allowed: Allowed,
    /// What was seen of images, until a process dies.
    seen: HashMap<u64, String>,
}

impl Duel<'_> {
    /// What the witness sees of the memory as it is.
    fn look(&mut self) -> String {
        let key = digest(&self.stage.memory.image());
        let stage = self.stage;
        let seen = self.seen.entry(key);
        seen.or_insert_with(|| stage.observe(&stage.witness))
            .clone()
    }

    /// Steps a process through a turn, and takes a moment before each instruction that others can notice, but for
    /// the first: nothing has happened there yet.
    fn moments(&self, process: &mut Tracee, sight: &mut Sight) -> Result<Vec<Moment>, Violation> {
        let mut moments: Vec<Moment> = Vec::new();
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
                    process: process.checkpoint(moments.last().map(|last| &last.process)),
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

    /// Steps each of the two through its turn on every image that the other leaves, to learn where it stores.
    fn learn(&self, processes: &mut [Tracee; 2], sights: &mut [Sight; 2]) -> Result<(), Violation> {
        let base = self.stage.memory.image();
        let mut images = [base.clone(), base.clone()].map(|image| vec![Rc::new(image)]);
        for which in [0, 1, 0] {
            for turn in 0.. {
                let Some(image) = images[1 - which].get(turn).cloned() else {
                    break;
                };
                self.stage.memory.restore(&image);
                let moments = self.moments(&mut processes[which], &mut sights[which])?;
                if turn == 0 {
                    images[which].extend(moments.into_iter().map(|moment| moment.image));
                    images[which].dedup_by(|next, last| next == last);
                }
            }
        }
        sights.iter_mut().for_each(|sight| sight.learns = false);
        self.stage.memory.restore(&base);
        Ok(())
    }

    /// Has a process finish, from where it was, and says what it noted.
    fn finish(&self, process: &mut Tracee, from: &Checkpoint, at: &str) -> Result<u64, Violation> {
        process.restore(from);
        match process.run() {
            Step::Over => Ok(process.notes()[0]),
            _ => Err(format!("{}: died: {at}", self.name)),
        }
    }

    fn check<T: Ord + Debug>(
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
pub fn duel(pair: &Pair) -> Result<Figures, Violation> {
    let scenario = pair.scenario();
    let stage = Stage::new(&scenario);
    let mut processes = pair.operations.map(|operation| {
        stage.process(&Scenario {
            operation: operation.run,
            ..scenario
        })
    });
    let base = stage.memory.image();
    let mut duel = Duel {
        name: pair.name(),
        allowed: Allowed::of(&Sequel::new(&stage, pair.operations)),
        stage: &stage,
        seen: HashMap::new(),
    };
    let mut figures = Figures::new(&duel.name);
    let mut sights = [0, 1].map(|which: usize| Sight::of(processes[which].pid(), &stage.name));
    stage.memory.restore(&base);
    duel.learn(&mut processes, &mut sights)?;
    let [mut one, mut two] = processes;
    let firsts = duel.moments(&mut one, &mut sights[0])?;
    let mut groups = Vec::new();
    // where the first left the same image, the second does the same
    for outers in firsts.chunk_by(|one, next| Rc::ptr_eq(&one.image, &next.image)) {
        stage.memory.restore(&outers[0].image);
        let seconds = duel.moments(&mut two, &mut sights[1])?;
        let at = format!("first stopped at {}", outers[0].step);
        let outcome = Outcome {
            notes: [0, two.notes()[0]],
            seen: (scenario.observe)(&stage.witness),
        };
        duel.check(&duel.allowed.stopped, &outcome, &at)?;
        for outer in outers {
            finish_both(&mut duel, [&mut one, &mut two], outer, &seconds)?;
        }
        // each of the first's moments: with the second's both finish, one finishes, none does; and the first stops
        figures.schedules += outers.len() * (3 * seconds.len() + 1);
        groups.push((outers[0].step, seconds));
    }
    one.kill();
    duel.seen.clear();
    kill_first(&mut duel, &mut two, &groups)?;
    Ok(figures)
}

/// The first goes on from where it was stopped, then the second does.
fn finish_both(
    duel: &mut Duel<'_>,
    [one, two]: [&mut Tracee; 2],
    outer: &Moment,
    seconds: &[Moment],
) -> Result<(), Violation> {
    // what the first makes of an image does not depend on where the second is
    let mut made: HashMap<u64, (Image, u64)> = HashMap::new();
    for inner in seconds {
        let at = format!("first at {}, second at {}", outer.step, inner.step);
        let key = digest(&inner.image);
        if let Some((image, _)) = made.get(&key) {
            duel.stage.memory.restore(image);
        } else {
            duel.stage.memory.restore(&inner.image);
            let noted = duel.finish(one, &outer.process, &at)?;
            made.insert(key, (duel.stage.memory.image(), noted));
        }
        let notes = [made[&key].1, duel.finish(two, &inner.process, &at)?];
        let outcome = Outcome {
            notes,
            seen: duel.look(),
        };
        duel.check(&duel.allowed.both, &outcome, &at)?;
    }
    Ok(())
}

/// The first is dead; the second is where it was, and finishes, or does not.
fn kill_first(
    duel: &mut Duel<'_>,
    two: &mut Tracee,
    groups: &[(usize, Vec<Moment>)],
) -> Result<(), Violation> {
    let states = groups.iter().flat_map(|(outer, seconds)| {
        let inner = seconds.iter();
        inner.map(move |inner| (outer, inner))
    });
    for (outer, inner) in states {
        let at = format!("first killed at {outer}, second at {}", inner.step);
        duel.stage.memory.restore(&inner.image);
        let outcome = Outcome {
            notes: [0, duel.finish(two, &inner.process, &at)?],
            seen: duel.look(),
        };
        duel.check(&duel.allowed.killed, &outcome, &at)?;
        duel.stage.memory.restore(&inner.image);
        let seen = duel.look();
        let at = format!("first killed at {outer}, second stopped at {}", inner.step);
        duel.check(&duel.allowed.neither, &seen, &at)?;
    }
    Ok(())
}
