//! `Queue` among real processes that are killed, stopped, interrupted and forked. Promises P1, P2, P3.
//!
//! No test asserts a time: deadlines are generous and stand for "it hangs".

#![allow(unsafe_code)] // fork, kill, setitimer

#[path = "../common/mod.rs"]
mod common;

mod child;
mod differential;
mod fork;
mod guards;
mod read_only;
mod signal;
mod stop;
mod wait;
mod war;

use shm_runtime::{Pod, Queue, Segment, ShmType, Zeroable};
use std::collections::HashSet;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// An element of several words, so that a torn one shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Pod, Zeroable, ShmType)]
#[repr(C)]
struct Item {
    producer: u64,
    sequence: u64,
    check: u64,
}

impl Item {
    fn new(producer: u64, sequence: u64) -> Self {
        let check = (producer << 56 ^ sequence).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Self {
            producer,
            sequence,
            check,
        }
    }

    fn is_whole(self) -> bool {
        self == Self::new(self.producer, self.sequence)
    }
}

/// One test at a time: a child forked while another thread attaches would keep that thread's lock.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// P3: nobody but this process has a lane, and all lanes are idle.
fn assert_lanes_are_back<S>(segment: &Segment<S>) {
    let recovery = Segment::recover(segment);
    assert_eq!(recovery.later, 0, "nobody is stopped, so all is settled");
    let attachment = Segment::attachment(segment);
    let own = attachment.identity().map(|identity| identity.word());
    for (lane, record) in attachment.lanes().iter().enumerate() {
        let owner = record.owner.load(Relaxed);
        assert!(
            owner == 0 || Some(owner) == own,
            "lane {lane} belongs to {owner:#x}"
        );
    }
    assert_eq!(Segment::participants(segment).unwrap().len(), 1);
}

/// P3: the empty queue takes exactly `N` elements, and `held` more while that many are taken; every node is
/// where it belongs, since all of them come out as they went in.
fn assert_capacity_is_back<const N: usize>(queue: &Queue<Item, N>, held: usize) {
    let held = held.min(N);
    let item = |number: usize| Item::new(200, number as u64);
    assert_eq!((queue.pop(), queue.len()), (None, 0));
    for number in 0..N {
        queue.push(item(number)).expect("the capacity is back");
    }
    assert!(queue.push(item(N)).is_err(), "and no more");
    let taken: Vec<_> = (0..held)
        .map(|_| queue.take().expect("a lane").expect("an element"))
        .collect();
    for number in N..N + held {
        queue.push(item(number)).expect("room for what was taken");
    }
    assert!(queue.push(item(N)).is_err());
    for (number, taken) in taken.iter().enumerate() {
        assert_eq!(taken.get(), item(number));
    }
    drop(taken);
    let back: HashSet<_> = core::iter::from_fn(|| queue.pop()).collect();
    assert_eq!(back, (0..N + held).map(item).collect());
}
