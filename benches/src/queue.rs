//! `Queue` beside the bounded queues for many producers and consumers.
//!
//! Ours has two attachments, in two threads as the peers do, or in two processes, which no peer can.
//! heapless's queue and concurrent-queue's bounded one are Vyukov's ring, crossbeam's `ArrayQueue` is a
//! relative of it; nblf-queue is lock-free as ours is, with a pool of nodes beside it. Boost's is a linked
//! list within an array.

use crate::boost;
use crate::fifo::{self, CAPACITY, Sample};
use crate::measure::{Bench, Goal};
use crate::process::{Board, beside, now, pin};
use concurrent_queue::ConcurrentQueue;
use core::hint::black_box;
use crossbeam_queue::ArrayQueue;
use nblf_queue::{MPMCQueue, PooledQueue};
use shm_runtime::{Element, Queue, Segment, ShmLayout};
use std::time::Instant;

#[derive(ShmLayout)]
struct Ours<T: Element> {
    queue: Queue<T, CAPACITY>,
}

const ARRAY_QUEUE: &str = "crossbeam-queue ArrayQueue";
const HEAPLESS: &str = "heapless mpmc (Vyukov)";
const CONCURRENT: &str = "concurrent-queue (Vyukov)";
const NBLF: &str = "nblf-queue, pooled";
const BOOST: &str = "Boost.Lockfree queue";

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

/// Two attachments of one segment.
fn both<T: Sample>() -> (Segment<Ours<T>>, Segment<Ours<T>>) {
    let name = name("queue");
    (create(&name), open(&name))
}

/// What the peers have in common.
trait Peer<T>: Sync {
    fn new() -> Self;
    fn push(&self, value: T) -> bool;
    fn pop(&self) -> Option<T>;
}

impl<T: Sample> Peer<T> for ArrayQueue<T> {
    fn new() -> Self {
        Self::new(CAPACITY)
    }
    #[inline]
    fn push(&self, value: T) -> bool {
        Self::push(self, value).is_ok()
    }
    #[inline]
    fn pop(&self) -> Option<T> {
        Self::pop(self)
    }
}

impl<T: Sample> Peer<T> for ConcurrentQueue<T> {
    fn new() -> Self {
        Self::bounded(CAPACITY)
    }
    #[inline]
    fn push(&self, value: T) -> bool {
        Self::push(self, value).is_ok()
    }
    #[inline]
    fn pop(&self) -> Option<T> {
        Self::pop(self).ok()
    }
}

type Heapless<T> = Box<heapless::mpmc::Queue<T, CAPACITY>>;

impl<T: Sample> Peer<T> for Heapless<T> {
    #[expect(deprecated, reason = "not lock-free, and a peer all the same")]
    fn new() -> Self {
        Self::new(heapless::mpmc::Queue::new())
    }
    #[inline]
    fn push(&self, value: T) -> bool {
        self.enqueue(value).is_ok()
    }
    #[inline]
    fn pop(&self) -> Option<T> {
        self.dequeue()
    }
}

impl<T: Sample> Peer<T> for PooledQueue<T> {
    fn new() -> Self {
        Self::new(CAPACITY)
    }
    #[inline]
    fn push(&self, value: T) -> bool {
        MPMCQueue::push(self, value).is_ok()
    }
    #[inline]
    fn pop(&self) -> Option<T> {
        MPMCQueue::pop(self)
    }
}

fn one_to_one<T: Sample, Q: Peer<T>>(n: u64) -> f64 {
    let queue = &Q::new();
    fifo::one_to_one(n, || |value| queue.push(value), || || queue.pop())
}

fn pair<T: Sample, Q: Peer<T>>(n: u64) -> f64 {
    let queue = Q::new();
    fifo::pair(n, |value| queue.push(value), || queue.pop())
}

fn contended<T: Sample, Q: Peer<T>>(n: u64) -> f64 {
    let queue = Q::new();
    fifo::contended(n, |_, value| queue.push(value), |_| queue.pop())
}

pub fn run(bench: &mut Bench) {
    sized::<u64>(bench);
    sized::<[u64; 3]>(bench);
    sized::<[u64; 7]>(bench);
    parts(bench);
}

fn sized<T: Sample>(bench: &mut Bench) {
    from_one_to_one::<T>(bench);
    in_pairs::<T>(bench);
}

fn from_one_to_one<T: Sample>(bench: &mut Bench) {
    let size = size_of::<T>();
    let case = format!("1p1c {size} B");
    bench
        .case("queue", &case, "ns")
        .ours(|| threads::<T>)
        .peer(ARRAY_QUEUE, Goal::AtLeast(1.5), || {
            one_to_one::<T, ArrayQueue<T>>
        })
        .peer(
            HEAPLESS,
            Goal::AtLeast(1.0),
            || one_to_one::<T, Heapless<T>>,
        )
        .peer(CONCURRENT, Goal::AtLeast(1.0), || {
            one_to_one::<T, ConcurrentQueue<T>>
        })
        .peer(NBLF, Goal::None, || one_to_one::<T, PooledQueue<T>>)
        .peer_if(BOOST, Goal::None, boost::queue_one_to_one(size))
        .run();
    bench
        .case("queue", &format!("{case}, ours in two processes"), "ns")
        .at_least(1000)
        .ours(|| processes::<T>(Board::new()))
        .peer(ARRAY_QUEUE, Goal::AtLeast(1.5), || {
            one_to_one::<T, ArrayQueue<T>>
        })
        .run();
    bench
        .case("queue", &format!("{case} by {}", fifo::BATCH), "ns")
        .ours(|| slices::<T>)
        .peer("itself, one by one", Goal::AtLeast(4.0), || threads::<T>)
        .peer(ARRAY_QUEUE, Goal::None, || one_to_one::<T, ArrayQueue<T>>)
        .run();
}

fn in_pairs<T: Sample>(bench: &mut Bench) {
    let size = size_of::<T>();
    bench
        .case("queue", &format!("push + pop, one thread, {size} B"), "ns")
        .ours(|| alone::<T>)
        .peer(ARRAY_QUEUE, Goal::AtLeast(1.0), || pair::<T, ArrayQueue<T>>)
        .peer(HEAPLESS, Goal::None, || pair::<T, Heapless<T>>)
        .peer(CONCURRENT, Goal::None, || pair::<T, ConcurrentQueue<T>>)
        .peer(NBLF, Goal::None, || pair::<T, PooledQueue<T>>)
        .peer_if(BOOST, Goal::None, boost::queue_pair(size))
        .run();
    bench
        .case(
            "queue",
            &format!("push + pop, two threads at once, {size} B"),
            "ns",
        )
        .ours(|| at_once::<T>)
        .peer(ARRAY_QUEUE, Goal::AtLeast(1.0), || {
            contended::<T, ArrayQueue<T>>
        })
        .peer(HEAPLESS, Goal::None, || contended::<T, Heapless<T>>)
        .peer(
            CONCURRENT,
            Goal::None,
            || contended::<T, ConcurrentQueue<T>>,
        )
        .peer(NBLF, Goal::None, || contended::<T, PooledQueue<T>>)
        .peer_if(BOOST, Goal::None, boost::queue_contended(size))
        .run();
    bench
        .case("queue", &format!("loan + take, one thread, {size} B"), "ns")
        .ours(|| guards::<T>)
        .peer(ARRAY_QUEUE, Goal::None, || pair::<T, ArrayQueue<T>>)
        .run();
}

pub fn alone<T: Sample>(n: u64) -> f64 {
    let ours = create::<T>(&name("pair"));
    fifo::pair(
        n,
        |value| ours.queue.push(value).is_ok(),
        || ours.queue.pop(),
    )
}

fn at_once<T: Sample>(n: u64) -> f64 {
    let (first, second) = both::<T>();
    let ours = [first, second];
    let push = |thread: usize, value| ours[thread].queue.push(value).is_ok();
    fifo::contended(n, push, |thread| ours[thread].queue.pop())
}

pub fn threads<T: Sample>(n: u64) -> f64 {
    let (first, second) = &both::<T>();
    fifo::one_to_one(
        n,
        || |value| first.queue.push(value).is_ok(),
        || || second.queue.pop(),
    )
}

fn slices<T: Sample>(n: u64) -> f64 {
    let (first, second) = &both::<T>();
    fifo::batches(
        n,
        || |values: &[T]| first.queue.push_slice(values),
        || |out: &mut [T]| second.queue.pop_slice(out),
    )
}

fn guards<T: Sample>(n: u64) -> f64 {
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
}

fn processes<T: Sample>(board: &'static Board) -> impl FnMut(u64) -> f64 {
    move |n| {
        let name = name("processes");
        let ours = create::<T>(&name);
        board.reset();
        beside(
            || {
                let theirs = open::<T>(&name);
                board.ready();
                fifo::consume(n, &mut || theirs.queue.pop());
                board.done();
            },
            || {
                board.go();
                let start = now();
                fifo::produce(n, &mut |value| ours.queue.push(value).is_ok());
                board.wait_done();
                (now() - start) as f64 / n as f64
            },
        )
    }
}

/// What it costs to know who operates, that no other operation runs on the lane, and to let the lane go.
fn parts(bench: &mut Bench) {
    let timed = |n: u64, operation: &mut dyn FnMut()| {
        pin(0);
        let start = Instant::now();
        for _ in 0..n {
            operation();
        }
        start.elapsed().as_nanos() as f64 / n as f64
    };
    bench
        .case("queue", "parts: enter a lane and leave it", "ns")
        .ours(|| {
            let ours = create::<u64>(&name("identity"));
            move |n| {
                let attachment = Segment::attachment(&ours);
                timed(n, &mut || {
                    black_box(attachment.enter().map(|lane| lane.index()));
                })
            }
        })
        .run();
    bench
        .case("queue", "parts: pop of an empty one", "ns")
        .ours(|| {
            let ours = create::<u64>(&name("empty"));
            move |n| timed(n, &mut || _ = black_box(ours.queue.pop()))
        })
        .peer(ARRAY_QUEUE, Goal::None, || {
            let queue = ArrayQueue::<u64>::new(CAPACITY);
            move |n| timed(n, &mut || _ = black_box(queue.pop()))
        })
        .run();
    bench
        .case("queue", "parts: peek", "ns")
        .ours(|| {
            let ours = create::<u64>(&name("peek"));
            ours.queue.push(1).expect("room");
            move |n| timed(n, &mut || _ = black_box(ours.queue.peek()))
        })
        .run();
}
