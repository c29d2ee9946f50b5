//! A count that is raised by processes that die, and waited for by others.

use super::child::Child;
use super::common::unique;
use super::{LONG, alone, panics};
use shm_runtime::sync::Signal;
use shm_runtime::{ShmLayout, Timeout};
use std::time::Duration;

#[derive(ShmLayout)]
#[shm(lanes = 16)]
struct Shared {
    asked: Signal,
    answered: Signal,
}

#[test]
fn what_was_raised_before_anybody_waits_is_not_missed() {
    let _alone = alone();
    let shared = Shared::create(&unique("signal-before")).unwrap();
    assert_eq!(shared.asked.count(), 0);
    assert_eq!(shared.asked.wait(0, Duration::ZERO), Err(Timeout));
    shared.asked.raise();
    shared.asked.raise();
    assert_eq!(shared.asked.wait(0, Duration::ZERO), Ok(2));
    assert_eq!(shared.asked.wait(2, Duration::from_millis(1)), Err(Timeout));
}

/// Each step is one raise and one wait of each side: one that is missed hangs.
#[test]
fn two_processes_take_turns() {
    let _alone = alone();
    let name = unique("signal-turns");
    let shared = Shared::create(&name).unwrap();
    let child = Child::fork(|| {
        let own = Shared::open(&name).unwrap();
        for turn in 0..2_000 {
            assert_eq!(own.asked.wait(turn, LONG), Ok(turn + 1));
            own.answered.raise();
        }
    });
    for turn in 0..2_000 {
        shared.asked.raise();
        assert_eq!(shared.answered.wait(turn, LONG), Ok(turn + 1));
    }
    child.join();
}

#[test]
fn p1_raisers_and_sleepers_that_are_killed_take_no_wake_up_with_them() {
    let _alone = alone();
    let name = unique("signal-killed");
    let shared = Shared::create(&name).unwrap();
    for round in 0..20 {
        let seen = shared.answered.count();
        let raisers: Vec<_> = (0..2)
            .map(|_| {
                Child::fork(|| {
                    let own = Shared::open(&name).unwrap();
                    loop {
                        own.asked.raise();
                    }
                })
            })
            .collect();
        let sleeper = |dies: bool| {
            Child::fork(|| {
                let own = Shared::open(&name).unwrap();
                own.answered.raise();
                let mut since = own.asked.count();
                for _ in 0..if dies { u64::MAX } else { 200 } {
                    since = own.asked.wait(since, LONG).unwrap();
                }
            })
        };
        let (doomed, other) = (sleeper(true), sleeper(false));
        let _ = shared.answered.wait(seen, LONG).unwrap();
        std::thread::sleep(Duration::from_millis(round % 3));
        assert!(doomed.kill());
        for raiser in raisers {
            assert!(raiser.kill());
        }
        // whoever is left needs no raise of the dead
        let raiser = Child::fork(|| {
            let own = Shared::open(&name).unwrap();
            loop {
                own.asked.raise();
                std::thread::yield_now();
            }
        });
        other.join();
        assert!(raiser.kill());
    }
}

#[test]
fn a_forked_child_raises_and_waits_through_the_handle_of_its_parent() {
    let _alone = alone();
    let shared = Shared::create(&unique("signal-fork")).unwrap();
    let child = Child::fork(|| {
        shared.asked.wait(0, LONG).unwrap();
        shared.answered.raise();
    });
    shared.asked.raise();
    assert_eq!(shared.answered.wait(0, LONG), Ok(1));
    child.join();
}

#[test]
fn nobody_counts_twice() {
    let _alone = alone();
    let name = unique("signal-count");
    let shared = Shared::create(&name).unwrap();
    let raise = || {
        let own = Shared::open(&name).unwrap();
        for _ in 0..5_000 {
            own.asked.raise();
        }
    };
    let children = [Child::fork(raise), Child::fork(raise), Child::fork(raise)];
    children.into_iter().for_each(Child::join);
    assert_eq!(shared.asked.count(), 15_000);
}

#[test]
fn a_read_only_attachment_looks_and_waits() {
    let _alone = alone();
    let name = unique("signal-reader");
    let shared = Shared::create(&name).unwrap();
    let reader = Child::fork(|| {
        let reader = Shared::options().read_only().open(&name).unwrap();
        assert!(panics(|| reader.asked.raise()));
        Shared::open(&name).unwrap().answered.raise();
        assert!(reader.asked.wait(0, LONG).is_ok());
    });
    shared.answered.wait(0, LONG).unwrap();
    shared.asked.raise();
    reader.join();
}
