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

mod checkpoint;
mod image;
mod pairs;
mod report;
mod scenario;
mod scenarios;
mod sight;
mod tracee;
mod walk;

use report::Figures;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// One test at a time: a child forked while another thread attaches would keep that thread's lock.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn p1_p2_p3_killed_or_stopped_at_every_instruction() {
    let _alone = alone();
    tracee::pin();
    let full = std::env::var_os("SHM_WALK").is_some_and(|walk| walk == "full");
    println!("{}", Figures::header());
    let mut violations = Vec::new();
    for scenario in scenarios::all() {
        let start = Instant::now();
        match walk::walk(&scenario, full) {
            Ok(figures) => {
                println!("{figures}");
                figures.append(start);
            }
            Err(violation) => {
                println!("VIOLATION {violation}");
                violations.push(violation);
            }
        }
    }
    assert!(violations.is_empty(), "{violations:#?}");
}

/// The walk proves something only if it fails where it should: two pushes are not one.
#[test]
fn an_operation_in_two_halves_is_caught() {
    let _alone = alone();
    tracee::pin();
    let halves = scenarios::all()
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

#[test]
fn p1_p2_two_operations_in_every_order_with_two_preemptions() {
    let _alone = alone();
    tracee::pin();
    let mut violations = Vec::new();
    let mut total = 0;
    for family in scenarios::FAMILIES {
        for (first, second) in family.pairs() {
            let start = Instant::now();
            match pairs::duel(family, first, second) {
                Ok(figures) => {
                    println!(
                        "{:<64} {} {:?}",
                        figures.name,
                        figures.schedules,
                        start.elapsed()
                    );
                    total += figures.schedules;
                    figures.append(start);
                }
                Err(violation) => {
                    println!("VIOLATION {violation}");
                    violations.push(violation);
                }
            }
        }
    }
    println!("{total} schedules");
    assert!(violations.is_empty(), "{violations:#?}");
}
