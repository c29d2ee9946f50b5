//! Survivors are held to a budget: in instructions, because a machine's speed proves nothing.
//!
//! The first of a pair is stopped, then killed, at every image that it can leave; the second is stepped
//! through its operation on each.

use super::family::Pair;
use super::image::{Image, Images};
use super::report::Figures;
use super::scenario::{LANES, Scenario};
use super::tracee::{Step, Tracee};
use super::walk::{BUDGET, Stage, Violation};

/// How many times what it takes alone.
const TIMES: usize = 20;
/// Where the dead are to be recovered or hints to be repaired: instructions per word and lane of the smallest
/// structure here.
const LEAST: usize = 50 * (2 + LANES);
/// How often who waits looks before it asks whether those live for whom it waits, or what time it is:
/// `memory::signals`.
const SPINS: usize = 64;

/// Instructions that an operation may take which alone takes `solo`.
pub fn of(solo: usize) -> usize {
    (TIMES * solo).max(LEAST)
}

/// Steps a process through a turn on an image; how many instructions that takes, if not more than `limit`.
fn steps(stage: &Stage<'_>, process: &mut Tracee, image: &Image, limit: usize) -> Option<usize> {
    stage.memory.restore(image);
    let mut step = process.begin();
    for count in 1..=limit {
        match step {
            Step::Inside => step = process.step(),
            Step::Over => {
                process.settle();
                return Some(count);
            }
            Step::Failed => return None,
        }
    }
    None
}

/// All images of the first operation, and the second on each.
pub fn hold(pair: &Pair) -> Result<Figures, Violation> {
    let scenario = pair.scenario();
    let stage = Stage::new(&scenario);
    let [mut victim, mut survivor] = pair.operations.map(|operation| {
        stage.process(&Scenario {
            operation: operation.run,
            ..scenario
        })
    });
    let mut figures = Figures::new(&pair.name());
    let failed = |what: &str| Err(format!("{}: {what}", pair.name()));
    let mut images = Images::default();
    let base = stage.memory.image();
    images.add(0, base.clone());
    let mut step = victim.begin();
    let mut count = 0;
    while step == Step::Inside && count < BUDGET {
        step = victim.step();
        count += 1;
        images.add(count, stage.memory.image());
    }
    if step != Step::Over {
        return failed("the first does not come to its end");
    }
    victim.settle();
    let list = images.take();
    let last = &list[list.len() - 1].1;
    let alone = [&base, last].map(|image| steps(&stage, &mut survivor, image, BUDGET));
    let [Some(before), Some(behind)] = alone else {
        return failed("the second does not come to its end");
    };
    let solo = before.max(behind);
    let budget = match pair.operations[1].spins {
        true => of(solo) + SPINS * solo,
        false => of(solo),
    };
    let mut victim = Some(victim);
    for fate in ["stopped", "killed"] {
        // who waits for the living does not come to an end beside one that is stopped
        let beside = pair.operations[1].waits && fate == "stopped";
        for (at, image) in list.iter().filter(|_| !beside) {
            let Some(taken) = steps(&stage, &mut survivor, image, budget) else {
                let what =
                    format!("first {fate} at {at}, second takes more than {budget} instructions");
                return failed(&what);
            };
            figures.instructions = figures.instructions.max(taken);
            figures.survivors += 1;
        }
        victim.take().into_iter().for_each(Tracee::kill);
    }
    figures.images = list.len();
    Ok(figures)
}
