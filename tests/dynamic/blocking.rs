//! Blocking primitives: one side typed, the other not.

use shm_runtime::dynamic::Segment;
use shm_runtime::prelude::*;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

#[derive(Debug, ShmLayout)]
#[shm(lanes = 4)]
struct Office {
    bank: sync::Mutex<[i64; 2]>,
    seats: sync::Semaphore<2>,
    ready: sync::Once,
    bell: sync::Signal,
    gate: sync::Barrier<2>,
    limits: sync::RwLock<f32>,
}

#[test]
fn a_lock_is_one_for_both() {
    let name = super::unique("dyn-mutex");
    let (typed, segment) = (
        Office::create(&name).unwrap(),
        Segment::open(&name).unwrap(),
    );
    let bank = segment.mutex("bank").unwrap();
    let mut guard = bank.try_lock().unwrap();
    guard.write(&[1; 16]);
    assert!(!guard.is_doubtful() && typed.bank.try_lock().is_err());
    assert!(bank.lock_wait(Duration::ZERO).is_err());
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| typed.bank.lock_wait(LONG).expect("nobody died").get());
        drop(guard);
        assert_eq!(waiter.join().unwrap(), [i64::from_le_bytes([1; 8]); 2]);
    });
    typed.bank.lock().unwrap().set([3, 4]);
    let mut out = [0; 16];
    bank.lock_wait(LONG).unwrap().read_into(&mut out);
    assert_eq!(bytemuck::pod_read_unaligned::<[i64; 2]>(&out), [3, 4]);
}

#[test]
fn a_panic_with_the_lock_is_told_to_both() {
    let name = super::unique("dyn-doubt");
    let (typed, segment) = (
        Office::create(&name).unwrap(),
        Segment::open(&name).unwrap(),
    );
    let bank = segment.mutex("bank").unwrap();
    super::lists::panic_of(|| {
        let _guard = bank.try_lock().unwrap();
        panic!("in the middle");
    });
    assert!(typed.bank.lock().is_err());
    let mut guard = bank.try_lock().unwrap();
    assert!(guard.is_doubtful());
    guard.mark_consistent();
    drop(guard);
    assert!(typed.bank.lock().is_ok());
}

#[test]
fn permits_and_signals_are_the_same_for_both() {
    let name = super::unique("dyn-permits");
    let (typed, segment) = (
        Office::create(&name).unwrap(),
        Segment::open(&name).unwrap(),
    );
    let seats = segment.semaphore("seats").unwrap();
    assert_eq!((seats.permits(), seats.available()), (2, 2));
    let (here, there) = (
        typed.seats.try_acquire().unwrap(),
        seats.try_acquire().unwrap(),
    );
    assert!(seats.try_acquire().is_none() && seats.acquire_wait(Duration::ZERO).is_err());
    drop(here);
    let again = seats.acquire_wait(LONG).unwrap();
    assert_eq!((typed.seats.available(), seats.available()), (0, 0));
    drop((there, again));
    assert_eq!(typed.seats.available(), 2);

    let ready = segment.once("ready").unwrap();
    assert!(!ready.is_completed());
    typed.ready.call_once(|_| ());
    assert!(ready.is_completed());
    segment.signal("bell").unwrap().raise();
    assert_eq!(typed.bell.count(), 1);
}

#[test]
fn many_read_or_one_writes_whichever_handle_they_have() {
    let name = super::unique("dyn-rwlock");
    let (typed, segment) = (
        Office::create(&name).unwrap(),
        Segment::open(&name).unwrap(),
    );
    let limits = segment.rwlock("limits").unwrap();
    let mut write = limits.write_wait(LONG).unwrap();
    write.write(&1.5_f32.to_le_bytes());
    assert!(typed.limits.try_read().is_err() && typed.limits.try_write().is_err());
    assert!(limits.try_read().is_none() && limits.read_wait(Duration::ZERO).is_err());
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| typed.limits.read_wait(LONG).expect("nobody died").get());
        drop(write);
        assert_eq!(waiter.join().unwrap(), 1.5);
    });
    let (here, there) = (typed.limits.read().unwrap(), limits.try_read().unwrap());
    let mut out = [0; 4];
    there.read_into(&mut out);
    assert_eq!((f32::from_le_bytes(out), here.get()), (1.5, 1.5));
    assert_eq!((typed.limits.readers(), limits.readers()), (2, 2));
    drop(here);
    assert!(limits.try_write().is_none() && typed.limits.try_write().is_err());
    assert!(limits.write_wait(Duration::ZERO).is_err());
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| limits.write_wait(LONG).map(drop));
        drop(there);
        waiter.join().unwrap().unwrap();
    });
    typed.limits.write().unwrap().set(2.5);
    limits.try_write().unwrap().read_into(&mut out);
    assert_eq!(f32::from_le_bytes(out), 2.5);
}

#[test]
fn a_writer_that_panics_is_told_to_readers_of_both() {
    let name = super::unique("dyn-rwlock-doubt");
    let (typed, segment) = (
        Office::create(&name).unwrap(),
        Segment::open(&name).unwrap(),
    );
    let limits = segment.rwlock("limits").unwrap();
    super::lists::panic_of(|| {
        let _guard = limits.try_write().unwrap();
        panic!("in the middle");
    });
    assert!(typed.limits.read().is_err() && limits.try_read().unwrap().is_doubtful());
    let mut guard = limits.try_write().unwrap();
    assert!(guard.is_doubtful());
    guard.mark_consistent();
    drop(guard);
    assert!(typed.limits.read().is_ok() && !limits.try_read().unwrap().is_doubtful());
}

#[test]
fn parties_with_either_handle_go_on_together() {
    let name = super::unique("dyn-barrier");
    let (typed, segment) = (
        Office::create(&name).unwrap(),
        Segment::open(&name).unwrap(),
    );
    let gate = segment.barrier("gate").unwrap();
    assert_eq!(gate.parties(), 2);
    assert!(gate.wait(Duration::ZERO).is_err() && typed.gate.wait(Duration::ZERO).is_err());
    let leaders = std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            let rounds = (0..50).map(|_| typed.gate.wait(LONG).unwrap().is_leader());
            rounds.filter(|&leads| leads).count()
        });
        let rounds = (0..50).map(|_| gate.wait(LONG).unwrap().is_leader());
        let led = rounds.filter(|&leads| leads).count();
        led + other.join().unwrap()
    });
    assert_eq!(leaders, 50, "one for each round");
}

#[test]
fn a_run_that_is_dropped_goes_to_the_next_who_learns_of_it() {
    let name = super::unique("dyn-once");
    let (typed, segment) = (
        Office::create(&name).unwrap(),
        Segment::open(&name).unwrap(),
    );
    let ready = segment.once("ready").unwrap();
    let run = ready.begin_wait(LONG).unwrap().unwrap();
    assert!(!run.state().is_interrupted());
    assert!(typed.ready.begin_wait(Duration::ZERO).is_err(), "it runs");
    drop(run);
    assert!(!typed.ready.is_completed());
    let run = typed.ready.begin_wait(LONG).unwrap().unwrap();
    assert!(run.state().is_interrupted());
    run.complete();
    assert!(ready.is_completed() && ready.begin_wait(LONG).unwrap().is_none());
}
