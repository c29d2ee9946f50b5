//! A process killed or stopped at every instruction of every operation. Promises P1, P2, P3.
//!
//! The engine is in [`tracee`] (one instruction at a time), [`image`] (what the segment holds), [`walk`] (kills,
//! stops, deaths in recovery); what is walked is in [`scenario`] and, one file per structure, in [`scenarios`].
//! `SHM_WALK=full` kills at every instruction; the figures are printed with `--nocapture`.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(unsafe_code)] // fork, ptrace, mappings

#[path = "../common/mod.rs"]
mod common;

mod image;
mod report;
mod scenario;
mod scenarios;
mod tracee;
mod walk;

use report::Figures;

#[test]
fn p1_p2_p3_killed_or_stopped_at_every_instruction() {
    tracee::pin();
    let full = std::env::var_os("SHM_WALK").is_some_and(|walk| walk == "full");
    println!("{}", Figures::header());
    let mut violations = Vec::new();
    for scenario in scenarios::all() {
        match walk::walk(&scenario, full) {
            Ok(figures) => println!("{figures}"),
            Err(violation) => {
                println!("VIOLATION {violation}");
                violations.push(violation);
            }
        }
    }
    assert!(violations.is_empty(), "{violations:#?}");
}
