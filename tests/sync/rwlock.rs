//! A lock whose readers and writers die, stop and fork.

use super::child::{Child, until_true};
use super::common::unique;
use super::{LONG, alone, panics};
use shm_runtime::sync::{LockWaitError, RwLock, TryLockError};
use shm_runtime::{Array, ShmLayout};
use std::time::Duration;

#[derive(ShmLayout)]
#[shm(lanes = 8)]
struct Shared {
    lock: RwLock<[u64; 3]>,
    step: Array<u64, 1>,
}

/// A child that reads, or writes, and holds on.
fn holder(shared: &Shared, name: &str, writes: bool) -> Child {
    shared.step.set(0, 0);
    let child = Child::fork(|| {
        let own = Shared::open(name).unwrap();
        let read = (!writes).then(|| own.lock.read().unwrap());
        let mut write = writes.then(|| own.lock.write().unwrap());
        if let Some(write) = &mut write {
            write.set([9; 3]);
        }
        own.step.set(0, 1);
        std::thread::sleep(LONG);
        drop((read, write));
    });
    until_true("the child has the lock", || shared.step.get(0) == 1);
    child
}

#[test]
fn many_read_and_one_writes() {
    let _alone = alone();
    let name = unique("rwlock-many");
    let shared = Shared::create(&name).unwrap();
    shared.lock.write().unwrap().set([1; 3]);
    let other = Shared::open(&name).unwrap();
    let reads = [shared.lock.read(), shared.lock.read(), other.lock.read()];
    assert!(
        reads
            .iter()
            .all(|read| read.as_ref().unwrap().get() == [1; 3])
    );
    assert_eq!(shared.lock.readers(), 3);
    let refused = other.lock.try_write().unwrap_err();
    assert!(matches!(refused, TryLockError::WouldBlock));
    let refused = other.lock.write_wait(Duration::from_millis(1));
    assert!(matches!(refused.unwrap_err(), LockWaitError::Timeout));
    assert!(shared.lock.try_read().is_ok(), "nobody waits any more");
    drop(reads);
    let mut write = other.lock.try_write().unwrap();
    write.update(|value| value[0] = 5);
    assert!(matches!(
        shared.lock.try_read().unwrap_err(),
        TryLockError::WouldBlock
    ));
    assert!(matches!(
        shared.lock.try_write().unwrap_err(),
        TryLockError::WouldBlock
    ));
    assert!(shared.lock.read_wait(Duration::from_millis(1)).is_err());
    drop(write);
    assert_eq!(shared.lock.read().unwrap().get(), [5, 1, 1]);
    assert_eq!(shared.lock.readers(), 0);
}

#[test]
fn p1_a_killed_reader_holds_no_writer_up_and_is_not_told() {
    let _alone = alone();
    let name = unique("rwlock-reader");
    let shared = Shared::create(&name).unwrap();
    for _ in 0..5 {
        let child = holder(&shared, &name, false);
        assert!(shared.lock.try_write().is_err());
        let writer = Child::fork(|| {
            let own = Shared::open(&name).unwrap();
            own.lock.write().unwrap().set([3; 3]);
        });
        std::thread::sleep(Duration::from_millis(2));
        assert!(child.kill());
        writer.join();
        assert_eq!(shared.lock.try_read().unwrap().get(), [3; 3]);
        let child = holder(&shared, &name, false);
        assert!(child.kill());
        assert_eq!(shared.lock.readers(), 1, "nobody needed to know");
        drop(shared.lock.write_wait(Duration::ZERO).unwrap());
        assert_eq!(shared.lock.readers(), 0);
    }
}

#[test]
fn p1_a_killed_writer_is_told_to_all_until_it_is_settled() {
    let _alone = alone();
    let name = unique("rwlock-writer");
    let shared = Shared::create(&name).unwrap();
    for _ in 0..5 {
        let child = holder(&shared, &name, true);
        assert!(matches!(
            shared.lock.try_read().unwrap_err(),
            TryLockError::WouldBlock
        ));
        let reader = Child::fork(|| {
            let own = Shared::open(&name).unwrap();
            let told = own.lock.read().unwrap_err();
            assert_eq!(told.get_ref().get(), [9; 3]);
        });
        std::thread::sleep(Duration::from_millis(2));
        assert!(child.kill());
        reader.join();
        assert!(matches!(
            shared.lock.try_read().unwrap_err(),
            TryLockError::OwnerDied(_)
        ));
        let mut write = shared.lock.write().unwrap_err().into_inner();
        write.mark_consistent();
        drop(write);
        assert!(shared.lock.read().is_ok());
    }
}

#[test]
fn nobody_reads_half_a_change() {
    let _alone = alone();
    let name = unique("rwlock-half");
    let shared = Shared::create(&name).unwrap();
    let write = || {
        let own = Shared::open(&name).unwrap();
        for _ in 0..2_000 {
            own.lock
                .write()
                .unwrap()
                .update(|value| value.iter_mut().for_each(|part| *part += 1));
        }
    };
    let read = || {
        let own = Shared::open(&name).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..2_000 {
                        let [a, b, c] = own.lock.read().unwrap().get();
                        assert!(a == b && b == c);
                    }
                });
            }
        });
    };
    let children = [Child::fork(write), Child::fork(read), Child::fork(write)];
    children.into_iter().for_each(Child::join);
    assert_eq!(shared.lock.read().unwrap().get(), [4_000; 3]);
    assert_eq!(shared.lock.readers(), 0);
}

#[test]
fn guards_of_the_parent_are_void_in_the_child() {
    let _alone = alone();
    let shared = Shared::create(&unique("rwlock-fork")).unwrap();
    let mut read = Some(shared.lock.read().unwrap());
    Child::fork(|| {
        let read = read.take().unwrap();
        assert_eq!(read.get(), [0; 3]);
        drop(read);
        assert!(shared.lock.try_write().is_err(), "the parent reads");
        core::mem::forget(shared.lock.read());
    })
    .join();
    assert_eq!(shared.lock.readers(), 2);
    drop(read);
    drop(shared.lock.write().unwrap());
    assert_eq!(shared.lock.readers(), 0);
}

#[test]
fn a_read_only_attachment_cannot_be_counted() {
    let _alone = alone();
    let name = unique("rwlock-read-only");
    let shared = Shared::create(&name).unwrap();
    let reader = Shared::options().read_only().open(&name).unwrap();
    let _read = shared.lock.read();
    assert_eq!(reader.lock.readers(), 1);
    assert!(panics(|| drop(reader.lock.read())));
    assert!(panics(|| drop(reader.lock.try_read())));
    assert!(panics(|| drop(reader.lock.write())));
}
