//! A process is killed at every system call of birth, opening and leaving. Promise P5.
//!
//! What others can see changes at system calls, so every state that a kill can leave is one of these; and where an
//! attachment stores who it is, behind each change of which it is killed as well.

#![allow(unsafe_code)] // fork, ptrace, in `common::traced`

mod common;
#[path = "common/traced.rs"]
mod traced;

use common::{Cleanup, exists, path, unique};
use shm_runtime::{Array, OpenError, Segment, ShmLayout, prune};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;
use traced::report::Line;
use traced::{Traced, alone, at_every_call, stop};

const SUITE: &str = "kill_lifecycle";

#[derive(Debug, ShmLayout)]
struct Sim {
    counts: Array<u64, 10>,
}

/// The name is free or a leftover: a new segment can have it at once, and leaves nothing.
fn usable(name: &str) {
    assert!(matches!(Sim::open(name), Err(OpenError::NotFound { .. })));
    let sim = Sim::create(name).unwrap();
    assert_eq!(sim.counts.get(0), 0);
    assert_eq!(Segment::participants(&sim).unwrap().len(), 1);
    drop(sim);
    assert!(!exists(name));
}

#[test]
fn killed_while_creating() {
    let before = || Cleanup(unique("birth"));
    let body = |name: &Cleanup| {
        let sim = Sim::options()
            .init(|sim| sim.counts.set(0, 1))
            .create(&name.0)
            .unwrap();
        std::mem::forget(sim);
    };
    at_every_call([SUITE, "create"], before, body, |name| usable(&name.0));
}

#[test]
fn killed_while_replacing_a_leftover() {
    let before = || {
        let name = Cleanup(unique("replace"));
        leave_behind(&name.0);
        name
    };
    let body = |name: &Cleanup| std::mem::forget(Sim::open_or_create(&name.0).unwrap());
    at_every_call([SUITE, "open_or_create, leftover"], before, body, |name| {
        usable(&name.0)
    });
}

/// A segment whose only participant was killed.
fn leave_behind(name: &str) {
    let child = Traced::start(|| std::mem::forget(Sim::create(name).unwrap()));
    while child.step() {}
    assert!(exists(name));
}

#[test]
fn killed_while_pruning() {
    let before = || {
        let name = Cleanup(unique("prune"));
        leave_behind(&name.0);
        name
    };
    at_every_call(
        [SUITE, "prune"],
        before,
        |_| drop(prune().unwrap()),
        |name| usable(&name.0),
    );
}

#[test]
fn killed_while_opening_and_leaving_beside_others() {
    let before = || {
        let name = unique("beside");
        let sim = Sim::create(&name).unwrap();
        (name, sim)
    };
    let body = |(name, _): &(String, _)| {
        let sim = Sim::open(name).unwrap();
        sim.counts.set(3, 9);
    };
    let after = |(name, sim): (String, _)| {
        assert!(Segment::is_current(&sim), "who is attached keeps the name");
        assert_eq!(Segment::participants(&sim).unwrap().len(), 1);
        let other = Sim::open(&name).unwrap();
        assert_eq!(Segment::id(&other), Segment::id(&sim));
        drop((sim, other));
        assert!(!exists(&name));
    };
    at_every_call([SUITE, "open and drop, beside others"], before, body, after);
}

#[test]
fn killed_while_leaving_last() {
    let before = || Cleanup(unique("last"));
    let body = |name: &Cleanup| drop(Sim::create(&name.0).unwrap());
    at_every_call([SUITE, "create and drop, last"], before, body, |name| {
        usable(&name.0)
    });
}

#[test]
fn killed_while_unlinking() {
    let before = || {
        let name = unique("unlink");
        let sim = Sim::options().persist().create(&name).unwrap();
        (Cleanup(name), sim)
    };
    let body = |(name, _): &(Cleanup, _)| shm_runtime::segment::unlink(&name.0).unwrap();
    let after = |(name, sim): (Cleanup, Segment<Sim>)| {
        assert_eq!(Segment::is_current(&sim), exists(&name.0), "removed or not");
        let (was_there, id) = (exists(&name.0), Segment::id(&sim));
        drop(sim);
        let again = Sim::open_or_create(&name.0).unwrap();
        let kept = Segment::id(&again) == id;
        assert_eq!(
            kept, was_there,
            "a name that was not removed leads to the same segment"
        );
    };
    at_every_call([SUITE, "unlink"], before, body, after);
}

#[test]
fn killed_while_attaching_again() {
    let before = || {
        let name = unique("reattach");
        let sim = Sim::create(&name).unwrap();
        (name, sim)
    };
    let body = |(_, sim): &(String, Segment<Sim>)| Segment::reattach(sim).unwrap();
    let after = |(name, sim): (String, Segment<Sim>)| {
        assert_eq!(Segment::participants(&sim).unwrap().len(), 1);
        drop(Sim::open(&name).unwrap());
        assert!(Segment::is_current(&sim));
    };
    at_every_call([SUITE, "attach, in a forked child"], before, body, after);
}

/// Between two system calls an attachment stores who it is: its slot's generation, its lane.
#[test]
fn killed_behind_every_change_of_attaching_and_leaving() {
    let _alone = alone();
    let began = Instant::now();
    let name = unique("attach");
    let sim = Sim::create(&name).unwrap();
    let start = || {
        let child = Traced::start(|| {
            stop();
            drop(Sim::open(&name).unwrap());
        });
        assert!(child.run_to_stop());
        child
    };
    let (instructions, changes) = start().changes(&path(&name));
    assert!(
        changes.len() >= 4,
        "generation, process, lane taken, lane given back"
    );
    for &steps in &changes {
        let child = start();
        assert!((0..steps).all(|_| child.step_instruction()));
        child.kill();
        assert_eq!(Segment::participants(&sim).unwrap().len(), 1);
        let others: Vec<_> = (0..3).map(|_| Sim::open(&name).unwrap()).collect();
        assert_eq!(Segment::participants(&sim).unwrap().len(), 4);
        Segment::recover(&sim);
        let lanes = Segment::attachment(&sim).lanes();
        let owned = lanes.iter().filter(|lane| lane.owner.load(Relaxed) != 0);
        assert_eq!(
            owned.count(),
            1 + others.len(),
            "one lane each, and none of the dead"
        );
    }
    let line = Line {
        instructions,
        kill_points: changes.len() as u64,
        images: changes.len() as u64,
        survivors: 3 * changes.len() as u64,
        ..Line::of("open and drop")
    };
    line.since(began).append(SUITE);
}

#[test]
fn stopped_while_leaving_last() {
    let before = || Cleanup(unique("stopped"));
    let _alone = alone();
    let mut seen_closing = false;
    for calls in 1.. {
        let name = before();
        let child = Traced::start(|| drop(Sim::create(&name.0).unwrap()));
        if !(0..calls).all(|_| child.step()) {
            break;
        }
        // Stopped where it is. Whoever comes gets an answer in bounded time.
        match Sim::open(&name.0) {
            Err(OpenError::NotFound { .. }) => {}
            Err(OpenError::Closing { .. }) if !seen_closing => seen_closing = true,
            Ok(sim) => assert_eq!(Segment::participants(&sim).unwrap().len(), 2),
            Err(error) => panic!("{error}"),
        }
        child.kill();
        usable(&name.0);
        if seen_closing {
            return;
        }
    }
    panic!("no stop between lock and unlink was found");
}
