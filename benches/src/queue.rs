//! `Queue` beside crossbeam's `ArrayQueue`. Ours: two attachments, in two threads or two processes.

use crate::fifo::{self, CAPACITY, Sample};
use crate::machine::pin;
use crate::measure::{Group, Scale};
use core::hint::{black_box, spin_loop};
use crossbeam_queue::ArrayQueue;
use shm_runtime::{Array, Element, Queue, Segment, ShmLayout};
use std::time::Instant;

#[derive(ShmLayout)]
struct Ours<T: Element> {
    queue: Queue<T, CAPACITY>,
    /// 1: the other process is ready; 2: go; 3: it is done.
    phase: Array<u64, 16>,
}

fn name(what: &str) -> String {
    format!("bench-{what}-{}", std::process::id())
}

fn create<T: Sample>(name: &str) -> Segment<Ours<T>> {
    Ours::options()
        .prefault(true)
        .create(name)
        .expect("a segment")
}

fn open<T: Sample>(name: &str) -> Segment<Ours<T>> {
    Ours::options()
        .prefault(true)
        .open(name)
        .expect("the segment")
}

pub fn groups(scale: Scale) -> Vec<Group<'static>> {
    let mut groups = Vec::new();
    sized::<u64>(scale, &mut groups);
    sized::<[u64; 3]>(scale, &mut groups);
    sized::<[u64; 7]>(scale, &mut groups);
    groups.push(identity(scale));
    groups
}

fn sized<T: Sample>(scale: Scale, groups: &mut Vec<Group<'static>>) {
    let (n, size) = (scale.operations, size_of::<T>());
    groups.push(
        Group::new(format!("queue 1p1c {size} B"), "ns")
            .row("crossbeam ArrayQueue", move || array_queue::<T>(n))
            .row("Queue, two threads", move || threads::<T>(n))
            .row("Queue, two processes", move || processes::<T>(n)),
    );
    groups.push(
        Group::new(format!("queue 1p1c by {} {size} B", fifo::BATCH), "ns")
            .row("crossbeam ArrayQueue, one by one", move || {
                array_queue::<T>(n)
            })
            .row("Queue, push_slice and pop_slice", move || slices::<T>(n)),
    );
    groups.push(
        Group::new(format!("queue push + pop, one thread {size} B"), "ns")
            .row("crossbeam ArrayQueue", move || {
                let queue = ArrayQueue::<T>::new(CAPACITY);
                fifo::pair(n, |value| queue.push(value).is_ok(), || queue.pop())
            })
            .row("Queue", move || {
                let ours = create::<T>(&name("pair"));
                fifo::pair(
                    n,
                    |value| ours.queue.push(value).is_ok(),
                    || ours.queue.pop(),
                )
            })
            .row("Queue, loan and take", move || {
                let ours = create::<T>(&name("guards"));
                let push = |value| {
                    let mut loan = ours.queue.loan().expect("a lane");
                    loan.write(value);
                    loan.commit().is_ok()
                };
                let pop = || {
                    let taken = ours.queue.take().expect("a lane")?;
                    let value = taken.get();
                    taken.done();
                    Some(value)
                };
                fifo::pair(n, push, pop)
            }),
    );
}

fn array_queue<T: Sample>(n: u64) -> f64 {
    let queue = &ArrayQueue::<T>::new(CAPACITY);
    fifo::one_to_one(n, || |value| queue.push(value).is_ok(), || || queue.pop())
}

fn threads<T: Sample>(n: u64) -> f64 {
    let name = &name("threads");
    let first = create::<T>(name);
    let second = open::<T>(name);
    let (first, second) = (&first, &second);
    fifo::one_to_one(
        n,
        || move |value| first.queue.push(value).is_ok(),
        || move || second.queue.pop(),
    )
}

fn slices<T: Sample>(n: u64) -> f64 {
    let name = &name("slices");
    let first = create::<T>(name);
    let second = open::<T>(name);
    let (first, second) = (&first, &second);
    fifo::batches(
        n,
        || move |values: &[T]| first.queue.push_slice(values),
        || move |out: &mut [T]| second.queue.pop_slice(out),
    )
}

fn processes<T: Sample>(n: u64) -> f64 {
    let name = name("processes");
    let ours = create::<T>(&name);
    let reach = |phase: u64| {
        while ours.phase.get(0) < phase {
            spin_loop();
        }
    };
    pin(1); // the child begins there, so that it does not have to wait for us
    // SAFETY: the child consumes and exits at once; no other thread of this process runs.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let theirs = open::<T>(&name);
        theirs.phase.set(0, 1);
        while theirs.phase.get(0) < 2 {
            spin_loop();
        }
        fifo::consume(n, &mut || theirs.queue.pop());
        theirs.phase.set(0, 3);
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(0) };
    }
    assert!(child > 0);
    pin(0);
    reach(1);
    let start = Instant::now();
    ours.phase.set(0, 2);
    fifo::produce(n, &mut |value| ours.queue.push(value).is_ok());
    reach(3);
    let took = start.elapsed().as_nanos() as f64 / n as f64;
    let mut status = 0;
    // SAFETY: waits for a child of this process, into a live integer.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!((waited, status), (child, 0));
    took
}

/// What it costs to know who operates, that no other operation runs on the lane, and to let the lane go.
fn identity(scale: Scale) -> Group<'static> {
    let n = scale.operations * 4;
    Group::new("queue, parts of one operation", "ns")
        .row("enter a lane and leave it", move || {
            let ours = create::<u64>(&name("identity"));
            let attachment = Segment::attachment(&ours);
            drop(attachment.enter());
            pin(0);
            let start = Instant::now();
            for _ in 0..n {
                black_box(attachment.enter().map(|lane| lane.index()));
            }
            start.elapsed().as_nanos() as f64 / n as f64
        })
        .row("pop of an empty queue", move || {
            let ours = create::<u64>(&name("empty"));
            pin(0);
            let start = Instant::now();
            for _ in 0..n {
                black_box(ours.queue.pop());
            }
            start.elapsed().as_nanos() as f64 / n as f64
        })
        .row("peek", move || {
            let ours = create::<u64>(&name("peek"));
            ours.queue.push(1).expect("room");
            pin(0);
            let start = Instant::now();
            for _ in 0..n {
                black_box(ours.queue.peek());
            }
            start.elapsed().as_nanos() as f64 / n as f64
        })
}
