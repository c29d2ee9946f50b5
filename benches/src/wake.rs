//! A process asleep, until another has something for it: from just before that is sent until the sleeper has
//! it.

use crate::measure::{Bench, Goal, PERCENTILES, percentiles};
use crate::process::{Board, beside, futex_wait, futex_wake, now, spin_until};
use crate::{fifo, pipes};
use core::hint::spin_loop;
use core::sync::atomic::{AtomicU64, Ordering::*};
use shm_runtime::{Queue, Segment, ShmLayout, structures::Spsc};
use std::time::Duration;

const CAPACITY: usize = 64;
/// Longer than any wait here.
const LONG: Duration = Duration::from_secs(10);
/// How long the other side is left alone, so that it is asleep.
const NAP: u64 = 100_000;

#[derive(ShmLayout)]
struct Ours {
    queue: Queue<u64, CAPACITY>,
    ring: Spsc<u64, CAPACITY>,
}

fn create() -> Segment<Ours> {
    let name = format!("bench-wake-{}", std::process::id());
    Ours::create(&name).expect("a segment")
}

fn open(ours: &Segment<Ours>) -> Segment<Ours> {
    Ours::open(Segment::name(ours)).expect("the segment")
}

/// Has a child receive the numbers 1 ..= n, each when it had time to fall asleep. The child makes its own
/// end. Nanoseconds: p50, p99, p99.9 and the longest.
pub fn woken<R: FnMut() -> u64>(
    board: &'static Board,
    n: u64,
    receiver: impl FnOnce() -> R,
    mut send: impl FnMut(u64),
) -> [f64; 4] {
    board.reset();
    let last: &AtomicU64 = &board.back.0;
    beside(
        || {
            let mut receive = receiver();
            board.ready();
            for number in 1..=n {
                assert_eq!(receive(), number);
                last.store(now(), Release);
            }
        },
        || {
            board.go();
            let mut before = 0;
            let sample = |number| {
                spin_until(now() + NAP);
                let start = now();
                send(number);
                let end = loop {
                    match last.load(Acquire) {
                        time if time != before => break time,
                        _ => spin_loop(),
                    }
                };
                before = end;
                end.saturating_sub(start) as f64
            };
            percentiles((1..=n).map(sample).collect())
        },
    )
}

/// The least that it can cost.
pub fn bare_futex(board: &'static Board) -> impl FnMut(u64) -> [f64; 4] {
    move |n| {
        let word = &board.futex.0;
        let mut next = 0;
        let receive = move || {
            let before = next as u32;
            next += 1;
            while word.load(Acquire) == before {
                futex_wait(word, before);
            }
            next
        };
        woken(
            board,
            n,
            || receive,
            |number| {
                word.store(number as u32, Release);
                futex_wake(word);
            },
        )
    }
}

pub fn run(bench: &mut Bench) {
    let board = Board::new();
    let allowed = Goal::Within {
        times: 1.1,
        more: 0.0,
    };
    let case = bench
        .case("wake", "pop_wait of a Queue, 8 B", "ns")
        .statistics(PERCENTILES)
        .at_least(100)
        .ours(|| queue(board))
        .peer("bare futex", allowed, || bare_futex(board))
        .peer("pipe", Goal::None, || pipes::woken_by_pipe(board))
        .peer("Unix socket", Goal::None, || pipes::woken_by_socket(board))
        .peer("POSIX message queue", Goal::None, || {
            pipes::woken_by_mq(board)
        });
    #[cfg(feature = "ipc-channel")]
    let case = case.peer("ipc-channel", Goal::None, || {
        pipes::woken_by_ipc_channel(board)
    });
    #[cfg(boost)]
    let case = case.peer("Boost.Interprocess message_queue", Goal::None, || {
        pipes::woken_by_boost(board)
    });
    case.run();
    bench
        .case("wake", "pop_wait of a Spsc, 8 B", "ns")
        .statistics(PERCENTILES)
        .at_least(100)
        .ours(|| spsc(board))
        .peer("bare futex", allowed, || bare_futex(board))
        .run();
    nobody_asleep(bench);
}

fn queue(board: &'static Board) -> impl FnMut(u64) -> [f64; 4] {
    move |n| {
        let ours = create();
        let receiver = || {
            let theirs = open(&ours);
            move || theirs.queue.pop_wait(LONG).expect("it comes")
        };
        woken(board, n, receiver, |number| {
            ours.queue.push(number).expect("room")
        })
    }
}

fn spsc(board: &'static Board) -> impl FnMut(u64) -> [f64; 4] {
    move |n| {
        let ours = create();
        let mut producer = ours.ring.producer().expect("free");
        let receiver = || {
            let theirs = open(&ours);
            let mut consumer = theirs.ring.consumer().expect("free");
            move || consumer.pop_wait(LONG).expect("it comes")
        };
        woken(board, n, receiver, |number| {
            producer.push(number).expect("room")
        })
    }
}

/// What operations cost because somebody might sleep: one push and pop where somebody has waited before,
/// beside one where nobody ever did. The load of the flag is in both: there is no `Queue` without it.
fn nobody_asleep(bench: &mut Bench) {
    let allowed = Goal::Within {
        times: 1.0,
        more: 1.0,
    };
    let briefly = Duration::from_millis(1);
    let pairs = |ours: Segment<Ours>| {
        move |n| {
            fifo::pair(
                n,
                |value| ours.queue.push(value).is_ok(),
                || ours.queue.pop(),
            )
        }
    };
    bench
        .case("wake", "push + pop of a Queue, nobody asleep", "ns")
        .ours(|| {
            let ours = create();
            assert!(ours.queue.pop_wait(briefly).is_err(), "it is empty");
            pairs(ours)
        })
        .peer("itself, where nobody ever waited", allowed, || {
            let name = format!("bench-awake-{}", std::process::id());
            pairs(Ours::create(&name).expect("a segment"))
        })
        .run();
    let both = |name: &str, waited: bool| {
        let ours = Ours::create(&format!("bench-{name}-{}", std::process::id()));
        let ours = ours.expect("a segment");
        let mut producer = ours.ring.producer().expect("free");
        let mut consumer = ours.ring.consumer().expect("free");
        if waited {
            assert!(consumer.pop_wait(briefly).is_err(), "it is empty");
        }
        move |n| fifo::pair(n, |value| producer.push(value).is_ok(), || consumer.pop())
    };
    bench
        .case("wake", "push + pop of a Spsc, nobody asleep", "ns")
        .ours(|| both("waited", true))
        .peer("itself, where nobody ever waited", allowed, || {
            both("awake", false)
        })
        .run();
}
