//! Both kinds of handles on one structure at a time, from several threads: nothing is lost, doubled or torn.

use super::{Both, Event, bytes, plain};
use shm_runtime::prelude::*;
use shm_runtime::{Segment, dynamic};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

const EACH: u32 = 5000;
const SIZE: usize = size_of::<Event>();

/// Two threads push, one through each kind of handle, and two pop; all that was pushed is popped once.
fn conserved(
    push: [&(dyn Fn(Event) -> bool + Sync); 2],
    pop: [&(dyn Fn() -> Option<Event> + Sync); 2],
) {
    let popped = Mutex::new(Vec::new());
    let left = AtomicU32::new(2 * EACH);
    std::thread::scope(|scope| {
        for (who, push) in (0..).zip(push) {
            scope.spawn(move || {
                for n in 0..EACH {
                    while !push(Event::new(who * EACH + n)) {
                        std::thread::yield_now();
                    }
                }
            });
        }
        for pop in pop {
            let (popped, left) = (&popped, &left);
            scope.spawn(move || {
                while left.load(Relaxed) > 0 {
                    match pop() {
                        Some(event) => {
                            left.fetch_sub(1, Relaxed);
                            popped.lock().unwrap().push(event);
                        }
                        None => std::thread::yield_now(),
                    }
                }
            });
        }
    });
    let mut popped = popped.into_inner().unwrap();
    popped.sort_by_key(|event| event.kind);
    let expected: Vec<_> = (0..2 * EACH).map(Event::new).collect();
    assert!(popped == expected, "an event was lost, doubled or torn");
}

#[test]
fn a_queue_keeps_what_both_push() {
    let both = Both::new("dyn-together-queue");
    let (queue, typed) = (
        both.segment.queue("left.events").unwrap(),
        &both.typed.left.events,
    );
    conserved(
        [&|event| typed.push(event).is_ok(), &|event| {
            queue.push(bytes(&event)).is_ok()
        }],
        [&|| typed.pop(), &|| {
            let mut out = [0; SIZE];
            queue.pop(&mut out).then(|| plain(&out))
        }],
    );
}

#[test]
fn a_stack_keeps_what_both_push() {
    let both = Both::new("dyn-together-stack");
    let (stack, typed) = (both.segment.stack("idle").unwrap(), &both.typed.idle);
    conserved(
        [&|event| typed.push(event).is_ok(), &|event| {
            stack.push(bytes(&event)).is_ok()
        }],
        [&|| typed.pop(), &|| {
            let mut out = [0; SIZE];
            stack.pop(&mut out).then(|| plain(&out))
        }],
    );
}

#[test]
fn a_map_loses_no_update_of_either() {
    let both = Both::new("dyn-together-map");
    let (prices, typed) = (both.segment.map("prices").unwrap(), &both.typed.prices);
    for key in 0..4 {
        typed.insert(key, 0).unwrap();
    }
    std::thread::scope(|scope| {
        scope.spawn(|| (0..EACH).for_each(|n| _ = typed.update(n % 4, |value| value + 1)));
        scope.spawn(|| {
            for n in 0..EACH {
                let raise = |value: &mut [u8]| {
                    let next = plain::<u64>(value) + 1;
                    value.copy_from_slice(&next.to_le_bytes());
                };
                assert!(prices.update(&(n % 4).to_le_bytes(), &mut [0; 8], raise));
            }
        });
    });
    let total: u64 = (0..4).filter_map(|key| typed.get(key)).sum();
    assert_eq!(total, 2 * u64::from(EACH));
}

#[test]
fn a_latest_value_is_never_torn_for_either() {
    #[derive(Debug, ShmLayout)]
    struct Latest {
        value: Versioned<[u64; 40]>,
    }
    let name = super::unique("dyn-together-latest");
    let typed: Segment<Latest> = Latest::create(&name).unwrap();
    let value = dynamic::Segment::open(&name)
        .unwrap()
        .versioned("value")
        .unwrap();
    let is_whole = |words: &[u64; 40]| words.iter().all(|word| *word == words[0]);
    std::thread::scope(|scope| {
        scope.spawn(|| (0..u64::from(EACH)).for_each(|n| typed.value.store([n; 40]).unwrap()));
        scope.spawn(|| {
            (0..u64::from(EACH)).for_each(|n| value.store(bytes(&[!n; 40])).unwrap());
        });
        scope.spawn(|| (0..EACH).for_each(|_| assert!(is_whole(&typed.value.load()))));
        scope.spawn(|| {
            let mut out = [0_u64; 40];
            for _ in 0..EACH {
                value.load(bytemuck::cast_slice_mut(&mut out));
                assert!(is_whole(&out));
            }
        });
    });
}
