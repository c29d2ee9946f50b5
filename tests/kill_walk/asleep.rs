//! Who sleeps is woken, wherever a waker is killed, and wherever a sleeper is when a waker comes.
//!
//! - A sleeper sleeps in the kernel; a waker is killed behind an instruction of its operation. If the operation took
//!   effect the sleeper must be awake, without a look at the clock: asleep means that the kernel says so, for a whole
//!   round. If it did not, the sleeper sleeps on, and the next waker wakes it.
//! - A sleeper is stepped from where it sets its flag to where it sleeps; at an instruction a waker does all of
//!   its operation; the sleeper must not sleep.

use super::common::path;
use super::image::Image;
use super::report::Figures;
use super::scenario::{Scenario, World};
use super::sight::{Sight, segments};
use super::tracee::{Event, Step, Tracee};
use super::walk::{Stage, Violation};
use shm_runtime::Segment;
use std::collections::BTreeSet;
use std::time::Duration;

/// Instructions of a sleeper that are passed over from one visit of a waker to the next, unless all are asked for.
const STRIDE: usize = 16;

/// Somebody who sleeps for what somebody else does.
#[derive(Clone, Copy, Debug)]
pub struct Waiting {
    /// The sleeper's operation and state, the waker's operation.
    pub sleeper: Scenario,
    pub waker: Scenario,
    /// Where the sleeper's flag lies: the table's entry, and bytes from its beginning.
    pub flag: (&'static str, usize),
    /// How long it sleeps at most before it looks again by itself.
    pub round: Duration,
    /// Whether there is something to do for it.
    pub is_ready: fn(&Segment<World>) -> bool,
    /// Gives it something to do; `None`: it finds out by itself that the waker died.
    pub help: Option<fn(&Segment<World>)>,
    /// Whether it is woken for certain; otherwise it sleeps in slices and looks by itself.
    pub is_woken: bool,
    /// Whether a waker that is stopped may hold it up: it keeps what the sleeper waits for.
    pub blocks: bool,
}

impl Waiting {
    /// How long a sleep counts as one after somebody came who should wake the sleeper.
    fn patience(&self) -> Duration {
        if self.is_woken {
            self.round
        } else {
            Duration::MAX
        }
    }

    pub fn name(&self) -> String {
        format!("{}, woken by {}", self.sleeper.name, self.waker.name)
    }
}

/// Why a sleeper does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// It sleeps for a whole round.
    Asleep,
    /// Its operation is over.
    Over,
    /// It touched what is watched.
    Watched,
}

/// A process that is followed from one system call to the next.
pub struct Sleeper {
    pub process: Tracee,
    /// System calls after which it is said to come to no end.
    pub calls: usize,
    /// The limit of the sleep that it is in or about to enter.
    sleeps: Option<Duration>,
    is_inside_call: bool,
    is_running: bool,
}

impl Sleeper {
    pub fn new(process: Tracee) -> Self {
        Self {
            process,
            calls: usize::MAX,
            sleeps: None,
            is_inside_call: false,
            is_running: false,
        }
    }

    /// Lets it go on until it is at rest; a sleep of less than `round` is none.
    pub fn rest(&mut self, round: Duration) -> Result<Rest, Violation> {
        loop {
            if !core::mem::replace(&mut self.is_running, true) {
                self.process.go_to_call();
            }
            let event = self.process.poll();
            if event.is_none() {
                let long = self.sleeps.is_some_and(|limit| limit >= round);
                if long && self.process.is_asleep() {
                    return Ok(Rest::Asleep);
                }
                std::thread::yield_now();
                continue;
            }
            self.is_running = false;
            match event {
                Some(Event::Call) => {
                    self.is_inside_call = !self.is_inside_call;
                    self.sleeps = self.process.sleep().filter(|_| self.is_inside_call);
                    self.calls = self.calls.checked_sub(1).ok_or("it comes to no end")?;
                }
                Some(Event::Over) => return Ok(Rest::Over),
                Some(Event::Trap) => return Ok(Rest::Watched),
                _ => return Err("the sleeper died".to_owned()),
            }
        }
    }
}

/// Where the entry of that name begins in the file.
fn offset(image: &Image, name: &str) -> u64 {
    let entries = image[16..].chunks_exact(40);
    let of_name = |entry: &&[u8]| entry.starts_with(name.as_bytes()) && entry[name.len()] == 0;
    let entry = entries.clone().find(of_name).expect("an entry");
    u32::from_le_bytes([entry[32], entry[33], entry[34], entry[35]]).into()
}

/// A sleeper that sleeps and a waker that is about to begin.
fn lay_down(
    waiting: &Waiting,
    stage: &Stage<'_>,
    base: &Image,
    sleeper: &mut Sleeper,
) -> Result<Tracee, Violation> {
    stage.memory.restore(base);
    let waker = stage.process(&waiting.waker);
    if sleeper.rest(waiting.round)? == Rest::Asleep {
        return Ok(waker);
    }
    Err("the sleeper has nothing to sleep for".to_owned())
}

/// Kills wakers, and stops others for ever: behind every instruction, or behind those that others can notice.
pub fn kill_wakers(waiting: &Waiting, full: bool) -> Result<Figures, Violation> {
    let stage = Stage::new(&waiting.sleeper);
    let mut sleeper = Sleeper::new(stage.process(&waiting.sleeper));
    let base = stage.memory.image();
    let mut figures = Figures::new(&waiting.name());
    let waker = lay_down(waiting, &stage, &base, &mut sleeper)?;
    let points = points_of(waker, &stage, full, &mut figures);
    // the first waker came to its end
    if sleeper.rest(waiting.patience())? != Rest::Over {
        return Err(format!("{}: nobody wakes the sleeper", figures.name));
    }
    for point in points {
        for fate in ["killed", "stopped"] {
            if fate == "stopped" && waiting.blocks {
                continue;
            }
            let mut waker = lay_down(waiting, &stage, &base, &mut sleeper)?;
            advance(&mut waker, point);
            let mut stopped = Some(waker);
            if fate == "killed" {
                stopped.take().into_iter().for_each(Tracee::kill);
                figures.kill_points += 1;
            }
            figures.schedules += 1;
            wake_up(waiting, &stage, &mut sleeper, stopped.take())
                .map_err(|what| format!("{}: waker {fate} at {point}: {what}", figures.name))?;
        }
    }
    Ok(figures)
}

/// Takes a process so many steps into its operation, or to its end.
pub fn advance(process: &mut Tracee, point: usize) {
    let mut step = process.begin();
    for _ in 0..point {
        if step == Step::Inside {
            step = process.step();
        }
    }
}

/// The steps of a waker's operation behind which it is killed.
pub fn points_of(
    mut waker: Tracee,
    stage: &Stage<'_>,
    full: bool,
    figures: &mut Figures,
) -> BTreeSet<usize> {
    let mut sight = Sight::of(waker.pid(), &stage.name);
    let mut points = BTreeSet::new();
    let mut step = waker.begin();
    while step == Step::Inside {
        let (registers, count) = (waker.registers(), figures.instructions);
        if sight.sees(&registers, waker.private()) || full {
            points.extend([count, count + 1]);
        }
        figures.instructions += 1;
        step = waker.step();
    }
    points
}

/// The sleeper ends with success, whatever became of the waker; one that is stopped is there meanwhile.
fn wake_up(
    waiting: &Waiting,
    stage: &Stage<'_>,
    sleeper: &mut Sleeper,
    stopped: Option<Tracee>,
) -> Result<(), Violation> {
    // beside a stopped waker that has announced itself it may sleep in slices for ever
    let rest = match stopped {
        Some(_) => Rest::Asleep,
        None => sleeper.rest(waiting.round)?,
    };
    if rest == Rest::Asleep {
        if stopped.is_none() && waiting.is_woken && (waiting.is_ready)(&stage.witness) {
            return Err("the sleeper sleeps on".to_owned());
        }
        let patience = waiting.help.map_or(Duration::MAX, |help| {
            help(&stage.witness);
            waiting.patience()
        });
        if sleeper.rest(patience)? != Rest::Over {
            return Err("the next waker does not wake the sleeper".to_owned());
        }
    }
    if sleeper.process.notes()[0] == 0 {
        return Err("the sleeper ends without success".to_owned());
    }
    Ok(())
}

/// Has a waker come while a sleeper is about to sleep: at every instruction that others can notice, or at some.
pub fn visit_sleepers(waiting: &Waiting, full: bool) -> Result<Figures, Violation> {
    let stage = Stage::new(&waiting.sleeper);
    let mut sleeper = Sleeper::new(stage.process(&waiting.sleeper));
    let base = stage.memory.image();
    let mut figures = Figures::new(&waiting.name());
    let mut sight = Sight::of(sleeper.process.pid(), &stage.name);
    let (entry, inside) = waiting.flag;
    let own = segments(sleeper.process.pid(), &path(&stage.name));
    let ours = segments(std::process::id().cast_signed(), &path(&stage.name));
    // its own mapping is the one that it did not inherit
    let start = own
        .iter()
        .find(|range| !ours.contains(range) && range.end - range.start > 4096);
    let flag = start.expect("a mapping").start + offset(&base, entry) + inside as u64;
    for visit in 0.. {
        let at = format!("{}: waker comes at point {visit}", figures.name);
        stage.memory.restore(&base);
        let mut waker = stage.process(&waiting.waker);
        sleeper.process.watch(Some(flag));
        if sleeper.rest(waiting.round)? != Rest::Watched {
            return Err(format!("{at}: the sleeper does not look at its flag"));
        }
        sleeper.process.watch(None);
        let is_last = !approach(
            &mut sleeper,
            &mut sight,
            visit * if full { 1 } else { STRIDE },
        );
        if waker.run() != Step::Over {
            return Err(format!("{at}: the waker died"));
        }
        figures.schedules += 1;
        if sleeper.rest(waiting.patience())? != Rest::Over {
            return Err(format!("{at}: the sleeper sleeps on"));
        }
        if sleeper.process.notes()[0] == 0 {
            return Err(format!("{at}: the sleeper ends without success"));
        }
        if is_last {
            break;
        }
    }
    Ok(figures)
}

/// Steps a sleeper over so many instructions that others can notice, to the next; false where it is about to sleep.
fn approach(sleeper: &mut Sleeper, sight: &mut Sight, count: usize) -> bool {
    let mut left = count;
    loop {
        let registers = sleeper.process.registers();
        if sight.sees(&registers, sleeper.process.private()) {
            if registers.rax == libc::SYS_futex as u64 && sleeper.process.sleep().is_some() {
                return false;
            }
            if left == 0 {
                return true;
            }
            left -= 1;
        }
        let step = sleeper.process.step();
        assert_eq!(
            step,
            Step::Inside,
            "it does not come to an end before it sleeps"
        );
    }
}
