//! A mutex whose owners die, stop, fork and panic.

use super::child::{Child, until_true};
use super::common::unique;
use super::{LONG, alone, panics};
use shm_runtime::sync::{LockWaitError, Mutex, TryLockError};
use shm_runtime::{Array, ShmLayout};
use std::time::Duration;

#[derive(ShmLayout)]
#[shm(lanes = 8)]
struct Shared {
    mutex: Mutex<[u64; 3]>,
    step: Array<u64, 1>,
}

/// A child that locks, begins to change the value, and holds on.
fn holder(shared: &Shared, name: &str, round: u64) -> Child {
    let child = Child::fork(|| {
        let own = Shared::open(name).unwrap();
        let mut guard = own.mutex.lock().unwrap();
        guard.set([round; 3]);
        own.step.set(0, round);
        std::thread::sleep(LONG);
    });
    until_true("the child has the lock", || shared.step.get(0) == round);
    child
}

#[test]
fn p1_a_killed_owner_is_an_answer_and_no_hang() {
    let _alone = alone();
    let name = unique("mutex-killed");
    let shared = Shared::create(&name).unwrap();
    for round in 1..10 {
        let child = holder(&shared, &name, round);
        let refused = shared.mutex.try_lock().unwrap_err();
        assert!(matches!(refused, TryLockError::WouldBlock), "{refused}");
        assert!(child.kill());
        if round % 2 == 0 {
            // nobody settles it: the next is told again; and without time to wait, too
            let told = shared.mutex.lock_wait(Duration::ZERO).unwrap_err();
            assert_eq!(told.into_inner().unwrap().get(), [round; 3]);
            let told = shared.mutex.try_lock().unwrap_err();
            assert_eq!(told.into_inner().unwrap().get(), [round; 3]);
        }
        let mut guard = shared.mutex.lock().unwrap_err().into_inner();
        assert_eq!(guard.get(), [round; 3]);
        guard.set([0; 3]);
        guard.mark_consistent();
        drop(guard);
        assert_eq!(shared.mutex.lock().unwrap().get(), [0; 3]);
    }
}

#[test]
fn who_waits_gets_the_lock_of_one_who_unlocks_or_dies() {
    let _alone = alone();
    let name = unique("mutex-wait");
    let shared = Shared::create(&name).unwrap();
    for round in 1..10 {
        let owner = holder(&shared, &name, round);
        let sleepers: Vec<_> = (0..2)
            .map(|_| {
                Child::fork(|| {
                    let own = Shared::open(&name).unwrap();
                    let told = own.mutex.lock_wait(LONG);
                    let died = matches!(told, Err(LockWaitError::OwnerDied(_)));
                    assert!(died, "both are told: nobody settles it");
                })
            })
            .collect();
        if round % 2 == 0 {
            std::thread::sleep(Duration::from_millis(2));
        }
        assert!(owner.kill());
        sleepers.into_iter().for_each(Child::join);
        let mut guard = shared.mutex.lock().unwrap_err().into_inner();
        guard.mark_consistent();
        // and now one that is let go by the living
        let sleeper = Child::fork(|| {
            let own = Shared::open(&name).unwrap();
            drop(own.mutex.lock().unwrap());
        });
        drop(guard);
        sleeper.join();
    }
}

#[test]
fn a_sleeper_that_is_killed_keeps_nobody_from_the_lock() {
    let _alone = alone();
    let name = unique("mutex-sleeper");
    let shared = Shared::create(&name).unwrap();
    let guard = shared.mutex.lock().unwrap();
    let sleeper = || {
        Child::fork(|| {
            let own = Shared::open(&name).unwrap();
            drop(own.mutex.lock().unwrap());
        })
    };
    let (doomed, other) = (sleeper(), sleeper());
    std::thread::sleep(Duration::from_millis(20));
    assert!(doomed.kill());
    drop(guard);
    other.join();
}

#[test]
fn a_stopped_owner_holds_up_until_it_goes_on() {
    let _alone = alone();
    let name = unique("mutex-stopped");
    let shared = Shared::create(&name).unwrap();
    let mut owner = Child::fork(|| {
        let own = Shared::open(&name).unwrap();
        while own.step.get(0) == 0 {
            let mut guard = own.mutex.lock().unwrap();
            guard.update(|[a, b, c]| [a, b, c].map(|part| *part += 1));
        }
    });
    for _ in 0..50 {
        owner.stop();
        match shared.mutex.lock_wait(Duration::from_millis(1)) {
            Ok(guard) => {
                let [a, b, c] = guard.get();
                assert!(a == b && b == c, "it was stopped outside");
            }
            Err(LockWaitError::Timeout) => {}
            Err(LockWaitError::OwnerDied(_)) => panic!("it lives"),
        }
        owner.go_on();
        drop(shared.mutex.lock().unwrap());
    }
    shared.step.set(0, 1);
    owner.join();
}

#[test]
fn nobody_loses_an_update_under_the_lock() {
    let _alone = alone();
    let name = unique("mutex-many");
    let shared = Shared::create(&name).unwrap();
    let count = || {
        let own = Shared::open(&name).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..2_000 {
                        let mut guard = own.mutex.lock().unwrap();
                        guard.update(|value| value.iter_mut().for_each(|part| *part += 1));
                    }
                });
            }
        });
    };
    let children = [Child::fork(count), Child::fork(count)];
    children.into_iter().for_each(Child::join);
    assert_eq!(shared.mutex.lock().unwrap().get(), [8_000; 3]);
}

#[test]
fn the_guard_of_the_parent_is_void_in_the_child() {
    let _alone = alone();
    let name = unique("mutex-fork");
    let shared = Shared::create(&name).unwrap();
    let mut guard = Some(shared.mutex.lock().unwrap());
    guard.as_mut().unwrap().set([7; 3]);
    Child::fork(|| {
        let mut guard = guard.take().unwrap();
        guard.set([66; 3]);
        assert_eq!(guard.get(), [0; 3]);
        drop(guard);
        let refused = shared.mutex.lock_wait(Duration::ZERO).unwrap_err();
        assert!(
            matches!(refused, LockWaitError::Timeout),
            "the parent has it"
        );
    })
    .join();
    assert_eq!(guard.as_ref().unwrap().get(), [7; 3]);
    drop(guard);
    Child::fork(|| core::mem::forget(shared.mutex.lock().unwrap())).join();
    assert!(shared.mutex.lock().is_err(), "it left without unlocking");
}

#[test]
fn a_panic_with_the_lock_is_told_like_a_death() {
    let _alone = alone();
    let shared = Shared::create(&unique("mutex-panic")).unwrap();
    assert!(panics(|| {
        let _guard = shared.mutex.lock().unwrap();
        panic!("in the middle of a change");
    }));
    let mut guard = shared.mutex.lock().unwrap_err().into_inner();
    guard.mark_consistent();
    drop(guard);
    assert!(shared.mutex.lock().is_ok());
}

#[test]
fn locking_twice_is_refused_where_it_does_not_wait() {
    let _alone = alone();
    let shared = Shared::create(&unique("mutex-twice")).unwrap();
    let guard = shared.mutex.lock().unwrap();
    let refused = shared.mutex.try_lock().unwrap_err();
    assert!(matches!(refused, TryLockError::WouldBlock));
    let refused = shared.mutex.lock_wait(Duration::from_millis(1));
    assert_eq!(refused.unwrap_err().to_string(), "timed out");
    drop(guard);
    assert!(shared.mutex.try_lock().is_ok());
}

#[test]
fn a_read_only_attachment_cannot_lock() {
    let _alone = alone();
    let name = unique("mutex-reader");
    let _shared = Shared::create(&name).unwrap();
    let reader = Shared::options().read_only().open(&name).unwrap();
    assert!(panics(|| drop(reader.mutex.lock())));
    assert!(panics(|| drop(reader.mutex.try_lock())));
    assert!(panics(|| drop(reader.mutex.lock_wait(LONG))));
}
