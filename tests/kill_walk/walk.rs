//! One process is killed, or stopped for ever, at every instruction of one operation.
//!
//! The victim is stepped through its operation. Each image of the segment that it leaves on the way is kept once,
//! and then looked at in every way in which a survivor can meet it:
//!
//! - **stopped**: the victim is alive and never runs again; who was attached before goes on;
//! - **dead**: nobody holds its lock any more; who was attached before goes on, and recovers it;
//! - **all dead**: a copy of the image under another name, which nobody is attached to;
//! - **dying in recovery**: a recoverer is stepped through settling it, and each image of *that* is looked at in
//!   the same ways; then another recovers what the first left (the quick walk takes some of these images), and so on.
//!
//! Besides, the victim is really killed: at every single instruction in the full walk, otherwise at each one that
//! changed the segment and at some between.

use super::budget;
use super::common::{Cleanup, path, unique};
use super::image::{Image, Images, Memory, digest};
use super::report::Figures;
use super::scenario::{Scenario, World, leaked_lanes, warm, warm_guards};
use super::tracee::{Step, Tracee, Turn};
use shm_runtime::{Segment, ShmLayout};
use std::collections::{BTreeSet, HashMap};
use std::mem::ManuallyDrop;

/// Instructions after which an operation is said to hang: the longest here takes a few thousand.
pub const BUDGET: usize = 200_000;
/// Instructions from one real kill to the next, unless all are asked for.
const STRIDE: usize = 128;
/// Recoverers that die one after the other: in the full walk, and in the quick one.
const RECOVERERS: [usize; 2] = [3, 2];
/// Images that the first recoverer left, at most, in which a second one dies in the quick walk.
const DEEP: usize = 1;

/// What a process does in its turns.
pub type Operation = fn(&Segment<World>, &Turn);

/// Something that must not be seen, and how to see it again.
pub type Violation = String;

/// A world, its bytes, and a witness that was attached all along.
#[derive(Debug)]
pub struct Stage<'a> {
    scenario: &'a Scenario,
    pub name: String,
    pub witness: Segment<World>,
    pub memory: Memory,
    _cleanup: Cleanup,
}

impl<'a> Stage<'a> {
    pub fn new(scenario: &'a Scenario) -> Self {
        let name = unique("walk");
        let cleanup = Cleanup(name.clone());
        let witness = World::options().persist().create(&name).unwrap();
        warm(&witness);
        warm_guards::<2>(&witness);
        (scenario.set_up)(&witness);
        Self {
            scenario,
            memory: Memory::of(&name),
            name,
            witness,
            _cleanup: cleanup,
        }
    }

    fn victim(&self) -> Tracee {
        self.process(self.scenario)
    }

    /// A process that does a scenario's operation. It never drops its attachment: it is killed.
    pub fn process(&self, scenario: &Scenario) -> Tracee {
        Tracee::start(|turn| {
            let own = ManuallyDrop::new(World::open(&self.name).unwrap());
            warm(&own);
            (scenario.operation)(&own, turn);
        })
    }

    fn recoverer(&self, recover: Operation) -> Tracee {
        Tracee::start(|turn| {
            let own = ManuallyDrop::new(World::open(&self.name).unwrap());
            recover(&own, turn);
        })
    }

    /// What the witness sees of an image whose victim is dead.
    fn seen(&self, image: &Image) -> String {
        self.memory.restore(image);
        self.observe(&self.witness)
    }

    /// What somebody sees now who can recover all the dead: nobody is stopped in the middle of anything.
    pub fn observe(&self, world: &Segment<World>) -> String {
        let seen = (self.scenario.observe)(world);
        Segment::recover(world);
        match leaked_lanes(world) {
            0 => seen,
            leaked => format!("{seen}, leaked lanes: {leaked}"),
        }
    }

    /// What the witness sees of the memory as it is: looked at once per image, as long as nobody dies.
    pub fn look(&self, known: &mut HashMap<u64, String>) -> String {
        let seen = known.entry(digest(&self.memory.image()));
        seen.or_insert_with(|| self.observe(&self.witness)).clone()
    }

    /// What somebody sees who finds the image under a name that nobody is attached to.
    pub fn found(&self, image: &Image) -> String {
        let name = unique("walk-copy");
        let _cleanup = Cleanup(name.clone());
        std::fs::write(path(&name), image).unwrap();
        set_private(&name);
        self.observe(&World::open(&name).unwrap())
    }

    /// Whether `seen` is what the scenario allows.
    fn check(&self, seen: &str, also: &[&str], how: &str, at: &str) -> Result<(), Violation> {
        let scenario = self.scenario;
        let allowed: BTreeSet<_> = [scenario.before, scenario.after]
            .iter()
            .chain(scenario.partly)
            .chain(also)
            .copied()
            .collect();
        if allowed.contains(seen) {
            return Ok(());
        }
        Err(format!(
            "{}: {how} at {at}: saw `{seen}`, allowed {allowed:?}",
            scenario.name
        ))
    }

    /// The image as survivors meet it whose victim is dead.
    fn check_dead(&self, image: &Image, figures: &mut Figures, at: &str) -> Result<(), Violation> {
        figures.survivors += 2;
        self.check(&self.seen(image), &[], "dead", at)?;
        self.check(&self.found(image), &[], "all dead", at)
    }
}

pub fn set_private(name: &str) {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(path(name), mode).unwrap();
}

/// Has a process die in an operation, behind the change of the segment of that number.
pub fn die_in(world: &Segment<World>, operation: Operation, change: usize) {
    let name = Segment::name(world);
    let memory = Memory::of(name);
    let mut process = Tracee::start(|turn| {
        let own = World::open(name).unwrap();
        warm(&own);
        operation(&own, turn);
    });
    let mut now = memory.image();
    let mut left = change;
    let mut step = process.begin();
    while left > 0 && step == Step::Inside {
        step = process.step();
        if memory.differs(&now) {
            now = memory.image();
            left -= 1;
        }
    }
    assert_eq!(
        (left, step),
        (0, Step::Inside),
        "it changes the segment as often"
    );
    process.kill();
}

/// All of it, for one scenario.
pub fn walk(scenario: &Scenario, full: bool) -> Result<Figures, Violation> {
    let recover: Operation = |world, turn| turn.run(|| _ = Segment::recover(world));
    walk_with(scenario, recover, full)
}

/// The same, with another way to recover.
pub fn walk_with(
    scenario: &Scenario,
    recover: Operation,
    full: bool,
) -> Result<Figures, Violation> {
    let mut figures = Figures::new(scenario.name);
    let stage = Stage::new(scenario);
    let deaths = RECOVERERS[usize::from(!full)];
    let mut recoverers: Vec<_> = (0..deaths).map(|_| stage.recoverer(recover)).collect();
    let mut victim = stage.victim();
    let base = stage.memory.image();
    let mut images = Images::default();
    images.add(0, base.clone());
    step_through(&stage, &mut victim, &mut images, &mut figures, true)?;
    let last = stage.memory.image();
    victim.kill();

    stage.check_exactly(&base, scenario.before, "nothing was done")?;
    stage.check_exactly(&last, scenario.after, "it was acknowledged")?;
    let level = images.take();
    let changes: BTreeSet<_> = level.iter().map(|(step, _)| *step).collect();
    figures.images += level.len();
    for (step, image) in &level {
        let at = format!("step {step}");
        stage.check_dead(image, &mut figures, &at)?;
    }
    let solo = recovery_of(&stage, &base, &mut recoverers[0])?;
    die_recovering(&stage, level, recoverers, full, &mut images, &mut figures)?;
    drop(stage);
    let longest = figures.recovery_instructions;
    if longest > budget::of(solo) {
        return Err(format!(
            "{}: a recovery takes {longest} instructions, alone {solo}",
            scenario.name
        ));
    }
    kill(scenario, &changes, full, &mut figures)?;
    Ok(figures)
}

/// Deaths during recovery, one after the other, each with its own attachment to recover as well.
fn die_recovering(
    stage: &Stage<'_>,
    mut level: Vec<(usize, Image)>,
    mut recoverers: Vec<Tracee>,
    full: bool,
    images: &mut Images,
    figures: &mut Figures,
) -> Result<(), Violation> {
    while let Some(mut recoverer) = recoverers.pop() {
        let is_second = recoverers.is_empty();
        let stride = match is_second && !full {
            true => level.len().div_ceil(DEEP).max(1),
            false => 1,
        };
        for (_, image) in level.iter().skip(stride / 2).step_by(stride) {
            stage.memory.restore(image);
            step_through(stage, &mut recoverer, images, figures, false)?;
            let settled = stage.memory.image();
            figures.survivors += 1;
            stage.check(&stage.seen(&settled), &[], "recovered", "the end")?;
        }
        recoverer.kill();
        level = images.take();
        figures.recovery_images += level.len();
        for (step, image) in &level {
            let at = format!("step {step} of a recovery");
            stage.check_dead(image, figures, &at)?;
        }
    }
    Ok(())
}

/// How many instructions a recovery takes where nothing is to be settled.
fn recovery_of(
    stage: &Stage<'_>,
    base: &Image,
    recoverer: &mut Tracee,
) -> Result<usize, Violation> {
    stage.memory.restore(base);
    let mut figures = Figures::new("");
    let mut images = Images::default();
    step_through(stage, recoverer, &mut images, &mut figures, false)?;
    Ok(figures.recovery_instructions)
}

/// Steps a process through its turn and keeps the images; has survivors look at each while it is stopped.
fn step_through(
    stage: &Stage<'_>,
    process: &mut Tracee,
    images: &mut Images,
    figures: &mut Figures,
    is_victim: bool,
) -> Result<(), Violation> {
    let scenario = stage.scenario;
    let mut now = stage.memory.image();
    let mut step = process.begin();
    for count in 1..=BUDGET {
        let changed = stage.memory.differs(&now);
        if changed {
            now = stage.memory.image();
            if images.add(count, now.clone()) && step == Step::Inside {
                figures.survivors += 1;
                let how = if is_victim {
                    "stopped"
                } else {
                    "recoverer stopped"
                };
                let seen = (scenario.observe)(&stage.witness);
                stage.check(&seen, scenario.withheld, how, &format!("step {count}"))?;
                stage.memory.restore(&now);
            }
        }
        match step {
            Step::Inside => step = process.step(),
            Step::Over => {
                process.settle();
                if is_victim {
                    figures.instructions = count;
                } else {
                    figures.recovery_instructions = figures.recovery_instructions.max(count);
                }
                return Ok(());
            }
            Step::Failed => return Err(format!("{}: died at step {count}", scenario.name)),
        }
    }
    Err(format!(
        "{}: not over after {BUDGET} instructions",
        scenario.name
    ))
}

impl Stage<'_> {
    fn check_exactly(&self, image: &Image, expected: &str, why: &str) -> Result<(), Violation> {
        let seen = self.seen(image);
        if seen == expected {
            return Ok(());
        }
        Err(format!(
            "{}: {why}: saw `{seen}`, expected `{expected}`",
            self.scenario.name
        ))
    }
}

/// Kills a victim for real behind its instructions: all of them, or those around a change and one in [`STRIDE`].
fn kill(
    scenario: &Scenario,
    changes: &BTreeSet<usize>,
    full: bool,
    figures: &mut Figures,
) -> Result<(), Violation> {
    let stage = Stage::new(scenario);
    let base = stage.memory.image();
    let path = path_of(&stage)?;
    let points = (0..path.len()).filter(|point| {
        let near = changes.contains(point) || changes.contains(&(point + 1));
        full || near || point % STRIDE == 0
    });
    for point in points {
        let victim = match along(&stage, &base, &path[..=point]) {
            Some(victim) => victim,
            None => step_by_step(&stage, &base, point),
        };
        victim.kill();
        let at = format!("instruction {point}");
        figures.kill_points += 1;
        figures.survivors += 1;
        let seen = stage.observe(&stage.witness);
        stage.check(&seen, &[], "killed", &at)?;
    }
    Ok(())
}

/// A victim behind the last instruction of a path; `None` where it took another, because it looked at the clock.
fn along(stage: &Stage<'_>, base: &Image, path: &[u64]) -> Option<Tracee> {
    stage.memory.restore(base);
    let mut victim = stage.victim();
    (victim.begin() == Step::Inside && victim.run_along(path)).then_some(victim)
}

/// A victim behind so many instructions, or behind its last.
fn step_by_step(stage: &Stage<'_>, base: &Image, point: usize) -> Tracee {
    stage.memory.restore(base);
    let mut victim = stage.victim();
    let mut step = victim.begin();
    for _ in 0..point {
        if step == Step::Inside {
            step = victim.step();
        }
    }
    victim
}

/// The addresses of a victim's instructions.
fn path_of(stage: &Stage<'_>) -> Result<Vec<u64>, Violation> {
    let mut victim = stage.victim();
    let mut path = Vec::new();
    let mut step = victim.begin();
    while step == Step::Inside && path.len() < BUDGET {
        path.push(victim.instruction());
        step = victim.step();
    }
    victim.kill();
    if step == Step::Over {
        return Ok(path);
    }
    Err(format!("{}: does not come to its end", stage.scenario.name))
}
