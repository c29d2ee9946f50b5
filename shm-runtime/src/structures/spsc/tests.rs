//! Against a sequential queue, on memory of this process; with kills: `models::spsc`.

use super::Repr;
use super::ring::Ring;
use crate::memory::cell::Cells;
use crate::memory::kernel::Linux;
use proptest::prelude::*;
use std::collections::VecDeque;
use zerocopy::FromZeros;

fn ring<const N: usize>(repr: &Repr<u32, N>) -> Ring<'_, Cells<u32>, Linux> {
    Ring {
        producer: &repr.head.producer,
        consumer: &repr.head.consumer,
        signals: &repr.head.signals,
        cells: repr.cells.cells(),
        kernel: Linux,
    }
}

#[test]
fn zeroed_is_empty() {
    let repr = Repr::<u32, 4>::new_box_zeroed().expect("room");
    let ring = ring(&repr);
    let (mut consumer, mut producer) = (ring.consumer_memo(), ring.producer_memo());
    assert_eq!(ring.pop(&mut consumer), None);
    assert_eq!(ring.len(), 0);
    assert_eq!(ring.room(&mut producer, 4), 4);
}

/// The other side's position may be anything.
#[test]
fn p6_wrong_positions_give_nothing() {
    use crate::memory::atomic::Ordering::Relaxed;
    let repr = Repr::<u32, 4>::new_box_zeroed().expect("room");
    let ring = ring(&repr);
    for wrong in [5, 1 << 40, u64::MAX, u64::MAX - 3] {
        repr.head.producer.position.store(wrong, Relaxed);
        let mut consumer = ring.consumer_memo();
        assert_eq!(ring.pop(&mut consumer), None);
        assert_eq!(ring.pop_slice(&mut consumer, &mut [0; 9]), 0);
        repr.head.producer.position.store(0, Relaxed);
        repr.head.consumer.position.store(wrong, Relaxed);
        let mut producer = ring.producer_memo();
        let room = ring.room(&mut producer, 1);
        assert!(room <= 4, "{room} places of 4");
        repr.head.consumer.position.store(0, Relaxed);
    }
}

proptest! {
    #[test]
    fn behaves_like_a_sequential_queue(ops in proptest::collection::vec((0..6, 0_usize..12), 0..300)) {
        let repr = Repr::<u32, 8>::new_box_zeroed().expect("room");
        let ring = ring(&repr);
        let (mut producer, mut consumer) = (ring.producer_memo(), ring.consumer_memo());
        let mut queue = VecDeque::new();
        let mut next = 0;
        for (op, count) in ops {
            match op {
                0 => {
                    let pushed = ring.push(&mut producer, next);
                    prop_assert_eq!(pushed, queue.len() < 8);
                    if pushed {
                        queue.push_back(next);
                        next += 1;
                    }
                }
                1 => prop_assert_eq!(ring.pop(&mut consumer), queue.pop_front()),
                2 => {
                    let values: Vec<_> = (next..next + count as u32).collect();
                    let pushed = ring.push_slice(&mut producer, &values);
                    prop_assert_eq!(pushed, count.min(8 - queue.len()));
                    queue.extend(&values[..pushed]);
                    next += pushed as u32;
                }
                3 => {
                    let room = ring.room(&mut producer, count.min(8));
                    let values: Vec<_> = (next..next + count.min(room) as u32).collect();
                    let (left, right) = values.split_at(values.len() / 2);
                    ring.write_slice(&producer, left.len(), right);
                    ring.write_slice(&producer, 0, left);
                    ring.publish(&mut producer, values.len());
                    queue.extend(&values);
                    next += values.len() as u32;
                }
                4 => {
                    let filled = ring.filled(&mut consumer, count);
                    let mut out = vec![0; count.min(filled)];
                    let (left, right) = out.split_at_mut(count.min(filled) / 2);
                    ring.read_slice(&consumer, left.len(), right);
                    ring.read_slice(&consumer, 0, left);
                    ring.release(&mut consumer, out.len());
                    let expected: Vec<_> = queue.drain(..out.len()).collect();
                    prop_assert_eq!(out, expected);
                }
                _ => {
                    let mut out = vec![0; count];
                    let popped = ring.pop_slice(&mut consumer, &mut out);
                    prop_assert_eq!(popped, count.min(queue.len()));
                    let expected: Vec<_> = queue.drain(..popped).collect();
                    prop_assert_eq!(&out[..popped], &expected[..]);
                }
            }
            prop_assert_eq!(ring.len(), queue.len());
        }
    }
}
