//! A process killed or stopped at every instruction of every operation. Promises P1, P2, P3.
//!
//! The engine is in [`tracee`] (one instruction at a time), [`image`] (what the segment holds), [`walk`] (kills,
//! stops, deaths in recovery); what is walked is in [`scenario`] and, one file per structure, in [`scenarios`].
//! `SHM_WALK=full` kills at every instruction; the figures are printed with `--nocapture`.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(unsafe_code)] // fork, ptrace, mappings

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/report.rs"]
mod line;
#[path = "../common/pin.rs"]
mod pin;

mod asleep;
mod budget;
mod checkpoint;
mod family;
mod image;
mod interrupt;
mod pairs;
mod report;
mod scenario;
mod scenarios;
mod sight;
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

/// Does something for each of many, says what was done, and fails behind the last if there was a violation.
fn each<T>(
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
        figures.append(start);
        all.add(&figures);
    }
    println!("{all}");
    assert!(violations.is_empty(), "{violations:#?}");
}

/// All pairs of all structures; in the quick form some of each.
fn pairs(quick: usize) -> Vec<(String, Pair)> {
    let some = |family: &'static Family| {
        let all = family.pairs();
        let stride = if is_full() {
            1
        } else {
            all.len().div_ceil(quick)
        };
        all.into_iter().step_by(stride)
    };
    let all = scenarios::FAMILIES.iter().flat_map(some);
    all.map(|pair| (pair.name(), pair)).collect()
}

#[test]
fn p1_p2_p3_killed_or_stopped_at_every_instruction() {
    let all = scenarios::all(false).into_iter();
    each(
        all.map(|scenario| (scenario.name.to_owned(), scenario)),
        |scenario| walk::walk(scenario, is_full()),
    );
}

#[test]
fn p1_p2_two_operations_in_every_order_with_two_preemptions() {
    each(pairs(8), pairs::duel);
}

#[test]
fn p1_p2_no_survivor_needs_more_than_its_budget() {
    each(pairs(8), budget::hold);
}

#[test]
fn p1_interrupted_by_a_handler_that_uses_the_same_structure() {
    each(pairs(8), |pair| {
        interrupt::interrupt(pair, interrupt::SIGNALS, true)
    });
}

#[test]
fn p1_forked_in_the_middle() {
    let all = pairs(usize::MAX).into_iter();
    // each operation once, with a child that does the next one
    let some = all.filter(|(_, pair)| pair.is_neighbours() && pair.family.in_handlers);
    each(some, |pair| {
        interrupt::interrupt(pair, interrupt::FORKS, is_full())
    });
}

fn waiting() -> impl Iterator<Item = (String, asleep::Waiting)> {
    let all = scenarios::WAITING.iter();
    all.map(|waiting| (waiting.name(), *waiting))
}

#[test]
fn p1_a_waker_is_killed_and_nobody_sleeps_on() {
    each(waiting(), |waiting| asleep::kill_wakers(waiting, is_full()));
}

#[test]
fn p1_a_waker_comes_while_a_sleeper_lies_down() {
    each(waiting(), |waiting| {
        asleep::visit_sleepers(waiting, is_full())
    });
}

/// The walk proves something only if it fails where it should: two pushes are not one.
#[test]
fn an_operation_in_two_halves_is_caught() {
    let _alone = alone();
    pin::pin();
    let halves = scenarios::all(false)
        .into_iter()
        .find(|scenario| scenario.name == "queue.push_slice, empty")
        .unwrap();
    let one_step = scenario::Scenario {
        partly: &[],
        ..halves
    };
    let caught = walk::walk(&one_step, false).unwrap_err();
    assert!(caught.contains("stopped at step"), "{caught}");
    assert!(caught.contains("saw `7 | 2`"), "{caught}");
}

/// The same for two processes: what a batch can leave is not what a single operation can.
#[test]
fn a_batch_that_is_taken_for_one_step_is_caught() {
    let _alone = alone();
    pin::pin();
    let mut pair = scenarios::FAMILIES[0].pairs()[0];
    let batch = pair
        .family
        .operations
        .iter()
        .find(|operation| operation.verb == "push_slice");
    let one_step = family::Operation {
        steps: None,
        ..*batch.unwrap()
    };
    pair.operations = [Box::leak(Box::new(one_step)); 2];
    let caught = pairs::duel(&pair).unwrap_err();
    assert!(caught.contains("allowed"), "{caught}");
    let caught = interrupt::interrupt(&pair, interrupt::SIGNALS, false).unwrap_err();
    assert!(caught.contains("allowed"), "{caught}");
}
