//! Who waits with a time-out comes to an end, wherever the holder is killed, or stopped for ever.
//!
//! The waiter sleeps in the kernel, and the holder is taken to an instruction of its operation. There it is killed: then
//! the waiter gets what it waits for, whatever its time. Or it stays there: then the waiter gets it if it is free, and
//! otherwise its time-out. Afterwards others go on, at once where the holder is gone.
//!
//! No clock says so. Who does not come to an end is told by the number of its system calls, or by a sleep that is longer
//! than its time.

use super::asleep::{Rest, Sleeper, advance, points_of};
use super::image::Image;
use super::report::Figures;
use super::scenario::{Scenario, World};
use super::tracee::Tracee;
use super::walk::{Stage, Violation};
use shm_runtime::Segment;
use std::time::Duration;

/// How long a waiter waits.
pub const TIME: Duration = Duration::from_millis(10);
/// System calls of a wait, and far more.
const CALLS: usize = 200;
/// How often a waiter lies down at most, on a machine so busy that its time is up before it sleeps.
const TRIES: usize = 1000;

/// What a waiter notes: it got what it waited for, as a dead one left it, or not in its time. Nothing: it is torn.
pub const GOT: u64 = 1;
pub const DIED: u64 = 2;
pub const GAVE_UP: u64 = 3;

/// Somebody who waits for [`TIME`], for what somebody else holds before its turn and gives back in it.
#[derive(Clone, Copy, Debug)]
pub struct Timed {
    pub waiter: Scenario,
    pub holder: Scenario,
    /// Whether who comes now gets it.
    pub is_free: fn(&Segment<World>) -> bool,
}

impl Timed {
    pub fn name(&self) -> String {
        format!("{}, held by {}", self.waiter.name, self.holder.name)
    }
}

/// Has the waiter sleep, and the holder about to begin.
fn lie_down(
    timed: &Timed,
    stage: &Stage<'_>,
    base: &Image,
    waiter: &mut Sleeper,
) -> Result<Tracee, Violation> {
    for _ in 0..TRIES {
        stage.memory.restore(base);
        let holder = stage.process(&timed.holder);
        waiter.calls = CALLS;
        if waiter.rest(Duration::ZERO)? == Rest::Asleep {
            return Ok(holder);
        }
    }
    Err("the waiter does not sleep".to_owned())
}

/// Lets the waiter go on to its end; what it noted.
fn wait(waiter: &mut Sleeper) -> Result<u64, Violation> {
    waiter.calls = CALLS;
    match waiter.rest(2 * TIME)? {
        Rest::Over => Ok(waiter.process.notes()[0]),
        _ => Err("the waiter sleeps for longer than its time".to_owned()),
    }
}

/// Kills holders, and stops others for ever: behind every instruction, or behind those that others can notice.
pub fn outlast(timed: &Timed, full: bool) -> Result<Figures, Violation> {
    let stage = Stage::new(&timed.waiter);
    let mut waiter = Sleeper::new(stage.process(&timed.waiter));
    let base = stage.memory.image();
    let mut figures = Figures::new(&timed.name());
    let failed = |what: String| format!("{}: {what}", timed.name());
    let holder = lie_down(timed, &stage, &base, &mut waiter).map_err(failed)?;
    let points = points_of(holder, &stage, full, &mut figures);
    // the first holder came to its end
    if wait(&mut waiter).map_err(failed)? != GOT {
        return Err(failed("the waiter does not get what is free".to_owned()));
    }
    for point in points {
        for is_killed in [true, false] {
            let mut holder = lie_down(timed, &stage, &base, &mut waiter).map_err(failed)?;
            advance(&mut holder, point);
            let fate = if is_killed { "killed" } else { "stopped" };
            figures.kill_points += usize::from(is_killed);
            figures.schedules += 1;
            check(timed, &stage, &mut waiter, holder, is_killed)
                .map_err(|what| failed(format!("holder {fate} at {point}: {what}")))?;
        }
    }
    Ok(figures)
}

/// Whether the waiter, and who comes later, get what they should.
fn check(
    timed: &Timed,
    stage: &Stage<'_>,
    waiter: &mut Sleeper,
    holder: Tracee,
    is_killed: bool,
) -> Result<(), Violation> {
    let mut stopped = Some(holder);
    if is_killed {
        stopped.take().into_iter().for_each(Tracee::kill);
    }
    let noted = wait(waiter)?;
    let is_free = (timed.is_free)(&stage.witness);
    match noted {
        0 => return Err("the waiter sees a torn value".to_owned()),
        GAVE_UP if is_killed || is_free => return Err("the waiter gives up for nothing".to_owned()),
        GOT | DIED if !is_free => return Err("the waiter got it, and nobody else does".to_owned()),
        _ => {}
    }
    stopped.take().into_iter().for_each(Tracee::kill);
    if (timed.is_free)(&stage.witness) {
        return Ok(());
    }
    Err("nobody gets it behind them".to_owned())
}
