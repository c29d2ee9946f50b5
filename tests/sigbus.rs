//! A peer truncates the file. Promise P6.

#![allow(unsafe_code)] // raise

mod common;

use common::{path, role, role_command, unique};
use shm_runtime::{Array, Segment, ShmLayout};
use std::os::unix::process::ExitStatusExt;

#[derive(Debug, ShmLayout)]
struct Sim {
    counts: Array<u64, 100_000>,
}

fn truncate(name: &str) {
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(path(name))
        .unwrap();
    file.set_len(8192).unwrap();
}

/// What the children do: nothing unless this is one of them.
#[test]
fn child() {
    let Some((role, name)) = role() else { return };
    match role.as_str() {
        "guarded" => {
            let sim = Sim::options().guard_sigbus(true).create(&name).unwrap();
            sim.counts.set(99_999, 1);
            assert!(!Segment::is_truncated(&sim));
            truncate(&name);
            assert_eq!(sim.counts.get(99_999), 0);
            assert!(Segment::is_truncated(&sim));
            sim.counts.set(50_000, 5);
            assert_eq!(sim.counts.get(50_000), 5);
        }
        "bare" => {
            let sim = Sim::create(&name).unwrap();
            truncate(&name);
            sim.counts.set(99_999, 1);
        }
        "elsewhere" => {
            let _guarded = Sim::options().guard_sigbus(true).create(&name).unwrap();
            let other = format!("{name}-bare");
            let sim = Sim::create(&other).unwrap();
            truncate(&other);
            std::fs::remove_file(path(&other)).unwrap();
            std::fs::remove_file(path(&name)).unwrap();
            sim.counts.set(99_999, 1);
        }
        other => panic!("no role {other}"),
    }
}

fn run(role: &str) -> std::process::ExitStatus {
    let name = unique(role);
    let _cleanup = common::Cleanup(name.clone());
    role_command("child", role, &name).status().unwrap()
}

#[test]
fn a_guarded_segment_reads_zeros() {
    assert!(run("guarded").success());
}

#[test]
fn without_a_guard_the_signal_ends_the_process() {
    assert_eq!(run("bare").signal(), Some(libc::SIGBUS));
}

#[test]
fn a_guard_leaves_other_mappings_to_the_handler_before() {
    assert_eq!(run("elsewhere").signal(), Some(libc::SIGBUS));
}
