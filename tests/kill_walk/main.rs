//! A process killed, stopped, interrupted or forked at every instruction of every operation. Promises P1, P2, P3.
//!
//! One engine: [`tracee`] runs a child one instruction at a time, [`image`] is what the segment holds,
//! [`checkpoint`] takes a child back to where it was, [`sight`] tells which instructions others can notice. On it
//! stand the layers:
//!
//! - [`walk`]: one process is killed or stopped behind each instruction, its recoverers die as well, breadth-first
//!   over the images that they leave;
//! - [`budget`]: survivors are held to a number of instructions;
//! - [`pairs`]: two processes in all orders with two preemptions, and one of them killed or stopped;
//! - [`interrupt`]: signal handlers and forks in the middle of an operation;
//! - [`asleep`]: wakers and sleepers;
//! - [`timeouts`]: who waits with a time-out for what somebody else holds;
//! - [`lifecycle`]: a segment is created, opened, left and removed;
//! - [`cpp`]: the machine code of the C++ binding, under the first and the third of these.
//!
//! What is walked is data: [`scenario`] and [`family`], and one file per structure in [`scenarios`]. [`seeded`] has
//! broken operations, each of which must be caught.
//!
//! The quick form takes some of all; `SHM_WALK=full` takes all, `SHM_WALK_ONLY=queue.push` those whose name contains
//! that. The figures are printed with `--nocapture`, and added to a file per layer where `SHM_REPORT` names a
//! directory. Debug and release builds are different code: `cargo test --release --test kill_walk` walks the other.
//!
//! What it does not show: orders that only a weak memory model allows (processes take turns here), and
//! schedules with more than two preemptions; `models` and `tests/war` look for those.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(unsafe_code)] // fork, ptrace, mappings

#[path = "../common/mod.rs"]
mod common;
#[path = "../cpp/compile.rs"]
mod compile;
#[path = "../common/report.rs"]
mod line;
#[path = "../common/pin.rs"]
mod pin;

mod asleep;
mod budget;
mod checkpoint;
mod cpp;
mod family;
mod image;
mod interrupt;
mod lifecycle;
mod pairs;
mod report;
mod scenario;
mod scenarios;
mod seeded;
mod sight;
mod timeouts;
mod tracee;
mod walk;

use family::{Family, Pair};
use report::Figures;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// One test at a time: a child forked while another thread attaches would keep that thread's lock.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether all is asked for.
fn is_full() -> bool {
    std::env::var_os("SHM_WALK").is_some_and(|walk| walk == "full")
}

/// Does something for each of many, says what was done, and fails behind the last if there was a violation. The
/// figures are added to the layer's report.
fn each<T>(
    layer: &str,
    items: impl IntoIterator<Item = (String, T)>,
    work: impl Fn(&T) -> Result<Figures, walk::Violation>,
) {
    let _alone = alone();
    pin::pin();
    println!("{}", Figures::header());
    let mut violations = Vec::new();
    let mut all = Figures::new("all of these");
    for (name, item) in items {
        if std::env::var("SHM_WALK_ONLY").is_ok_and(|only| !name.contains(&only)) {
            continue;
        }
        let start = Instant::now();
        let figures = work(&item).unwrap_or_else(|violation| {
            println!("VIOLATION {violation}");
            violations.push(violation);
            Figures {
                violations: 1,
                ..Figures::new(&name)
            }
        });
        println!("{figures}");
        figures.append(layer, start);
        all.add(&figures);
    }
    println!("{all}");
    assert!(violations.is_empty(), "{violations:#?}");
}

/// All pairs of all structures; in the quick form a sixth of each family's, and `quick` of them at most, a third of that
/// of a structure's second family.
fn pairs(quick: usize) -> Vec<(String, Pair)> {
    let mut structures = Vec::new();
    let some = |family: &'static Family| {
        let is_second = structures.contains(&family.structure);
        structures.push(family.structure);
        let most = if is_second { quick.div_ceil(3) } else { quick };
        let all = family.pairs();
        let count = all.len().div_ceil(6).min(most);
        let stride = if is_full() {
            1
        } else {
            all.len().div_ceil(count) | 1
        };
        all.into_iter().step_by(stride)
    };
    let all = scenarios::FAMILIES.iter().flat_map(some);
    all.map(|pair| (pair.name(), pair)).collect()
}

#[test]
fn p1_p2_p3_killed_or_stopped_at_every_instruction() {
    let all = scenarios::all(is_full()).into_iter();
    each(
        "kill_walk",
        all.map(|scenario| (scenario.name.to_owned(), scenario)),
        |scenario| walk::walk(scenario, is_full()),
    );
}

#[test]
fn p1_p2_two_operations_in_every_order_with_two_preemptions() {
    each("kill_pairs", pairs(6), pairs::duel);
}

#[test]
fn p1_p2_no_survivor_needs_more_than_its_budget() {
    each("kill_budget", pairs(4), budget::hold);
}

#[test]
fn p1_interrupted_by_a_handler_that_uses_the_same_structure() {
    let all = pairs(6).into_iter();
    let some = all.filter(|(_, pair)| pair.operations[1].in_handlers);
    each("kill_signals", some, |pair| {
        interrupt::interrupt(pair, interrupt::SIGNALS, true)
    });
}

#[test]
fn p1_forked_in_the_middle() {
    let all = scenarios::FAMILIES.iter().flat_map(Family::pairs);
    let all = all.map(|pair| (pair.name(), pair));
    // each operation once, with a child that does the next one
    let some = all.filter(|(_, pair)| pair.is_neighbours() && pair.operations[1].in_handlers);
    each("kill_forks", some, |pair| {
        interrupt::interrupt(pair, interrupt::FORKS, is_full())
    });
}

#[test]
fn p5_killed_while_a_name_comes_and_goes() {
    let all = scenarios::LIVES.iter();
    each(
        "kill_lives",
        all.map(|life| (format!("life.{}", life.name), *life)),
        |life| lifecycle::live(life, is_full()),
    );
}

fn waiting() -> impl Iterator<Item = (String, asleep::Waiting)> {
    let all = scenarios::WAITING.iter();
    all.map(|waiting| (waiting.name(), *waiting))
}

#[test]
fn p1_a_waker_is_killed_and_nobody_sleeps_on() {
    each("kill_wakers", waiting(), |waiting| {
        asleep::kill_wakers(waiting, is_full())
    });
}

#[test]
fn p1_a_waker_comes_while_a_sleeper_lies_down() {
    each("kill_sleepers", waiting(), |waiting| {
        asleep::visit_sleepers(waiting, is_full())
    });
}

#[test]
fn p1_p2_who_waits_with_a_time_out_comes_to_an_end() {
    let all = scenarios::TIMED.iter();
    each(
        "kill_timeouts",
        all.map(|timed| (timed.name(), *timed)),
        |timed| timeouts::outlast(timed, is_full()),
    );
}
