//! What is done once, by runners that die, panic, and wait for each other.

use super::child::{Child, until_true};
use super::common::unique;
use super::{LONG, alone, panics};
use shm_runtime::sync::Once;
use shm_runtime::{Atomic, ShmLayout, Timeout};
use std::time::Duration;

#[derive(ShmLayout)]
#[shm(lanes = 8)]
struct Shared {
    once: Once,
    runs: Atomic<u64>,
    over: Atomic<u64>,
}

#[test]
fn it_is_done_once_and_everybody_waits_for_that() {
    let _alone = alone();
    let name = unique("once-many");
    let shared = Shared::create(&name).unwrap();
    assert!(!shared.once.is_completed());
    let caller = || {
        Child::fork(|| {
            let own = Shared::open(&name).unwrap();
            own.once.call_once(|state| {
                assert!(!state.is_interrupted());
                own.runs.fetch_add(1);
                std::thread::sleep(Duration::from_millis(5));
                own.over.store(1);
            });
            assert_eq!(own.over.load(), 1, "it returns behind the run");
        })
    };
    let callers: Vec<_> = (0..4).map(|_| caller()).collect();
    callers.into_iter().for_each(Child::join);
    assert!(shared.once.is_completed());
    assert_eq!(shared.runs.load(), 1);
    shared.once.call_once(|_| panic!("again"));
    let reader = Shared::options().read_only().open(&name).unwrap();
    assert!(reader.once.is_completed());
    reader.once.call_once(|_| panic!("again"));
}

#[test]
fn p1_the_run_of_a_killed_process_goes_to_the_next_who_is_told() {
    let _alone = alone();
    for round in 0..6 {
        let name = unique("once-killed");
        let shared = Shared::create(&name).unwrap();
        let runner = Child::fork(|| {
            let own = Shared::open(&name).unwrap();
            own.once.call_once(|_| {
                own.runs.store(1);
                std::thread::sleep(LONG);
            });
        });
        until_true("it runs", || shared.runs.load() == 1);
        let waited = shared
            .once
            .call_once_wait(Duration::from_millis(1), |_| panic!("two run"));
        assert_eq!(waited, Err(Timeout));
        let next = Child::fork(|| {
            let own = Shared::open(&name).unwrap();
            own.once.call_once(|state| {
                assert!(state.is_interrupted());
                own.runs.store(2);
            });
        });
        std::thread::sleep(Duration::from_millis(round % 3));
        assert!(runner.kill());
        next.join();
        assert!(shared.once.is_completed());
        assert_eq!(shared.runs.load(), 2);
    }
}

#[test]
fn a_panic_hands_the_run_on() {
    let _alone = alone();
    let shared = Shared::create(&unique("once-panic")).unwrap();
    assert!(panics(|| shared.once.call_once(|_| panic!("in the run"))));
    assert!(!shared.once.is_completed());
    shared
        .once
        .call_once(|state| assert!(state.is_interrupted()));
    assert!(shared.once.is_completed());
}

#[test]
fn a_read_only_attachment_cannot_run() {
    let _alone = alone();
    let name = unique("once-reader");
    let _shared = Shared::create(&name).unwrap();
    let reader = Shared::options().read_only().open(&name).unwrap();
    assert!(panics(|| reader.once.call_once(|_| ())));
}
