//! Two handles on one segment against a sequential queue.

use super::common::{Random, unique};
use super::{Item, alone, assert_capacity_is_back};
use shm_runtime::{Queue, ShmLayout, Taken};
use std::collections::VecDeque;
use std::time::Duration;

const CASES: u64 = 60;
const OPERATIONS: u64 = 300;

#[derive(ShmLayout)]
#[shm(lanes = 16)]
struct Pair {
    tiny: Queue<Item, 1>,
    small: Queue<Item, 4>,
    large: Queue<Item, 64>,
}

/// What the queue must hold.
#[derive(Default)]
struct Expected {
    queue: VecDeque<Item>,
    /// Elements that came back; which of several comes first is not promised.
    back: Vec<Item>,
}

impl Expected {
    fn got(&mut self, got: Option<Item>) {
        match got.and_then(|item| self.back.iter().position(|&back| back == item)) {
            Some(place) => _ = self.back.swap_remove(place),
            None => {
                assert!(self.back.is_empty(), "what came back goes first");
                assert_eq!(got, self.queue.pop_front());
            }
        }
    }
}

fn run<const N: usize>(handles: [&Queue<Item, N>; 2], random: &mut Random) {
    let mut expected = Expected::default();
    let mut held: Vec<(Item, Taken<'_, Item, N>)> = Vec::new();
    for sequence in 0..OPERATIONS {
        let queue = handles[random.below(2) as usize];
        let item = Item::new(1, sequence);
        let room = N - expected.queue.len();
        match random.below(12) {
            0..3 => {
                assert_eq!(queue.push(item).is_ok(), room > 0);
                expected.queue.extend((room > 0).then_some(item));
            }
            3 => {
                let mut loan = queue.loan().unwrap();
                loan.write(item);
                assert_eq!(loan.get(), item);
                match loan.commit() {
                    Ok(()) => expected.queue.push_back(item),
                    Err(full) => assert_eq!((full.0.get(), room), (item, 0)),
                }
            }
            4 => {
                let items: Vec<_> = (0..random.below(6))
                    .map(|i| Item::new(2 + i, sequence))
                    .collect();
                let pushed = queue.push_slice(&items);
                assert_eq!(pushed, items.len().min(room));
                expected.queue.extend(&items[..pushed]);
            }
            5..7 => expected.got(queue.pop()),
            7 => {
                let mut out = [item; 3];
                let popped = queue.pop_slice(&mut out);
                out[..popped]
                    .iter()
                    .for_each(|&item| expected.got(Some(item)));
                assert!(popped == 3 || expected.queue.is_empty() && expected.back.is_empty());
            }
            8 if held.len() < 4 => {
                let taken = queue.take().unwrap();
                expected.got(taken.as_ref().map(Taken::get));
                held.extend(taken.map(|taken| (taken.get(), taken)));
            }
            9 if !held.is_empty() => {
                let (item, taken) = held.swap_remove(random.below(held.len() as u64) as usize);
                assert_eq!(taken.get(), item);
                if random.below(2) == 0 {
                    taken.done();
                } else {
                    drop(taken);
                    expected.back.push(item);
                }
            }
            10 => {
                let waited = queue.push_wait(item, Duration::ZERO).is_ok();
                assert_eq!(waited, room > 0);
                expected.queue.extend(waited.then_some(item));
                expected.got(queue.pop_wait(Duration::ZERO).ok());
            }
            _ => {
                assert_eq!(queue.len(), expected.queue.len());
                assert_eq!(queue.peek(), expected.queue.front().copied());
                let empty = expected.queue.is_empty() && expected.back.is_empty();
                assert!(queue.is_empty() == empty || expected.queue.is_empty());
            }
        }
    }
    held.drain(..).for_each(|(_, taken)| taken.done());
    while !expected.back.is_empty() || !expected.queue.is_empty() {
        expected.got(handles[0].pop());
    }
    handles
        .iter()
        .for_each(|queue| assert_capacity_is_back(queue, 3));
}

#[test]
fn p1_two_handles_are_one_queue() {
    let _alone = alone();
    let mut random = Random::new("differential");
    let name = unique("differential");
    let first = Pair::create(&name).unwrap();
    let second = Pair::open(&name).unwrap();
    for _ in 0..CASES {
        run([&first.tiny, &second.tiny], &mut random);
        run([&first.small, &second.small], &mut random);
        run([&first.large, &second.large], &mut random);
    }
}
