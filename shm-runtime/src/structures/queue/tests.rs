//! Against a sequential queue, on memory of this process; across processes: `tests/queue.rs`.

use super::ring::{Parts, Ring, Stop};
use super::{Head, Repr};
use crate::layout::Represent;
use crate::memory::atomic::AtomicU64;
use crate::memory::cell::Cells;
use crate::memory::exchange::{Exchange, Fixed};
use crate::memory::kernel::Linux;
use crate::memory::lane::{LaneRecord, Place};
use crate::memory::signals::Kernel;
use proptest::prelude::*;
use std::collections::VecDeque;
use zerocopy::FromZeros;

const LANES: usize = 4;

struct Memory<const N: usize> {
    repr: Box<Repr<u64, N, LANES>>,
    records: Box<[LaneRecord; LANES]>,
}

impl<const N: usize> Memory<N> {
    fn new() -> Self {
        Self {
            repr: Repr::new_box_zeroed().expect("room for a small queue"),
            records: Box::new(FromZeros::new_zeroed()),
        }
    }

    fn ring(&self) -> Ring<'_, Self> {
        Ring(self)
    }
}

impl<const N: usize> Parts for Memory<N> {
    type Element = u64;
    type Cells = Cells<u64>;
    type Capacity = Fixed<N>;

    fn exchange(&self) -> Exchange<'_, Fixed<N>> {
        Exchange {
            words: &self.repr.head.exchange.words,
            signals: &self.repr.head.exchange.signals,
            lines: &self.repr.lines,
            records: &*self.records,
            place: Place::new(0, N),
        }
    }
    fn cells(&self) -> &Cells<u64> {
        self.repr.cells.cells()
    }
    fn head(&self) -> &AtomicU64 {
        &self.repr.head.head.0
    }
    fn tail(&self) -> &AtomicU64 {
        &self.repr.head.tail.0
    }
    fn kernel(&self) -> impl Kernel {
        Linux
    }
}

#[test]
fn zeroed_is_empty() {
    let memory = Memory::<8>::new();
    let ring = memory.ring();
    assert_eq!(ring.pop(0, true), Err(Stop::None));
    assert_eq!(ring.peek(), Err(Stop::None));
    assert_eq!(ring.len(), 0);
    assert!(ring.is_blocked(false) && !ring.is_blocked(true));
}

#[test]
fn layout_is_the_documented_one() {
    assert_eq!(core::mem::offset_of!(Head<8>, tail), 0x80);
    assert_eq!(core::mem::offset_of!(Head<8>, exchange.signals), 0x100);
    assert_eq!(core::mem::offset_of!(Head<8>, exchange.words), 0x180);
    assert_eq!(core::mem::offset_of!(Repr<u64, 8, LANES>, lines), 0x200);
    assert_eq!(
        <Repr<[u8; 24], 8, LANES> as Represent>::SIZE,
        0x200 + 128 * LANES + 24 * 16
    );
}

/// A hint may be anything: its writer was stopped for a billion operations, or is hostile.
#[test]
fn p6_a_wrong_hint_is_mended() {
    use crate::memory::atomic::Ordering::Relaxed;
    const N: usize = 65_536;
    let memory = Memory::<N>::new();
    let ring = memory.ring();
    for value in 0..3 * N as u64 + 17 {
        ring.push(0, value, true).unwrap();
        assert_eq!(ring.pop(1, true), Ok(value));
    }
    for hint in [0, 1, 17, N as u64, 1 << 30, 1 << 61, u64::MAX, u64::MAX - 5] {
        ring.push(0, hint, true).unwrap();
        memory.repr.head.head.store(hint, Relaxed);
        memory.repr.head.tail.store(hint, Relaxed);
        ring.push(2, !hint, true).unwrap();
        assert_eq!(ring.pop(1, true), Ok(hint));
        memory
            .repr
            .head
            .head
            .store(hint.wrapping_sub(1_000_000_000), Relaxed);
        assert_eq!(ring.pop(1, true), Ok(!hint));
        assert_eq!(ring.pop(1, true), Err(Stop::None));
    }
}

/// A stale hint costs O(log N), counted in accesses to shared memory.
#[test]
fn p2_a_stale_hint_costs_log_n() {
    use crate::memory::atomic::{Ordering::Relaxed, set_hook};
    use core::cell::Cell;
    thread_local! {
        static ACCESSES: Cell<usize> = const { Cell::new(0) };
    }
    const N: usize = 65_536;
    let memory = Memory::<N>::new();
    let ring = memory.ring();
    for value in 0..5 * N as u64 + 40_000 {
        ring.push(0, value, true).unwrap();
        ring.pop(1, true).unwrap();
    }
    memory.repr.head.tail.store(3, Relaxed);
    memory.repr.head.head.store(3, Relaxed);
    set_hook(Some(|| ACCESSES.set(ACCESSES.get() + 1)));
    ring.push(0, 1, true).unwrap();
    ring.pop(1, true).unwrap();
    set_hook(None);
    assert!(ACCESSES.get() < 150, "{} accesses", ACCESSES.get());
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Push,
    Pop,
    Peek,
    TakeDone,
    TakeDrop,
    Len,
}

fn op() -> impl Strategy<Value = (Op, usize)> {
    let op = prop_oneof![
        4 => Just(Op::Push),
        3 => Just(Op::Pop),
        1 => Just(Op::Peek),
        1 => Just(Op::TakeDone),
        1 => Just(Op::TakeDrop),
        1 => Just(Op::Len),
    ];
    (op, 0..LANES)
}

fn run<const N: usize>(ops: &[(Op, usize)]) {
    let memory = Memory::<N>::new();
    let ring = memory.ring();
    let mut queue = VecDeque::new();
    let mut back = Vec::new();
    for (value, &(op, lane)) in (1..).zip(ops) {
        match op {
            Op::Push if queue.len() == N => {
                assert_eq!(ring.push(lane, value, true), Err(Stop::None))
            }
            Op::Push => {
                assert_eq!(ring.push(lane, value, true), Ok(()));
                queue.push_back(value);
            }
            Op::Peek => assert_eq!(ring.peek().ok(), queue.front().copied()),
            Op::Len => assert_eq!(ring.len(), queue.len()),
            Op::Pop | Op::TakeDone | Op::TakeDrop => {
                let got = if matches!(op, Op::Pop) {
                    ring.pop(lane, true)
                } else {
                    ring.take(lane).and_then(|()| ring.spare_value(lane))
                };
                // one that came back goes first; which of several is not promised
                match got {
                    Ok(got) if back.contains(&got) => back.retain(|&other| other != got),
                    got => {
                        assert!(back.is_empty());
                        assert_eq!(got.ok(), queue.pop_front());
                    }
                }
                match (op, got) {
                    (Op::TakeDone, Ok(_)) => ring.done(lane),
                    (Op::TakeDrop, Ok(got)) => {
                        ring.put_back(lane);
                        back.push(got);
                    }
                    _ => {}
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn behaves_like_a_sequential_queue(ops in proptest::collection::vec(op(), 0..400)) {
        run::<1>(&ops);
        run::<2>(&ops);
        run::<8>(&ops);
    }
}
