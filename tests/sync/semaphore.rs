//! Permits whose holders die, fork, or forget them.

use super::child::{Child, until_true};
use super::common::unique;
use super::{LONG, alone, panics};
use shm_runtime::sync::Semaphore;
use shm_runtime::{Array, ShmLayout, Timeout};
use std::time::Duration;

#[derive(ShmLayout)]
#[shm(lanes = 8)]
struct Shared {
    permits: Semaphore<3>,
    step: Array<u64, 1>,
}

/// A child that has two permits, and holds on.
fn holder(shared: &Shared, name: &str, round: u64) -> Child {
    let child = Child::fork(|| {
        let own = Shared::open(name).unwrap();
        let _first = own.permits.acquire();
        core::mem::forget(own.permits.try_acquire().unwrap());
        own.step.set(0, round);
        std::thread::sleep(LONG);
    });
    until_true("the child has two", || shared.step.get(0) == round);
    child
}

#[test]
fn p3_permits_of_a_killed_process_come_back() {
    let _alone = alone();
    let name = unique("semaphore-killed");
    let shared = Shared::create(&name).unwrap();
    for round in 1..10 {
        let child = holder(&shared, &name, round);
        assert_eq!(shared.permits.available(), 1);
        let third = shared.permits.try_acquire().unwrap();
        assert!(shared.permits.try_acquire().is_none());
        let waited = shared.permits.acquire_wait(Duration::from_millis(1));
        assert_eq!(waited.unwrap_err(), Timeout);
        let sleeper = Child::fork(|| {
            let own = Shared::open(&name).unwrap();
            own.permits.acquire().release();
        });
        assert!(child.kill());
        sleeper.join();
        drop(third);
        let all: Vec<_> = (0..3)
            .map(|_| shared.permits.acquire_wait(Duration::ZERO))
            .collect();
        assert!(all.iter().all(Result::is_ok));
        assert!(shared.permits.try_acquire().is_none());
        drop(all);
        assert_eq!(shared.permits.available(), 3);
    }
}

#[test]
fn who_waits_gets_what_is_given_back() {
    let _alone = alone();
    let name = unique("semaphore-wait");
    let shared = Shared::create(&name).unwrap();
    let held: Vec<_> = (0..3).map(|_| shared.permits.acquire()).collect();
    let sleeper = || {
        Child::fork(|| {
            let own = Shared::open(&name).unwrap();
            drop(own.permits.acquire_wait(LONG).unwrap());
        })
    };
    let (doomed, others) = (sleeper(), [sleeper(), sleeper()]);
    std::thread::sleep(Duration::from_millis(20));
    assert!(doomed.kill());
    drop(held);
    others.into_iter().for_each(Child::join);
    assert_eq!(shared.permits.available(), 3);
}

#[test]
fn permits_of_the_parent_are_void_in_the_child() {
    let _alone = alone();
    let shared = Shared::create(&unique("semaphore-fork")).unwrap();
    let mut permit = Some(shared.permits.acquire());
    Child::fork(|| {
        drop(permit.take());
        assert_eq!(shared.permits.available(), 2, "the parent has it");
    })
    .join();
    drop(permit);
    assert_eq!(shared.permits.available(), 3);
}

#[test]
fn a_read_only_attachment_takes_none() {
    let _alone = alone();
    let name = unique("semaphore-reader");
    let shared = Shared::create(&name).unwrap();
    let reader = Shared::options().read_only().open(&name).unwrap();
    let _permit = shared.permits.acquire();
    assert_eq!(reader.permits.available(), 2);
    assert_eq!(reader.permits.permits(), 3);
    assert!(panics(|| drop(reader.permits.acquire())));
    assert!(panics(|| drop(reader.permits.try_acquire())));
}
