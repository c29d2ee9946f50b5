//! `Spsc` beside the queues for one producer and one consumer. Ours: two attachments in two threads.
//!
//! The disruptor's events are handled where they lie, by a thread of its own that polls; it has no `pop` to
//! compare with.

use crate::boost;
use crate::fifo::{self, CAPACITY, Sample};
use crate::measure::{Bench, Goal};
use core::hint::{black_box, spin_loop};
use disruptor::{BusySpin, Polling, Producer as _};
use ringbuf::HeapRb;
use ringbuf::traits::{Consumer as _, Producer as _, Split as _};
use shm_runtime::structures::Spsc;
use shm_runtime::{Element, Segment, ShmLayout};

#[derive(ShmLayout)]
struct Ours<T: Element> {
    ring: Spsc<T, CAPACITY>,
}

const RTRB: &str = "rtrb";
const RINGBUF: &str = "ringbuf";
const HEAPLESS: &str = "heapless spsc";
const DISRUPTOR: &str = "disruptor, polled";
const BOOST: &str = "Boost.Lockfree spsc_queue";

fn both<T: Sample>() -> (Segment<Ours<T>>, Segment<Ours<T>>) {
    let name = format!("bench-spsc-{}", std::process::id());
    let first = Ours::options().prefault(true).create(&name);
    let second = Ours::options().prefault(true).open(&name);
    (first.expect("a segment"), second.expect("the segment"))
}

pub fn run(bench: &mut Bench) {
    sized::<u64>(bench);
    sized::<[u64; 3]>(bench);
    sized::<[u64; 7]>(bench);
    sized::<[u64; 32]>(bench);
}

fn sized<T: Sample>(bench: &mut Bench) {
    let size = size_of::<T>();
    bench
        .case("spsc", &format!("1p1c {size} B"), "ns")
        .ours(|| one_to_one::<T>)
        .peer(RTRB, Goal::AtLeast(1.1), || rtrb_one_to_one::<T>)
        .peer(RINGBUF, Goal::None, || ringbuf_one_to_one::<T>)
        .peer(HEAPLESS, Goal::None, || heapless_one_to_one::<T>)
        .peer(DISRUPTOR, Goal::None, || disruptor_one_to_one::<T>)
        .peer_if(BOOST, Goal::None, boost::spsc_one_to_one(size))
        .run();
    bench
        .case("spsc", &format!("1p1c {size} B by {}", fifo::BATCH), "ns")
        .ours(|| batches::<T>)
        .peer("rtrb, chunks", Goal::AtLeast(1.1), || rtrb_batches::<T>)
        .peer("ringbuf, slices", Goal::None, || ringbuf_batches::<T>)
        .run();
    bench
        .case(
            "spsc",
            &format!("1p1c {size} B by chunks of {}", fifo::BATCH),
            "ns",
        )
        .ours(|| chunks::<T>)
        .peer("rtrb, chunks", Goal::AtLeast(1.1), || rtrb_batches::<T>)
        .run();
    bench
        .case("spsc", &format!("push + pop, one thread, {size} B"), "ns")
        .ours(|| pair::<T>)
        .peer(RTRB, Goal::None, || {
            |n| {
                let (mut producer, mut consumer) = rtrb::RingBuffer::<T>::new(CAPACITY);
                fifo::pair(
                    n,
                    |value| producer.push(value).is_ok(),
                    || consumer.pop().ok(),
                )
            }
        })
        .peer_if(BOOST, Goal::None, boost::spsc_pair(size))
        .run();
}

pub fn pair<T: Sample>(n: u64) -> f64 {
    // One attachment: a store through one mapping is not forwarded to a load through another.
    let (first, _) = both::<T>();
    let mut producer = first.ring.producer().expect("free");
    let mut consumer = first.ring.consumer().expect("free");
    fifo::pair(n, |value| producer.push(value).is_ok(), || consumer.pop())
}

pub fn one_to_one<T: Sample>(n: u64) -> f64 {
    let (first, second) = both::<T>();
    let mut producer = first.ring.producer().expect("free");
    let mut consumer = second.ring.consumer().expect("free");
    fifo::one_to_one(
        n,
        || move |value| producer.push(value).is_ok(),
        || move || consumer.pop(),
    )
}

fn batches<T: Sample>(n: u64) -> f64 {
    let (first, second) = both::<T>();
    let mut producer = first.ring.producer().expect("free");
    let mut consumer = second.ring.consumer().expect("free");
    fifo::batches(
        n,
        || move |values: &[T]| producer.push_slice(values),
        || move |out: &mut [T]| consumer.pop_slice(out),
    )
}

fn chunks<T: Sample>(n: u64) -> f64 {
    let (first, second) = both::<T>();
    let mut producer = first.ring.producer().expect("free");
    let mut consumer = second.ring.consumer().expect("free");
    fifo::batches(
        n,
        || {
            move |values: &[T]| {
                let mut chunk = producer.write_chunk(values.len());
                let count = chunk.len();
                chunk.set_slice(0, &values[..count]);
                chunk.commit(count);
                count
            }
        },
        || {
            move |out: &mut [T]| {
                let chunk = consumer.read_chunk(out.len());
                let count = chunk.len();
                chunk.get_slice(0, &mut out[..count]);
                chunk.commit(count);
                count
            }
        },
    )
}

fn rtrb_one_to_one<T: Sample>(n: u64) -> f64 {
    let (mut producer, mut consumer) = rtrb::RingBuffer::<T>::new(CAPACITY);
    fifo::one_to_one(
        n,
        || move |value| producer.push(value).is_ok(),
        || move || consumer.pop().ok(),
    )
}

fn rtrb_batches<T: Sample>(n: u64) -> f64 {
    let (mut producer, mut consumer) = rtrb::RingBuffer::<T>::new(CAPACITY);
    fifo::batches(
        n,
        || {
            move |values: &[T]| {
                let count = values.len().min(producer.slots());
                let Ok(chunk) = producer.write_chunk_uninit(count) else {
                    return 0;
                };
                chunk.fill_from_iter(values[..count].iter().copied())
            }
        },
        || {
            move |out: &mut [T]| {
                let count = out.len().min(consumer.slots());
                let Ok(chunk) = consumer.read_chunk(count) else {
                    return 0;
                };
                let (left, right) = chunk.as_slices();
                out[..left.len()].copy_from_slice(left);
                out[left.len()..count].copy_from_slice(right);
                chunk.commit_all();
                count
            }
        },
    )
}

fn ringbuf_one_to_one<T: Sample>(n: u64) -> f64 {
    let (mut producer, mut consumer) = HeapRb::<T>::new(CAPACITY).split();
    fifo::one_to_one(
        n,
        || move |value| producer.try_push(value).is_ok(),
        || move || consumer.try_pop(),
    )
}

fn ringbuf_batches<T: Sample>(n: u64) -> f64 {
    let (mut producer, mut consumer) = HeapRb::<T>::new(CAPACITY).split();
    fifo::batches(
        n,
        || move |values: &[T]| producer.push_slice(values),
        || move |out: &mut [T]| consumer.pop_slice(out),
    )
}

fn heapless_one_to_one<T: Sample>(n: u64) -> f64 {
    let mut queue = Box::new(heapless::spsc::Queue::<T, CAPACITY>::new());
    let (mut producer, mut consumer) = queue.split();
    fifo::one_to_one(
        n,
        || move |value| producer.enqueue(value).is_ok(),
        || move || consumer.dequeue(),
    )
}

pub fn disruptor_one_to_one<T: Sample>(n: u64) -> f64 {
    let builder = disruptor::build_single_producer(CAPACITY, || T::of(0), BusySpin);
    let (mut poller, builder) = builder.new_event_poller();
    let mut producer = builder.build();
    fifo::sides(
        n,
        || {
            move || {
                for number in 0..n {
                    producer.publish(|event| *event = T::of(number));
                }
            }
        },
        || {
            move || {
                let mut number = 0;
                while number < n {
                    match poller.poll() {
                        Ok(mut events) => {
                            for &event in &mut events {
                                assert_eq!(event.number(), number, "in order");
                                number += 1;
                            }
                        }
                        Err(Polling::NoEvents) => spin_loop(),
                        Err(Polling::Shutdown) => break,
                    }
                }
                black_box(number);
            }
        },
    )
}
