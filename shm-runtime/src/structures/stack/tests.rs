//! Against a sequential stack, on memory of this process; with kills: `models::stack`, and among processes:
//! `tests/owned/stack.rs`.

use super::Repr;
use super::lifo::Lifo;
use crate::layout::Represent;
use crate::memory::atomic::Ordering::Relaxed;
use crate::memory::cell::Cells;
use crate::memory::kernel::Linux;
use crate::memory::lane::{LaneRecord, Place};
use crate::memory::two_lists::{Stop, TwoLists, Way};
use proptest::prelude::*;
use zerocopy::FromZeros;

const LANES: usize = 4;

struct Memory<const N: usize> {
    repr: Box<Repr<u64, N, LANES>>,
    records: Box<[LaneRecord; LANES]>,
}

impl<const N: usize> Memory<N> {
    fn new() -> Self {
        Self {
            repr: Repr::new_box_zeroed().expect("room for a small stack"),
            records: Box::new(FromZeros::new_zeroed()),
        }
    }

    fn lifo(&self) -> Lifo<'_, Cells<u64>, Linux> {
        Lifo {
            lists: TwoLists {
                heads: &self.repr.head.words[0],
                signals: &self.repr.head.signals,
                lines: &self.repr.lines,
                rows: self.repr.rows.as_flattened(),
                links: self.repr.links.all(),
                records: &*self.records,
                place: Place::new(0, 1),
            },
            cells: self.repr.cells.cells(),
            kernel: Linux,
        }
    }
}

#[test]
fn zeroed_is_empty() {
    let memory = Memory::<3>::new();
    let lifo = memory.lifo();
    assert_eq!(lifo.pop(0), Err(Stop::None));
    assert_eq!(lifo.peek(), Err(Stop::None));
    assert_eq!(lifo.lists.len(), Ok(0));
    assert_eq!(lifo.lists.capacity(), 3);
    assert!(lifo.lists.is_blocked(Way::Pop) && !lifo.lists.is_blocked(Way::Push));
}

#[test]
fn layout_is_the_documented_one() {
    use core::mem::offset_of;
    type Documented = Repr<[u8; 24], 8, LANES>;
    assert_eq!(offset_of!(Documented, head.words), 0x80);
    assert_eq!(offset_of!(Documented, lines), 0x100);
    let rows = 0x100 + 128 * LANES;
    assert_eq!(offset_of!(Documented, rows), rows);
    let place = Place::new(0, 1);
    assert_eq!(
        place.end(LANES),
        rows as u64,
        "where recovery looks for them"
    );
    let links = rows + 8 * LANES * LANES;
    assert_eq!(offset_of!(Documented, links), links);
    let nodes = links + 16 * (LANES + 8);
    assert_eq!(
        <Documented as Represent>::SIZE,
        nodes.next_multiple_of(64) + 24 * (LANES + 8)
    );
}

/// A word of any numbers: no operation leaves the arrays, and each ends.
#[test]
fn p6_any_word_ends_every_operation() {
    let memory = Memory::<3>::new();
    let lifo = memory.lifo();
    for wrong in [
        1,
        7,
        1 << 15,
        1 << 30,
        3 << 29,
        u64::MAX,
        u64::MAX << 15,
        6 << 15,
    ] {
        memory.repr.head.words[0].store(wrong, Relaxed);
        for lane in 0..LANES {
            let _ = (lifo.push(lane, 1), lifo.peek(), lifo.pop(lane));
            assert!(lifo.lists.len().unwrap_or(0) <= 3);
        }
    }
    assert_eq!(lifo.push(LANES, 1), Err(Stop::Corrupt), "no such lane");
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Push,
    Pop,
    Peek,
}

fn run<const N: usize>(ops: &[(Op, usize)]) {
    let memory = Memory::<N>::new();
    let lifo = memory.lifo();
    let mut stack = Vec::new();
    for (value, &(op, lane)) in (1..).zip(ops) {
        match op {
            Op::Push if stack.len() == N => assert_eq!(lifo.push(lane, value), Err(Stop::None)),
            Op::Push => {
                assert_eq!(lifo.push(lane, value), Ok(()));
                stack.push(value);
            }
            Op::Pop => assert_eq!(lifo.pop(lane).ok(), stack.pop()),
            Op::Peek => assert_eq!(lifo.peek().ok(), stack.last().copied()),
        }
        assert_eq!(lifo.lists.len(), Ok(stack.len()));
        assert_eq!(lifo.lists.is_blocked(Way::Push), stack.len() == N);
        assert_eq!(lifo.lists.is_blocked(Way::Pop), stack.is_empty());
    }
}

proptest! {
    #[test]
    fn behaves_like_a_sequential_stack(
        ops in proptest::collection::vec((
            prop_oneof![3 => Just(Op::Push), 2 => Just(Op::Pop), 1 => Just(Op::Peek)],
            0..LANES,
        ), 0..300)
    ) {
        run::<1>(&ops);
        run::<3>(&ops);
        run::<8>(&ops);
    }
}
