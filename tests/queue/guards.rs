//! Loans and taken elements, and what happens where lanes run out.

use super::child::{Child, until_true};
use super::common::{Random, unique};
use super::{Item, alone, assert_capacity_is_back, assert_lanes_are_back};
use shm_runtime::{Array, NoLane, Queue, Segment, ShmLayout};
use std::collections::HashSet;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

#[derive(ShmLayout)]
#[shm(lanes = 4)]
struct Few {
    queue: Queue<Item, 16>,
    flag: Array<u32, 1>,
}

#[derive(ShmLayout)]
#[shm(lanes = 1)]
struct One {
    queue: Queue<Item, 16>,
}

/// Words of a large element.
const WORDS: usize = 1 << 16;

#[derive(ShmLayout)]
#[shm(lanes = 1)]
struct Shared {
    queue: Queue<[u64; WORDS], 2>,
}

fn item(number: u64) -> Item {
    Item::new(1, number)
}

#[test]
fn p3_a_taken_element_that_is_dropped_comes_back_first() {
    let _alone = alone();
    let few = Few::create(&unique("back")).unwrap();
    for number in 0..3 {
        few.queue.push(item(number)).unwrap();
    }
    let taken = few.queue.take().unwrap().unwrap();
    assert_eq!(taken.get(), item(0));
    assert_eq!(few.queue.peek(), Some(item(1)));
    drop(taken);
    let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let taken = few.queue.take().unwrap().unwrap();
        assert_eq!(taken.get(), item(0), "it is redelivered");
        std::panic::resume_unwind(Box::new("while it is taken"));
    }));
    assert!(unwound.is_err());
    few.queue.take().unwrap().unwrap().done();
    assert_eq!(few.queue.pop(), Some(item(1)));
    assert_eq!(few.queue.pop(), Some(item(2)));
    assert_eq!(few.queue.pop(), None);
    assert_capacity_is_back(&few.queue, 3);
}

#[test]
fn p3_what_a_killed_process_held_comes_back() {
    let _alone = alone();
    let name = unique("killed");
    let few = Few::create(&name).unwrap();
    for number in 0..50 {
        few.flag.set(0, 0);
        few.queue.push(item(number)).unwrap();
        few.queue.push(item(number + 100)).unwrap();
        let child = Child::fork(|| {
            let few = Few::open(&name).unwrap();
            let mut loan = few.queue.loan().unwrap();
            loan.write(item(999));
            let taken = few.queue.take().unwrap().unwrap();
            few.flag.set(0, 1);
            std::thread::sleep(Duration::from_secs(600));
            drop((loan, taken));
        });
        until_true("it is taken", || few.flag.get(0) == 1);
        assert_eq!(few.queue.pop(), Some(item(number + 100)));
        assert_eq!(
            few.queue.pop(),
            None,
            "it is withheld while its taker lives"
        );
        assert!(child.kill());
        assert_eq!(Segment::recover(&few).later, 0);
        assert_eq!(few.queue.pop(), Some(item(number)));
        assert_eq!(few.queue.pop(), None, "what was lent is not pushed");
    }
    assert_capacity_is_back(&few.queue, 3);
    assert_lanes_are_back(&few);
}

#[test]
fn guards_may_move_to_other_threads() {
    let _alone = alone();
    let few = Few::create(&unique("threads")).unwrap();
    let queue = &few.queue;
    for number in 0..200 {
        let mut loan = queue.loan().unwrap();
        loan.write(item(number));
        std::thread::scope(|scope| {
            scope.spawn(move || loan.commit().unwrap());
        });
        let taken = queue.take().unwrap().unwrap();
        let done = std::thread::scope(|scope| {
            let held = scope.spawn(move || {
                assert_eq!(taken.get(), item(number));
                if number.is_multiple_of(2) {
                    taken.done();
                    true
                } else {
                    drop(taken);
                    false
                }
            });
            held.join().unwrap()
        });
        assert_eq!(queue.pop(), (!done).then(|| item(number)));
    }
    assert_capacity_is_back(queue, 3);
    assert_lanes_are_back(&few);
}

#[test]
fn several_guards_live_per_thread_beside_operations() {
    let _alone = alone();
    let few = Few::create(&unique("several")).unwrap();
    let queue = &few.queue;
    let mut first = queue.loan().unwrap();
    first.write(item(1));
    let mut second = queue.loan().unwrap();
    second.write(item(2));
    queue.push(item(3)).unwrap();
    let taken = queue.take().unwrap().unwrap();
    assert_eq!(taken.get(), item(3));
    second.commit().unwrap();
    queue.push(item(4)).unwrap();
    first.commit().unwrap();
    let also = queue.take().unwrap().unwrap();
    assert_eq!(also.get(), item(2));
    assert_eq!(queue.pop(), Some(item(4)));
    drop(taken);
    also.done();
    assert_eq!(queue.pop(), Some(item(3)));
    assert_eq!(queue.pop(), Some(item(1)));
    drop(queue.loan().unwrap()); // costs nothing
    core::mem::forget(queue.loan().unwrap()); // costs a lane until the segment is left
    assert_eq!(queue.pop(), None);
    assert_capacity_is_back(queue, 2);
}

#[test]
fn without_a_lane_guards_are_refused_and_operations_go_on() {
    let _alone = alone();
    let name = unique("no-lane");
    let few = Few::create(&name).unwrap();
    let queue = &few.queue;
    queue.push(item(0)).unwrap();
    let loans: Vec<_> = (0..3).map(|_| queue.loan().unwrap()).collect();
    assert!(matches!(queue.loan(), Err(NoLane)));
    assert!(matches!(queue.take(), Err(NoLane)));
    assert_eq!(queue.pop(), Some(item(0)));
    drop(loans);
    queue.loan().unwrap();
    // Another process finds that one: the lanes stay with who had them until they are left.
    let child = Child::fork(|| assert!(Few::open(&name).is_err()));
    child.join();
    assert_capacity_is_back(queue, 3);
    let one = One::create(&unique("one-lane")).unwrap();
    assert!(matches!(one.queue.loan(), Err(NoLane)));
    assert!(matches!(one.queue.take(), Err(NoLane)));
    assert_capacity_is_back(&one.queue, 0);
    assert_eq!(one.queue.push_slice(&[item(1), item(2)]), 2);
    let mut out = [item(0); 3];
    assert_eq!(one.queue.pop_slice(&mut out), 2);
    assert_eq!(out[1], item(2));
}

/// More threads than lanes, all at once, some of them short-lived; sums tell whether all came out once.
fn by_turns(queue: &Queue<Item, 16>, threads: u64, rounds: u64, generations: u64) {
    let (pushed, popped) = (AtomicU64::new(0), AtomicU64::new(0));
    let popped_one = |got: Option<Item>| {
        if let Some(got) = got {
            assert!(got.is_whole(), "torn: {got:?}");
            popped.fetch_add(got.sequence, Relaxed);
        }
    };
    for generation in 0..generations {
        let start = Barrier::new(threads as usize);
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let (start, pushed, popped_one) = (&start, &pushed, &popped_one);
                scope.spawn(move || {
                    start.wait();
                    for round in 0..rounds {
                        let number = (generation * threads + thread) * rounds + round;
                        if queue.push(item(number)).is_ok() {
                            pushed.fetch_add(number, Relaxed);
                        }
                        popped_one(queue.pop());
                    }
                });
            }
        });
    }
    core::iter::from_fn(|| queue.pop()).for_each(|got| popped_one(Some(got)));
    assert_eq!(pushed.into_inner(), popped.into_inner());
}

#[test]
fn p1_more_threads_than_lanes_take_turns_and_lose_nothing() {
    let _alone = alone();
    let few = Few::create(&unique("turns")).unwrap();
    by_turns(&few.queue, 12, 3000, 3);
    assert_capacity_is_back(&few.queue, 0);
    let one = One::create(&unique("turns-one")).unwrap();
    by_turns(&one.queue, 6, 3000, 5);
    assert_capacity_is_back(&one.queue, 0);
    assert_lanes_are_back(&one);
}

/// A thread ends while another has a turn on its lane, and a third comes that would take the lane over.
/// Elements are large, so that two operations on one lane would meet.
#[test]
fn p1_a_shared_lane_is_never_used_by_two() {
    let _alone = alone();
    let mut random = Random::new("heir");
    for _ in 0..100 {
        let delay = Duration::from_micros(random.below(300));
        let shared = Shared::create(&unique("heir")).unwrap();
        let queue = &shared.queue;
        let (owner, turn) = (&AtomicU64::new(0), &AtomicU64::new(0));
        std::thread::scope(|scope| {
            let spawn = |body: Box<dyn FnOnce() + Send>| {
                let thread = std::thread::Builder::new().stack_size(32 << 20);
                thread.spawn_scoped(scope, body).unwrap();
            };
            spawn(Box::new(|| {
                queue.pop();
                // SAFETY: takes nothing and always succeeds.
                let id = unsafe { libc::gettid() };
                owner.store(id as u64, Relaxed);
                while turn.load(Relaxed) == 0 {}
                let start = Instant::now();
                while start.elapsed() < delay {}
            }));
            spawn(Box::new(|| {
                while owner.load(Relaxed) == 0 {}
                turn.store(1, Relaxed);
                queue.push([1; WORDS]).expect("room for two");
            }));
            spawn(Box::new(|| {
                while owner.load(Relaxed) == 0 || is_running(owner.load(Relaxed)) {}
                queue.push([2; WORDS]).expect("room for two");
            }));
        });
        let drain = move || {
            let got: Vec<_> = core::iter::from_fn(|| queue.pop().map(Box::new)).collect();
            let is_whole = |got: &[u64]| got.iter().all(|&word| word == got[0]);
            assert!(got.iter().all(|got| is_whole(&got[..])), "torn");
            got.iter().map(|got| got[0]).sum::<u64>()
        };
        let sum = std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(32 << 20);
            thread.spawn_scoped(scope, drain).unwrap().join().unwrap()
        });
        assert_eq!(sum, 3);
    }
}

fn is_running(thread: u64) -> bool {
    // SAFETY: takes numbers; signal 0 asks and sends nothing.
    unsafe { libc::syscall(libc::SYS_tgkill, std::process::id(), thread, 0) == 0 }
}

#[test]
fn threads_that_end_leave_their_lanes_to_others() {
    let _alone = alone();
    let few = Few::create(&unique("short")).unwrap();
    let queue = &few.queue;
    for number in 0..1000 {
        std::thread::scope(|scope| {
            let push = scope.spawn(|| queue.push(item(number)).unwrap());
            push.join().unwrap();
            let pop = scope.spawn(|| assert_eq!(queue.pop(), Some(item(number))));
            pop.join().unwrap();
        });
    }
    // so there are still some for guards
    let held: HashSet<_> = (0..2)
        .map(|_| format!("{:?}", queue.loan().unwrap()))
        .collect();
    assert!(!held.is_empty());
    let both = (queue.loan().unwrap(), queue.loan().unwrap());
    drop(both);
    assert_capacity_is_back(queue, 2);
}
