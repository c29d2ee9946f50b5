//! How queues are driven, ours and the peers alike.

use crate::process::pin;
use core::hint::{black_box, spin_loop};
use shm_runtime::Element;
use std::sync::Barrier;
use std::time::Instant;

/// Places in each queue.
pub const CAPACITY: usize = 4096;
/// Elements at once, where several are.
pub const BATCH: usize = 64;

/// An element that carries a number.
pub trait Sample: Element + Send + Sync + 'static {
    fn of(number: u64) -> Self;
    fn number(self) -> u64;
}

impl Sample for u64 {
    fn of(number: u64) -> Self {
        number
    }
    fn number(self) -> u64 {
        self
    }
}

impl Sample for [u64; 3] {
    fn of(number: u64) -> Self {
        [number; 3]
    }
    fn number(self) -> u64 {
        self[2]
    }
}

impl Sample for [u64; 7] {
    fn of(number: u64) -> Self {
        [number; 7]
    }
    fn number(self) -> u64 {
        self[6]
    }
}

impl Sample for [u64; 32] {
    fn of(number: u64) -> Self {
        [number; 32]
    }
    fn number(self) -> u64 {
        self[31]
    }
}

/// Nanoseconds per element, from a producer on one processor to a consumer on the other, which checks the
/// sequence. Both sides are made in their own thread.
pub fn one_to_one<T: Sample, P: FnMut(T) -> bool, C: FnMut() -> Option<T>>(
    n: u64,
    producer: impl FnOnce() -> P + Send,
    consumer: impl FnOnce() -> C + Send,
) -> f64 {
    sides(
        n,
        || {
            let mut push = producer();
            move || produce(n, &mut push)
        },
        || {
            let mut pop = consumer();
            move || consume(n, &mut pop)
        },
    )
}

/// Nanoseconds per element where each side is a loop of its own, made in the thread that runs it.
pub fn sides<P: FnOnce(), C: FnOnce()>(
    n: u64,
    producer: impl FnOnce() -> P + Send,
    consumer: impl FnOnce() -> C + Send,
) -> f64 {
    let start = &Barrier::new(2);
    std::thread::scope(|scope| {
        let consumer = scope.spawn(move || {
            pin(1);
            let run = consumer();
            start.wait();
            run();
            Instant::now()
        });
        let producer = scope.spawn(move || {
            pin(0);
            let run = producer();
            start.wait();
            let begun = Instant::now();
            run();
            begun
        });
        let begun = producer.join().expect("no panic");
        let ended = consumer.join().expect("no panic");
        (ended - begun).as_nanos() as f64 / n as f64
    })
}

pub fn produce<T: Sample>(n: u64, push: &mut impl FnMut(T) -> bool) {
    for number in 0..n {
        while !push(T::of(number)) {
            spin_loop();
        }
    }
}

pub fn consume<T: Sample>(n: u64, pop: &mut impl FnMut() -> Option<T>) {
    for number in 0..n {
        let value = loop {
            if let Some(value) = pop() {
                break value;
            }
            spin_loop();
        };
        assert_eq!(value.number(), number, "in order");
    }
}

/// As [`one_to_one`], in batches; the sides say how many they moved.
pub fn batches<T: Sample, P: FnMut(&[T]) -> usize, C: FnMut(&mut [T]) -> usize>(
    n: u64,
    producer: impl FnOnce() -> P + Send,
    consumer: impl FnOnce() -> C + Send,
) -> f64 {
    sides(
        n,
        || {
            let mut push = producer();
            move || produce_batches(n, &mut push)
        },
        || {
            let mut pop = consumer();
            move || consume_batches(n, &mut pop)
        },
    )
}

fn produce_batches<T: Sample>(n: u64, push: &mut impl FnMut(&[T]) -> usize) {
    let mut number = 0;
    while number < n {
        let batch: [T; BATCH] = core::array::from_fn(|i| T::of(number + i as u64));
        let count = BATCH.min((n - number) as usize);
        let pushed = push(&batch[..count]);
        number += pushed as u64;
        if pushed == 0 {
            spin_loop();
        }
    }
}

fn consume_batches<T: Sample>(n: u64, pop: &mut impl FnMut(&mut [T]) -> usize) {
    let mut out = [T::of(0); BATCH];
    let mut number = 0;
    while number < n {
        let count = pop(&mut out);
        for &value in &out[..count] {
            assert_eq!(value.number(), number, "in order");
            number += 1;
        }
        if count == 0 {
            spin_loop();
        }
    }
}

/// Nanoseconds per push and pop of each of two threads, numbered 0 and 1, that use both ends.
pub fn contended<T: Sample>(
    n: u64,
    push: impl Fn(usize, T) -> bool + Sync,
    pop: impl Fn(usize) -> Option<T> + Sync,
) -> f64 {
    at_once(n, |thread, number| {
        while !push(thread, T::of(number)) {
            spin_loop();
        }
        while black_box(pop(thread)).is_none() {
            spin_loop();
        }
    })
}

/// Nanoseconds per operation of each of two threads.
pub fn at_once(n: u64, operation: impl Fn(usize, u64) + Sync) -> f64 {
    let (start, operation) = (&Barrier::new(2), &operation);
    let run = move |thread| {
        pin(thread);
        start.wait();
        let begun = Instant::now();
        for number in 0..n {
            operation(thread, number);
        }
        begun.elapsed()
    };
    std::thread::scope(|scope| {
        let threads = [0, 1].map(|thread| scope.spawn(move || run(thread)));
        let took = threads.map(|thread| thread.join().expect("no panic"));
        took[0].max(took[1]).as_nanos() as f64 / n as f64
    })
}

/// Nanoseconds per push and pop of one thread.
pub fn pair<T: Sample>(
    n: u64,
    mut push: impl FnMut(T) -> bool,
    mut pop: impl FnMut() -> Option<T>,
) -> f64 {
    pin(0);
    let start = Instant::now();
    for number in 0..n {
        assert!(push(T::of(number)));
        black_box(pop());
    }
    start.elapsed().as_nanos() as f64 / n as f64
}
