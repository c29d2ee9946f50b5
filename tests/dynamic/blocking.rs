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
fn what_has_no_handle_here_is_listed_all_the_same() {
    let name = super::unique("dyn-gate");
    let _typed = Office::create(&name).unwrap();
    let segment = Segment::open(&name).unwrap();
    let gate = segment.field("gate").unwrap();
    assert_eq!(
        (gate.kind().name(), gate.capacity(), gate.size()),
        ("Barrier", 2, 80)
    );
    assert_eq!(segment.field("limits").unwrap().capacity(), 1);
}
