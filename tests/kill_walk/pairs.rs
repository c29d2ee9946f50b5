//! Two processes, two operations: all schedules with two preemptions.
//!
//! The first runs up to an instruction that others can notice ([`super::sight`]), the second then does the same, and
//! from every such state it goes on in every way:
//!
//! - **both finish**, the first one before the second: what they report and what is left must be that of one order
//!   of their steps; and so it is where the second finishes before the first goes on;
//! - **the first is killed**, the second finishes: the first did a prefix of its steps;
//! - **the first is killed, the second is stopped for ever**, with what it may know of the first: survivors finish;
//! - **the first is stopped for ever**, the second finishes, and so do survivors;
//! - **both are killed**: each did a prefix.
//!
//! An operation that waits for others as long as they live is run beside one that is dead, or has come to its end.
//! Where a structure may leave a dead one's lane unsettled beside a stopped process, that process then goes on, and in
//! another run is killed as well: either way nothing stays unsettled.
//!
//! What is common to two schedules is done once: both processes are taken back to where they were
//! ([`super::checkpoint`]), and where the first has left the same bytes, the second's way is the same.

use super::checkpoint::Checkpoint;
use super::family::{Besides, Fate, Outcome, Pair, Sequel};
use super::image::{Image, digest};
use super::report::Figures;
use super::scenario::{Scenario, World, leaked_lanes};
use super::sight::Sight;
use super::tracee::{Step, Tracee};
use super::walk::{BUDGET, Stage, Violation};
use shm_runtime::{Segment, ShmLayout};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt::Debug;
use std::rc::Rc;

/// A moment of a process before an instruction that others can notice.
struct Moment {
    step: usize,
    process: Checkpoint,
    image: Rc<Image>,
}

/// What may come of a pair, by what became of the two processes.
#[derive(Debug)]
pub struct Allowed {
    /// Both finish.
    pub both: BTreeSet<Outcome>,
    /// The first is killed.
    killed: BTreeSet<Outcome>,
    /// The first is stopped.
    stopped: BTreeSet<Outcome>,
    /// The first is killed, the second is stopped: what is seen.
    neither: BTreeSet<String>,
    /// Both are killed: what is seen.
    dead: BTreeSet<String>,
}

impl Allowed {
    /// Found by doing the steps, from the memory that the sequel began with.
    pub fn of(sequel: &Sequel<'_>, pair: &Pair) -> Self {
        let [firsts, seconds] = sequel.steps;
        let Besides {
            both,
            killed,
            stopped,
            neither,
        } = (pair.family.exceptions.besides)(pair);
        let of_second = |(note, seen)| Outcome {
            notes: [0, note],
            seen,
        };
        let mut allowed = Self {
            both: sequel.outcomes([firsts, seconds], [Fate::Lives; 2]),
            killed: killed.into_iter().map(of_second).collect(),
            stopped: stopped.into_iter().map(of_second).collect(),
            dead: neither.iter().cloned().collect(),
            neither: neither.into_iter().collect(),
        };
        allowed.both.extend(both);
        for first in 0..=firsts {
            for second in 0..=seconds {
                let unfinished = sequel.outcomes([first, second], [Fate::Dies, Fate::Lives]);
                allowed
                    .neither
                    .extend(unfinished.into_iter().map(|outcome| outcome.seen));
                let dead = sequel.outcomes([first, second], [Fate::Dies; 2]);
                allowed
                    .dead
                    .extend(dead.into_iter().map(|outcome| outcome.seen));
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
    pair: &'a Pair,
    stage: &'a Stage<'a>,
    allowed: Allowed,
    /// What was seen of images, until a process dies.
    seen: HashMap<u64, String>,
}

impl<'a> Duel<'a> {
    fn new(pair: &'a Pair, stage: &'a Stage<'a>) -> Self {
        Self {
            name: pair.name(),
            pair,
            allowed: Allowed::of(&Sequel::new(stage, pair), pair),
            stage,
            seen: HashMap::new(),
        }
    }

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
            let turns = match self.pair.operations[which].waits {
                true => 1, // on the others it may wait for ever
                false => usize::MAX,
            };
            for turn in 0..turns {
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
    let mut duel = Duel::new(pair, &stage);
    let mut figures = Figures::new(&duel.name);
    let mut sights = [0, 1].map(|which: usize| Sight::of(processes[which].pid(), &stage.name));
    stage.memory.restore(&base);
    duel.learn(&mut processes, &mut sights)?;
    let [mut one, mut two] = processes;
    let firsts = duel.moments(&mut one, &mut sights[0])?;
    // where the first left the same image, the second does the same
    let chunks = || firsts.chunk_by(|one, next| Rc::ptr_eq(&one.image, &next.image));
    let mut groups = Vec::new();
    if !pair.operations[1].waits {
        for outers in chunks() {
            stage.memory.restore(&outers[0].image);
            let seconds = duel.moments(&mut two, &mut sights[1])?;
            let behind = (stage.memory.image(), two.notes()[0]);
            let at = format!("first stopped at {}", outers[0].step);
            let outcome = Outcome {
                notes: [0, behind.1],
                seen: (scenario.observe)(&stage.witness),
            };
            duel.check(&duel.allowed.stopped, &outcome, &at)?;
            for outer in outers {
                finish_behind(&mut duel, &mut one, outer, &behind)?;
                if !pair.operations[0].waits {
                    finish_both(&mut duel, [&mut one, &mut two], outer, &seconds)?;
                }
            }
            // each of the first's moments: with the second's both finish, one finishes, none does, both are killed;
            // and the first stops, or finishes behind the second
            figures.schedules += outers.len() * (4 * seconds.len() + 2);
            groups.push((outers[0].step, seconds));
        }
    }
    one.kill();
    duel.seen.clear();
    if pair.operations[1].waits {
        for outers in chunks() {
            stage.memory.restore(&outers[0].image);
            let seconds = duel.moments(&mut two, &mut sights[1])?;
            figures.schedules += outers.len() * 3 * seconds.len();
            groups.push((outers[0].step, seconds));
        }
    }
    kill_first(&mut duel, &base, two, &groups)?;
    Ok(figures)
}

/// The second has come to its end, and the first goes on from where it was stopped.
fn finish_behind(
    duel: &mut Duel<'_>,
    one: &mut Tracee,
    outer: &Moment,
    (image, noted): &(Image, u64),
) -> Result<(), Violation> {
    let at = format!("first at {}, second at its end", outer.step);
    duel.stage.memory.restore(image);
    let outcome = Outcome {
        notes: [duel.finish(one, &outer.process, &at)?, *noted],
        seen: duel.look(),
    };
    duel.check(&duel.allowed.both, &outcome, &at)
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

/// The first is dead; the second is where it was, and finishes, or is stopped there, or is killed.
fn kill_first(
    duel: &mut Duel<'_>,
    base: &Image,
    mut two: Tracee,
    groups: &[(usize, Vec<Moment>)],
) -> Result<(), Violation> {
    let states = groups.iter().flat_map(|(outer, seconds)| {
        let inner = seconds.iter();
        inner.map(move |inner| (outer, inner))
    });
    let mut unsettled = Unsettled::new(duel, base);
    for (outer, inner) in states.clone() {
        let at = format!("first killed at {outer}, second at {}", inner.step);
        duel.stage.memory.restore(&inner.image);
        let outcome = Outcome {
            notes: [0, duel.finish(&mut two, &inner.process, &at)?],
            seen: duel.look(),
        };
        duel.check(&duel.allowed.killed, &outcome, &at)?;
        duel.stage.memory.restore(&inner.image);
        let seen = duel.look();
        let at = format!("first killed at {outer}, second stopped at {}", inner.step);
        let settled = unsettled.meet(duel, &mut two, inner, seen, &at)?;
        duel.check(&duel.allowed.neither, &settled, &at)?;
    }
    two.kill();
    duel.seen.clear();
    for (outer, inner) in states {
        duel.stage.memory.restore(&inner.image);
        let seen = duel.look();
        let at = format!("first killed at {outer}, second killed at {}", inner.step);
        duel.check(&duel.allowed.dead, &seen, &at)?;
    }
    unsettled.check(duel)
}

/// Lanes of the dead that stay unsettled beside a stopped process.
struct Unsettled {
    /// What is seen of the structure by who looks a second time, whatever was there before; `None` where every lane is
    /// to be settled at once.
    steady: Option<String>,
    /// Behind a look at it.
    images: Vec<(String, Image)>,
    known: HashSet<(u64, usize)>,
}

impl Unsettled {
    fn new(duel: &Duel<'_>, base: &Image) -> Self {
        let steady = duel.pair.family.exceptions.unsettled.then(|| {
            duel.stage.memory.restore(base);
            duel.stage.observe(&duel.stage.witness);
            duel.stage.observe(&duel.stage.witness)
        });
        Self {
            steady,
            images: Vec::new(),
            known: HashSet::new(),
        }
    }

    /// What was seen while one process was stopped, without a lane that is unsettled meanwhile. Who attaches now gets
    /// no lane that is; and once the process goes on, it is settled.
    fn meet(
        &mut self,
        duel: &Duel<'_>,
        two: &mut Tracee,
        inner: &Moment,
        seen: String,
        at: &str,
    ) -> Result<String, Violation> {
        if self.steady.is_none() {
            return Ok(seen);
        }
        let settled = seen.strip_suffix(", leaked lanes: 1").unwrap_or(&seen);
        if self.known.insert((digest(&inner.image), inner.step)) {
            duel.stage.memory.restore(&inner.image);
            duel.stage.observe(&duel.stage.witness);
            self.images.push((at.to_owned(), duel.stage.memory.image()));
            let others = [(); 2].map(|()| World::open(&duel.stage.name).unwrap());
            for other in &others {
                (duel.pair.family.observe)(other);
                self.check_steady((duel.pair.family.observe)(other), duel, at)?;
            }
            drop(others);
            duel.finish(two, &inner.process, at)?;
            let at = format!("{at}, and goes on");
            self.check_settled(duel, &at)?;
            // what it has is its own: nobody else uses that meanwhile
            for _ in 0..3 {
                if two.run() != Step::Over {
                    return Err(format!("{}: {at}: died", duel.name));
                }
                self.check_settled(duel, &at)?;
            }
        }
        Ok(settled.to_owned())
    }

    /// All that was unsettled is settled once both are dead.
    fn check(&self, duel: &Duel<'_>) -> Result<(), Violation> {
        for (at, image) in &self.images {
            duel.stage.memory.restore(image);
            self.check_settled(duel, &format!("{at}, and killed"))?;
        }
        Ok(())
    }

    fn check_settled(&self, duel: &Duel<'_>, at: &str) -> Result<(), Violation> {
        let stage = duel.stage;
        Segment::recover(&stage.witness);
        let leaked = leaked_lanes(&stage.witness);
        if leaked != 0 {
            return Err(format!("{}: {at}: leaked lanes: {leaked}", duel.name));
        }
        stage.observe(&stage.witness);
        self.check_steady(stage.observe(&stage.witness), duel, at)
    }

    fn check_steady(&self, seen: String, duel: &Duel<'_>, at: &str) -> Result<(), Violation> {
        if Some(&seen) == self.steady.as_ref() {
            return Ok(());
        }
        let expected = &self.steady;
        Err(format!(
            "{}: {at}: then {seen:?}, expected {expected:?}",
            duel.name
        ))
    }
}
