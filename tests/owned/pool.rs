//! Objects whose holders are killed, forked, or never give them back.

use super::child::{Child, until_true};
use super::common::unique;
use super::{LONG, alone};
use shm_runtime::{Array, Handle, Pool, Queue, Segment, ShmLayout, Timeout};
use std::time::Duration;

#[derive(ShmLayout)]
#[shm(lanes = 8)]
struct Objects {
    pool: Pool<[u64; 4], 4>,
    sent: Queue<Handle, 8>,
    step: Array<u64, 1>,
}

#[test]
fn p3_objects_of_a_killed_process_come_back() {
    let _alone = alone();
    let name = unique("pool-killed");
    let objects = Objects::create(&name).unwrap();
    for round in 1..20 {
        let child = Child::fork(|| {
            let objects = Objects::open(&name).unwrap();
            let mut first = objects.pool.acquire().unwrap();
            first.write([round; 4]);
            let kept = objects.pool.acquire().unwrap().keep();
            objects.sent.push(first.handle()).unwrap();
            objects.sent.push(kept).unwrap();
            objects.step.set(0, round);
            std::thread::sleep(LONG);
        });
        until_true("the child has two", || objects.step.get(0) == round);
        assert_eq!(objects.pool.leased(), 2);
        let first = objects.sent.pop().unwrap();
        let kept = objects.sent.pop().unwrap();
        assert!(!objects.pool.release(kept), "it is the child's");
        assert!(child.kill());
        assert_eq!(
            objects.pool.get(first),
            Some([round; 4]),
            "nobody needed it yet"
        );
        let all: Vec<_> = (0..4).map(|_| objects.pool.acquire().unwrap()).collect();
        assert!(objects.pool.acquire().is_none());
        assert_eq!(objects.pool.get(first), None);
        assert_eq!(objects.pool.get(kept), None);
        drop(all);
        assert_eq!(objects.pool.leased(), 0);
    }
}

#[test]
fn p3_what_was_kept_comes_back_when_its_attachment_leaves() {
    let _alone = alone();
    let name = unique("pool-left");
    let objects = Objects::create(&name).unwrap();
    let other = Objects::open(&name).unwrap();
    let kept = other.pool.acquire().unwrap().keep();
    let forgotten = other.pool.acquire().unwrap();
    core::mem::forget(forgotten);
    assert_eq!(objects.pool.recover(), 0, "its holder lives");
    drop(other);
    assert_eq!(objects.pool.recover(), 2);
    assert_eq!(objects.pool.get(kept), None);
}

#[test]
fn who_waits_gets_what_is_given_back_or_left_by_the_dead() {
    let _alone = alone();
    let name = unique("pool-wait");
    let objects = Objects::create(&name).unwrap();
    for round in 1..20_u64 {
        let mut held: Vec<_> = (0..3).map(|_| objects.pool.acquire().unwrap()).collect();
        let holder = Child::fork(|| {
            let objects = Objects::open(&name).unwrap();
            let _held = objects.pool.acquire().unwrap();
            objects.step.set(0, round);
            std::thread::sleep(LONG);
        });
        until_true("all are leased", || objects.step.get(0) == round);
        assert_eq!(
            objects.pool.acquire_wait(Duration::ZERO).unwrap_err(),
            Timeout
        );
        let sleepers: Vec<_> = (0..2)
            .map(|_| {
                Child::fork(|| {
                    let objects = Objects::open(&name).unwrap();
                    drop(objects.pool.acquire_wait(LONG).unwrap());
                })
            })
            .collect();
        if round.is_multiple_of(2) {
            std::thread::sleep(Duration::from_millis(2));
        }
        if round.is_multiple_of(3) {
            held.pop();
        } else {
            assert!(holder.kill());
        }
        sleepers.into_iter().for_each(Child::join);
    }
}

#[test]
fn a_sleeper_that_is_killed_keeps_nobody_asleep() {
    let _alone = alone();
    let name = unique("pool-sleeper");
    let objects = Objects::create(&name).unwrap();
    let held: Vec<_> = (0..4).map(|_| objects.pool.acquire().unwrap()).collect();
    let sleeper = || {
        Child::fork(|| {
            let objects = Objects::open(&name).unwrap();
            drop(objects.pool.acquire_wait(LONG).unwrap());
        })
    };
    let (doomed, other) = (sleeper(), sleeper());
    std::thread::sleep(Duration::from_millis(20));
    assert!(doomed.kill());
    drop(held);
    other.join();
}

#[test]
fn leases_of_the_parent_are_void_in_the_child() {
    let _alone = alone();
    let name = unique("pool-fork");
    let objects = Objects::create(&name).unwrap();
    let mut lease = Some(objects.pool.acquire().unwrap());
    lease.as_mut().unwrap().write([7; 4]);
    let kept = objects.pool.acquire().unwrap().keep();
    let child = Child::fork(|| {
        let mut lease = lease.take().unwrap();
        let handle = lease.handle();
        lease.write([66; 4]);
        assert_eq!(lease.get(), [0; 4]);
        drop(lease);
        assert_eq!(objects.pool.get(handle), Some([7; 4]), "the parent has it");
        assert!(!objects.pool.release(kept));
        let own: Vec<_> = (0..2).map(|_| objects.pool.acquire().unwrap()).collect();
        assert!(objects.pool.acquire().is_none());
        assert!(own.iter().all(|own| own.handle() != handle));
        core::mem::forget(own);
    });
    child.join();
    assert_eq!(lease.as_ref().unwrap().get(), [7; 4]);
    assert_eq!(objects.pool.recover(), 2, "what the child had");
    assert!(objects.pool.release(kept));
    assert!(!objects.pool.release(kept), "once");
    lease.unwrap().release();
    assert_eq!(objects.pool.leased(), 0);
}

#[test]
fn a_guard_whose_lease_was_given_back_is_void() {
    let _alone = alone();
    let name = unique("pool-void");
    let objects = Objects::create(&name).unwrap();
    let mut lease = objects.pool.acquire().unwrap();
    lease.write([1; 4]);
    assert!(objects.pool.release(lease.handle()));
    let mut next = objects.pool.acquire().unwrap();
    assert_eq!(
        next.handle().index(),
        lease.handle().index(),
        "last freed first"
    );
    assert_eq!(next.get(), [1; 4], "what the holder before left");
    next.update(|object| object[0] = 9);
    lease.write([66; 4]);
    assert_eq!(lease.get(), [0; 4]);
    drop(lease);
    assert_eq!(next.get(), [9, 1, 1, 1]);
}

#[test]
fn readers_need_no_more_than_a_read_only_attachment() {
    let _alone = alone();
    let name = unique("pool-reader");
    let objects = Objects::create(&name).unwrap();
    let reader = Objects::options().read_only().open(&name).unwrap();
    let mut lease = objects.pool.acquire().unwrap();
    lease.write([3; 4]);
    assert_eq!(reader.pool.get(lease.handle()), Some([3; 4]));
    assert_eq!(reader.pool.leased(), 1);
    assert_eq!(reader.pool.get(Handle::default()), None);
    assert_eq!(reader.pool.get(Handle::from_bits(u64::MAX)), None);
    let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        drop(reader.pool.acquire());
    }));
    assert!(refused.is_err(), "it would write");
    let kind = Segment::table(&objects).unwrap();
    assert!(kind.iter().any(|entry| entry.name == "pool"));
}
