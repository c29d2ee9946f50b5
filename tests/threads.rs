//! Threads on one segment, through one handle and through two. Also the program that `.ci/tsan` runs under
//! ThreadSanitizer: so threads are spawned and joined here, and share nothing but the segment.

mod common;

use common::unique;
use shm_runtime::{Array, Queue, ShmLayout, Spsc, Stack};
use std::thread::{ScopedJoinHandle, scope, yield_now};

const EACH: u64 = 3_000;
const THREADS: u64 = 3;

#[derive(Debug, ShmLayout)]
#[shm(lanes = 32)]
struct Shared {
    queue: Queue<[u64; 3], 16>,
    pair: Spsc<[u64; 3], 16>,
    sums: Array<u64, 4>,
    stack: Stack<[u64; 3], 7>,
}

/// A value that shows if it is torn.
fn whole(number: u64) -> [u64; 3] {
    [number, !number, number.wrapping_mul(7)]
}

fn until<R>(mut attempt: impl FnMut() -> Option<R>) -> R {
    loop {
        match attempt() {
            Some(done) => return done,
            None => yield_now(),
        }
    }
}

/// Joins one by one: a handle that is dropped uses a fence, which ThreadSanitizer takes for a race.
fn join(threads: Vec<ScopedJoinHandle<'_, ()>>) {
    for thread in threads {
        thread.join().expect("no thread panics");
    }
}

fn produce(shared: &Shared, thread: u64) {
    for number in 0..EACH {
        let value = whole(thread * EACH + number);
        until(|| match number % 3 {
            0 => {
                let mut loan = shared.queue.loan().ok()?;
                loan.write(value);
                loan.commit().ok()
            }
            _ => shared.queue.push(value).ok(),
        });
    }
}

fn consume(shared: &Shared, thread: u64) {
    for number in 0..EACH {
        let value = until(|| match (number + thread) % 3 {
            0 => {
                let taken = shared.queue.take().ok()??;
                let value = taken.get();
                taken.done();
                Some(value)
            }
            _ => shared.queue.pop(),
        });
        assert_eq!(value, whole(value[0]), "torn");
        shared.sums.fetch_add(0, value[0]);
        shared.sums.fetch_add(1, 1);
    }
}

#[test]
fn every_element_of_a_queue_comes_out_once_whichever_handle_threads_use() {
    let name = unique("threads");
    let handles = [Shared::create(&name).unwrap(), Shared::open(&name).unwrap()];
    scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .flat_map(|thread| {
                let [one, other] = [0, 1].map(|which| &handles[(thread as usize + which) % 2]);
                let producer = scope.spawn(move || produce(one, thread));
                [producer, scope.spawn(move || consume(other, thread))]
            })
            .collect();
        join(threads);
    });
    let all = THREADS * EACH;
    assert_eq!(handles[0].sums.get(1), all);
    assert_eq!(handles[0].sums.get(0), all * (all - 1) / 2);
    assert!(handles[0].queue.is_empty());
}

#[test]
fn a_pair_of_threads_passes_elements_in_order() {
    let name = unique("thread-pair");
    let shared = Shared::create(&name).unwrap();
    let (mut producer, mut consumer) = (
        shared.pair.producer().unwrap(),
        shared.pair.consumer().unwrap(),
    );
    scope(|scope| {
        let producer = scope.spawn(move || {
            for number in 0..THREADS * EACH {
                until(|| producer.push(whole(number)).ok());
            }
        });
        let consumer = scope.spawn(move || {
            for number in 0..THREADS * EACH {
                assert_eq!(until(|| consumer.pop()), whole(number));
            }
        });
        join(vec![producer, consumer]);
    });
    assert!(shared.pair.is_empty());
}

#[test]
fn every_element_of_a_stack_comes_out_once_whichever_handle_threads_use() {
    let name = unique("thread-stack");
    let handles = [Shared::create(&name).unwrap(), Shared::open(&name).unwrap()];
    let push = |shared: &Shared, thread| {
        for number in thread * EACH..(thread + 1) * EACH {
            until(|| shared.stack.push(whole(number)).ok());
        }
    };
    let pop = |shared: &Shared| {
        for _ in 0..EACH {
            let value = until(|| shared.stack.pop());
            assert_eq!(value, whole(value[0]), "torn");
            assert!(shared.stack.peek().is_none_or(|top| top == whole(top[0])));
            shared.sums.fetch_add(2, value[0]);
        }
    };
    scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .flat_map(|thread| {
                let [one, other] = [0, 1].map(|which| &handles[(thread as usize + which) % 2]);
                let pusher = scope.spawn(move || push(one, thread));
                [pusher, scope.spawn(move || pop(other))]
            })
            .collect();
        join(threads);
    });
    let all = THREADS * EACH;
    assert_eq!(handles[0].sums.get(2), all * (all - 1) / 2);
    assert!(handles[0].stack.is_empty());
}
