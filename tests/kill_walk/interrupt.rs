//! One process whose operation is interrupted at every instruction, by a signal handler that
//!
//! - does another operation on the same structure,
//! - does it through a second attachment of the same process,
//! - forks a child that ends at once,
//! - forks a child that does the operation, for which it attaches first.
//!
//! Then the interrupted operation goes on, beside what the handler did. Loans, taken elements and roles that it holds
//! at that moment are held meanwhile.

use super::family::{Fate, Outcome, Pair, Sequel};
use super::pairs::Allowed;
use super::report::Figures;
use super::scenario::{World, warm, warm_guards};
use super::sight::Sight;
use super::tracee::{Step, Tracee, Turn};
use super::walk::{BUDGET, Stage, Violation};
use shm_runtime::{Segment, ShmLayout};
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

/// What the handler is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Task {
    Operate,
    OperateThroughOther,
    ForkAndEnd,
    ForkAndOperate,
}

pub const SIGNALS: &[Task] = &[Task::Operate, Task::OperateThroughOther];
pub const FORKS: &[Task] = &[Task::ForkAndEnd, Task::ForkAndOperate];

/// What the handler finds.
struct Handler<'a> {
    operation: fn(&Segment<World>, &Turn),
    own: &'a Segment<World>,
    other: &'a Segment<World>,
    turn: Turn,
}

static HANDLER: AtomicPtr<Handler<'static>> = AtomicPtr::new(core::ptr::null_mut());

extern "C" fn on_signal(_: libc::c_int) {
    // SAFETY: set before the signal can come, and never freed.
    let handler = unsafe { &*HANDLER.load(Relaxed) };
    let turn = handler.turn.in_handler();
    let task = turn.task();
    if task == Task::Operate as u64 {
        (handler.operation)(handler.own, &turn);
    } else if task == Task::OperateThroughOther as u64 {
        (handler.operation)(handler.other, &turn);
    } else {
        // SAFETY: the child does its operation and exits.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            if task == Task::ForkAndOperate as u64 {
                (handler.operation)(handler.own, &turn);
            }
            // SAFETY: ends the child at once.
            unsafe { libc::_exit(0) };
        }
        let mut status = 0;
        // SAFETY: waits for the child that was forked above, into a live integer.
        let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
        if waited != pid || status != 0 {
            // SAFETY: ends this process, so that the tracer sees it.
            unsafe { libc::_exit(102) };
        }
    }
}

/// A process that does the first operation in turns, and the second in its signal handler.
fn process(stage: &Stage<'_>, pair: &Pair) -> Tracee {
    let [first, second] = pair.operations;
    Tracee::start(|turn| {
        let [own, other] = [(); 2].map(|()| World::open(&stage.name).unwrap());
        for segment in [&own, &other] {
            warm(segment);
            // as many as both operations hold: a lane leased on the way would be the process's own, but not the segment's
            // once its memory is restored
            warm_guards::<3>(segment);
        }
        let handler = Handler {
            operation: second.run,
            own: &own,
            other: &other,
            turn: *turn,
        };
        HANDLER.store((&raw const handler).cast_mut().cast(), Relaxed);
        let entry: extern "C" fn(libc::c_int) = on_signal;
        // SAFETY: the handler does what a handler may: operations on the segment, and fork.
        let before = unsafe { libc::signal(libc::SIGUSR1, entry as libc::sighandler_t) };
        assert_ne!(before, libc::SIG_ERR);
        (first.run)(&own, turn);
    })
}

/// Interrupts the first operation of a pair with each of `tasks`: at every instruction, or at those only that others
/// can notice.
pub fn interrupt(pair: &Pair, tasks: &[Task], full: bool) -> Result<Figures, Violation> {
    let scenario = pair.scenario();
    let stage = Stage::new(&scenario);
    let mut process = process(&stage, pair);
    let base = stage.memory.image();
    let sequel = Sequel::new(&stage, pair);
    let both = Allowed::of(&sequel, pair).both;
    let [firsts, seconds] = sequel.steps;
    let alone = sequel.outcomes([firsts, 0], [Fate::Lives; 2]);
    let mut forked = sequel.outcomes([firsts, seconds], [Fate::Lives, Fate::Dies]);
    forked.extend((pair.family.exceptions.besides)(pair).both);
    let mut seen = HashMap::new();
    let mut figures = Figures::new(&pair.name());
    let mut sight = Sight::of(process.pid(), &stage.name);
    stage.memory.restore(&base);
    learn(&mut process, &mut sight);
    stage.memory.restore(&base);
    process.clear_notes();
    let mut step = process.begin();
    for count in 0..BUDGET {
        match step {
            Step::Inside => {}
            Step::Over => {
                figures.instructions = count;
                return Ok(figures);
            }
            Step::Failed => return Err(format!("{}: died at step {count}", figures.name)),
        }
        let registers = process.registers();
        let is_seen = sight.sees(&registers, process.private());
        if is_seen || full && !sight.reads_clock(&registers) {
            let (moment, image) = (process.checkpoint(None), stage.memory.image());
            for task in tasks {
                let allowed = match task {
                    Task::Operate | Task::OperateThroughOther => &both,
                    Task::ForkAndEnd => &alone,
                    Task::ForkAndOperate => &forked, // and its child is dead by now
                };
                let at = format!("{}: {task:?} at step {count}", figures.name);
                if process.interrupt(libc::SIGUSR1, *task as u64) != Step::Over {
                    return Err(format!("{at}: died"));
                }
                let outcome = Outcome {
                    notes: process.notes(),
                    seen: stage.look(&mut seen),
                };
                check(allowed, &outcome, &at)?;
                figures.schedules += 1;
                stage.memory.restore(&image);
                process.restore(&moment);
            }
        }
        step = process.step();
    }
    Err(format!(
        "{}: not over after {BUDGET} instructions",
        figures.name
    ))
}

/// Steps a process through a turn, to learn where it stores.
fn learn(process: &mut Tracee, sight: &mut Sight) {
    let mut step = process.begin();
    while step == Step::Inside {
        let registers = process.registers();
        sight.sees(&registers, process.private());
        step = process.step();
    }
    process.settle();
    sight.learns = false;
}

fn check(allowed: &BTreeSet<Outcome>, found: &Outcome, at: &str) -> Result<(), Violation> {
    if allowed.contains(found) {
        return Ok(());
    }
    Err(format!("{at}: {found:?}, allowed {allowed:?}"))
}
