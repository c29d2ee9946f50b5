//! Children that use a queue which they inherited, and programs that replace one that uses it.

use super::child::{Child, until_true};
use super::common::{exists, unique};
use super::{Item, alone, assert_capacity_is_back, assert_lanes_are_back};
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use shm_runtime::{Array, Queue, Segment, ShmLayout};
use std::time::Duration;

const PLACES: usize = 64;

#[derive(ShmLayout)]
#[shm(lanes = 24)]
struct Fork {
    queue: Queue<Item, 32>,
    /// Sums of what each thread and child pushed, and popped.
    pushed: Array<u64, PLACES>,
    popped: Array<u64, PLACES>,
    flag: Array<u32, 1>,
}

fn item(number: u64) -> Item {
    Item::new(1, number)
}

#[test]
fn a_child_attaches_at_its_first_operation() {
    let _alone = alone();
    let name = unique("child");
    let fork = Fork::create(&name).unwrap();
    fork.queue.push(item(1)).unwrap();
    let child = Child::fork(|| {
        assert_eq!(Segment::attachment(&fork).identity(), None);
        assert_eq!(
            fork.queue.peek(),
            Some(item(1)),
            "reading needs no identity"
        );
        assert_eq!(fork.queue.pop(), Some(item(1)));
        assert!(Segment::attachment(&fork).identity().is_some());
        fork.queue.push(item(2)).unwrap();
        fork.queue.loan().unwrap().commit().unwrap();
        fork.queue.take().unwrap().unwrap().done();
    });
    child.join();
    assert!(fork.queue.pop().is_some());
    assert_capacity_is_back(&fork.queue, 8);
    assert_lanes_are_back(&fork);
}

#[test]
fn p1_guards_of_the_parent_are_void_in_the_child() {
    let _alone = alone();
    let name = unique("void");
    let fork = Fork::create(&name).unwrap();
    for attach_first in [false, true] {
        fork.queue.push(item(1)).unwrap();
        fork.queue.push(item(2)).unwrap();
        let mut guards = Some((
            fork.queue.take().unwrap().unwrap(),
            fork.queue.take().unwrap().unwrap(),
            fork.queue.loan().unwrap(),
            fork.queue.loan().unwrap(),
        ));
        let (_, _, loan, _) = guards.as_mut().unwrap();
        loan.write(item(3));
        let child = Child::fork(|| {
            if attach_first {
                Segment::reattach(&fork).unwrap();
            }
            let (done, dropped, mut loan, unused) = guards.take().unwrap();
            assert_eq!(
                done.get(),
                Item {
                    producer: 0,
                    sequence: 0,
                    check: 0
                }
            );
            loan.write(item(66));
            let again = loan.commit().unwrap_err(); // gives it back
            done.done();
            drop((dropped, again, unused));
            assert_eq!(fork.queue.pop(), None, "the parent still has them");
        });
        child.join();
        assert_eq!(fork.queue.pop(), None);
        let (first, second, loan, _unused) = guards.unwrap();
        assert_eq!((first.get(), second.get()), (item(1), item(2)));
        loan.commit().unwrap();
        first.done();
        drop(second);
        assert_eq!(fork.queue.pop(), Some(item(2)), "delivered again, once");
        assert_eq!(fork.queue.pop(), Some(item(3)), "as the parent wrote it");
        assert_eq!(fork.queue.pop(), None);
        assert_capacity_is_back(&fork.queue, 8);
    }
    assert_lanes_are_back(&fork);
}

/// Pushes and pops, and notes the sums under a number of its own.
fn operate(fork: &Fork, place: usize, mut go_on: impl FnMut() -> bool) {
    let (mut pushed, mut popped) = (fork.pushed.get(place), fork.popped.get(place));
    let mut sequence = 0;
    while go_on() {
        sequence += 1;
        let item = Item::new(place as u64, sequence);
        if fork.queue.push(item).is_ok() {
            pushed += sequence;
        }
        if sequence % 8 == 0 {
            if let Some(taken) = fork.queue.take().unwrap() {
                popped += taken.get().sequence;
                taken.done();
            }
        } else if let Some(item) = fork.queue.pop() {
            assert!(item.is_whole());
            popped += item.sequence;
        }
    }
    fork.pushed.set(place, pushed);
    fork.popped.set(place, popped);
}

#[test]
fn p1_many_threads_operate_while_children_are_forked() {
    let _alone = alone();
    let name = unique("fork-threads");
    let fork = Fork::create(&name).unwrap();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for place in 0..3 {
            let (fork, over) = (&fork, &over);
            scope.spawn(move || operate(fork, place, || !over.load(Relaxed)));
        }
        for place in 3..40 {
            let mut left = 300;
            let child = Child::fork(|| {
                operate(&fork, place, || {
                    left -= 1;
                    left > 0
                });
            });
            child.join();
        }
        over.store(true, Relaxed);
    });
    operate_rest(&fork);
    let sum = |array: &Array<u64, PLACES>| (0..PLACES).map(|place| array.get(place)).sum::<u64>();
    assert_eq!(sum(&fork.pushed), sum(&fork.popped));
    assert_capacity_is_back(&fork.queue, 8);
    assert_lanes_are_back(&fork);
    drop(fork);
    assert!(!exists(&name));
}

/// Pops what is left.
fn operate_rest(fork: &Fork) {
    let rest: u64 = core::iter::from_fn(|| fork.queue.pop())
        .map(|item| item.sequence)
        .sum();
    fork.popped.set(PLACES - 1, rest);
}

#[test]
fn p3_a_program_that_replaces_its_image_lets_go_of_its_lanes() {
    let _alone = alone();
    let name = unique("exec");
    let fork = Fork::create(&name).unwrap();
    fork.queue.push(item(7)).unwrap();
    let child = Child::fork(|| {
        let fork = Fork::open(&name).unwrap();
        let _taken = fork.queue.take().unwrap().unwrap();
        let arguments = [c"sleep".as_ptr(), c"600".as_ptr(), core::ptr::null()];
        fork.flag.set(0, 1);
        // SAFETY: NUL-terminated strings, and a list that ends with a null pointer.
        unsafe { libc::execv(c"/bin/sleep".as_ptr(), arguments.as_ptr()) };
        panic!("no sleep to be had");
    });
    until_true("it is taken", || fork.flag.get(0) == 1);
    until_true("its successor holds nothing", || {
        Segment::recover(&fork);
        std::thread::sleep(Duration::from_millis(1));
        fork.queue.pop() == Some(item(7))
    });
    let running = std::fs::read_to_string(format!("/proc/{}/comm", child.pid())).unwrap();
    assert_eq!(running.trim(), "sleep", "the process itself goes on");
    assert_capacity_is_back(&fork.queue, 8);
    assert_lanes_are_back(&fork);
    assert!(child.kill());
}
