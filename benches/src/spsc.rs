//! `Spsc` beside rtrb. Ours: two attachments in two threads.

use crate::fifo::{self, CAPACITY, Sample};
use crate::measure::{Group, Scale};
use shm_runtime::structures::Spsc;
use shm_runtime::{Element, Segment, ShmLayout};

#[derive(ShmLayout)]
struct Ours<T: Element> {
    ring: Spsc<T, CAPACITY>,
}

fn both<T: Sample>() -> (Segment<Ours<T>>, Segment<Ours<T>>) {
    let name = format!("bench-spsc-{}", std::process::id());
    let first = Ours::options().prefault(true).create(&name);
    let second = Ours::options().prefault(true).open(&name);
    (first.expect("a segment"), second.expect("the segment"))
}

pub fn groups(scale: Scale) -> Vec<Group<'static>> {
    let mut groups = Vec::new();
    sized::<u64>(scale, &mut groups);
    sized::<[u64; 3]>(scale, &mut groups);
    sized::<[u64; 7]>(scale, &mut groups);
    groups
}

fn sized<T: Sample>(scale: Scale, groups: &mut Vec<Group<'static>>) {
    let (n, size) = (scale.operations * 2, size_of::<T>());
    groups.push(
        Group::new(format!("spsc 1p1c {size} B"), "ns")
            .row("rtrb", move || rtrb_one_to_one::<T>(n))
            .row("Spsc", move || {
                let (first, second) = both::<T>();
                let mut producer = first.ring.producer().expect("free");
                let mut consumer = second.ring.consumer().expect("free");
                fifo::one_to_one(
                    n,
                    || move |value| producer.push(value).is_ok(),
                    || move || consumer.pop(),
                )
            }),
    );
    groups.push(
        Group::new(format!("spsc 1p1c by {} {size} B", fifo::BATCH), "ns")
            .row("rtrb, chunks", move || rtrb_batches::<T>(n))
            .row("Spsc, push_slice and pop_slice", move || {
                let (first, second) = both::<T>();
                let mut producer = first.ring.producer().expect("free");
                let mut consumer = second.ring.consumer().expect("free");
                fifo::batches(
                    n,
                    || move |values: &[T]| producer.push_slice(values),
                    || move |out: &mut [T]| consumer.pop_slice(out),
                )
            }),
    );
    groups.push(
        Group::new(format!("spsc push + pop, one thread {size} B"), "ns")
            .row("rtrb", move || {
                let (mut producer, mut consumer) = rtrb::RingBuffer::<T>::new(CAPACITY);
                fifo::pair(
                    n,
                    |value| producer.push(value).is_ok(),
                    || consumer.pop().ok(),
                )
            })
            .row("Spsc", move || {
                let (first, second) = both::<T>();
                let mut producer = first.ring.producer().expect("free");
                let mut consumer = second.ring.consumer().expect("free");
                fifo::pair(n, |value| producer.push(value).is_ok(), || consumer.pop())
            }),
    );
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
