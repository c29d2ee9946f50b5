//! A process is stopped somewhere in its operations; the others see a whole queue all the same.

use super::child::{Child, until_true};
use super::common::{Random, exists, unique};
use super::{Item, alone, assert_capacity_is_back, assert_lanes_are_back};
use shm_runtime::{Array, Queue, Segment, ShmLayout};
use std::time::Duration;

const ROUNDS: usize = 400;
const CAPACITY: usize = 8;

#[derive(ShmLayout)]
#[shm(lanes = 8)]
struct Stop {
    queue: Queue<Item, CAPACITY>,
    over: Array<u32, 1>,
    progress: Array<u64, 1>,
}

/// Every kind of operation, over and over.
fn operate(stop: &Stop) {
    let queue = &stop.queue;
    let mut sequence = 0;
    while stop.over.get(0) == 0 {
        sequence += 1;
        let item = Item::new(1, sequence);
        if sequence.is_multiple_of(3) {
            let mut loan = queue.loan().unwrap();
            loan.write(item);
            let _ = loan.commit();
        } else {
            let _ = queue.push(item);
        }
        let got = match sequence % 4 {
            0 => queue.take().unwrap().map(|taken| {
                let item = taken.get();
                taken.done();
                item
            }),
            1 => queue.take().unwrap().map(|taken| taken.get()), // and gives it back
            _ => queue.pop(),
        };
        assert!(got.is_none_or(Item::is_whole));
        stop.progress.set(0, sequence);
    }
}

#[test]
fn p2_a_stopped_process_holds_nobody_up() {
    let _alone = alone();
    let mut random = Random::new("stop");
    let name = unique("stop");
    let stop = Stop::create(&name).unwrap();
    let mut child = Child::fork(|| operate(&Stop::open(&name).unwrap()));
    let mut sequence = 0;
    for _ in 0..ROUNDS {
        let before = stop.progress.get(0);
        until_true("it goes on", || stop.progress.get(0) > before);
        std::thread::sleep(Duration::from_micros(random.below(300)));
        child.stop();
        assert_eq!(Segment::recover(&stop).settled, 0, "it is not dead");
        // It holds one element at most, and changes nothing now: so all is exact.
        let mut rest = 0;
        while let Some(item) = stop.queue.pop() {
            assert!(item.is_whole());
            rest += 1;
            assert!(rest <= CAPACITY + 8, "more than there can be");
        }
        for number in 0..CAPACITY as u64 {
            let item = Item::new(2, sequence + number);
            stop.queue.push(item).expect("all capacity is ours");
        }
        assert!(stop.queue.push(Item::new(2, 0)).is_err());
        assert_eq!(stop.queue.len(), CAPACITY);
        for number in 0..CAPACITY as u64 {
            assert_eq!(stop.queue.peek(), Some(Item::new(2, sequence + number)));
            assert_eq!(stop.queue.pop(), Some(Item::new(2, sequence + number)));
        }
        assert_eq!(stop.queue.pop(), None);
        sequence += CAPACITY as u64;
        child.go_on();
    }
    stop.over.set(0, 1);
    child.join();
    while stop.queue.pop().is_some() {}
    assert_capacity_is_back(&stop.queue, 6);
    assert_lanes_are_back(&stop);
    drop(stop);
    assert!(!exists(&name));
}

#[test]
fn p2_the_stopped_do_not_keep_the_dead_from_being_settled_for_ever() {
    let _alone = alone();
    let mut random = Random::new("stop-and-kill");
    let name = unique("stop-and-kill");
    let stop = Stop::create(&name).unwrap();
    for _ in 0..ROUNDS / 2 {
        stop.progress.set(0, 0);
        let mut stopped = Child::fork(|| operate(&Stop::open(&name).unwrap()));
        let killed = Child::fork(|| operate(&Stop::open(&name).unwrap()));
        until_true("they go on", || stop.progress.get(0) > 3);
        std::thread::sleep(Duration::from_micros(random.below(300)));
        stopped.stop();
        assert!(killed.kill());
        let _ = Segment::recover(&stop); // what it cannot decide it leaves
        let mut popped = 0;
        while stop.queue.push(Item::new(3, 1)).is_err() {
            assert!(stop.queue.pop().is_some(), "neither full nor empty");
            popped += 1;
            assert!(
                popped <= 4,
                "what came back is popped first, then there is room"
            );
        }
        stopped.go_on();
        stop.over.set(0, 1);
        stopped.join();
        stop.over.set(0, 0);
        while stop.queue.pop().is_some() {}
        assert_eq!(Segment::recover(&stop).later, 0);
        while stop.queue.pop().is_some() {}
    }
    assert_capacity_is_back(&stop.queue, 6);
    assert_lanes_are_back(&stop);
}
