//! A process is killed at every system call of birth, opening and leaving. Promise P5.
//!
//! What others can see changes at system calls only (but for a slot's generation, which is bumped between
//! two of them), so every state that a kill can leave is one of these.

#![allow(unsafe_code)] // fork, ptrace, in `common::traced`

mod common;
#[path = "common/traced.rs"]
mod traced;

use common::{Cleanup, exists, unique};
use shm_runtime::{Array, OpenError, Segment, ShmLayout, prune};
use traced::{Traced, alone, at_every_call};

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
    at_every_call(before, body, |name| usable(&name.0));
}

#[test]
fn killed_while_replacing_a_leftover() {
    let before = || {
        let name = Cleanup(unique("replace"));
        leave_behind(&name.0);
        name
    };
    let body = |name: &Cleanup| std::mem::forget(Sim::open_or_create(&name.0).unwrap());
    at_every_call(before, body, |name| usable(&name.0));
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
    at_every_call(before, |_| drop(prune().unwrap()), |name| usable(&name.0));
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
    at_every_call(before, body, after);
}

#[test]
fn killed_while_leaving_last() {
    let before = || Cleanup(unique("last"));
    let body = |name: &Cleanup| drop(Sim::create(&name.0).unwrap());
    at_every_call(before, body, |name| usable(&name.0));
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

/// Who comes while the last one leaves gets the segment and keeps its name, or does not get it.
#[test]
fn opened_while_the_last_one_leaves() {
    let _alone = alone();
    let (mut kept, mut refused) = (0, 0);
    for calls in 1.. {
        let name = Cleanup(unique("comes"));
        let child = Traced::start(|| drop(Sim::create(&name.0).unwrap()));
        if !(0..calls).all(|_| child.step()) {
            break;
        }
        let opened = Sim::open(&name.0);
        while child.step() {}
        match opened {
            Ok(sim) => {
                assert!(Segment::is_current(&sim), "the name is gone");
                kept += 1;
            }
            Err(_) => refused += 1,
        }
        assert!(!exists(&name.0), "the last one out removes the name");
    }
    assert!(kept > 0 && refused > 0, "{kept} kept, {refused} refused");
}
