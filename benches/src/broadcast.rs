//! `Broadcast` beside the disruptor: one who sends, one who reads everything.
//!
//! A disruptor's producer waits for its slowest reader. Ours never waits: a reader that is overtaken is told
//! how many messages it missed, so ours runs at most half a ring ahead here, as a sender would that must lose
//! nothing.

use crate::fifo::{self, CAPACITY, Sample};
use crate::measure::{Bench, Goal};
use crate::spsc::disruptor_one_to_one;
use core::hint::spin_loop;
use core::sync::atomic::{AtomicU64, Ordering::*};
use shm_runtime::structures::{Broadcast, Start};
use shm_runtime::{Element, ShmLayout};

#[derive(ShmLayout)]
struct Ours<T: Element> {
    ring: Broadcast<T, CAPACITY>,
}

pub fn run(bench: &mut Bench) {
    sized::<u64>(bench);
    sized::<[u64; 7]>(bench);
}

fn sized<T: Sample>(bench: &mut Bench) {
    bench
        .case(
            "broadcast",
            &format!("one to one, {} B", size_of::<T>()),
            "ns",
        )
        .ours(|| one_to_one::<T>)
        .peer(
            "disruptor, polled",
            Goal::None,
            || disruptor_one_to_one::<T>,
        )
        .run();
}

fn one_to_one<T: Sample>(n: u64) -> f64 {
    const AHEAD: u64 = CAPACITY as u64 / 2;
    let name = format!("bench-broadcast-{}", std::process::id());
    let first = Ours::<T>::options().prefault(true).create(&name);
    let second = Ours::<T>::options().prefault(true).open(&name);
    let (first, second) = (&first.expect("a segment"), &second.expect("the segment"));
    let seen = &AtomicU64::new(0);
    fifo::sides(
        n,
        || {
            || {
                for number in 0..n {
                    while number % 64 == 0 && number > seen.load(Acquire) + AHEAD {
                        spin_loop();
                    }
                    first.ring.send(T::of(number)).expect("a lane");
                }
            }
        },
        || {
            let mut subscriber = second.ring.subscribe(Start::Oldest);
            move || {
                for number in 0..n {
                    let value = loop {
                        match subscriber.recv().expect("nothing is missed") {
                            Some(value) => break value,
                            None => spin_loop(),
                        }
                    };
                    assert_eq!(value.number(), number, "in order");
                    if number % 64 == 0 {
                        seen.store(number, Release);
                    }
                }
            }
        },
    )
}
