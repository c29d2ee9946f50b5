//! Queues and stacks: one side typed, the other not.

use super::{Both, Event, Large, Odd, bytes, plain};
use std::time::Duration;

const SIZE: usize = size_of::<Event>();

#[test]
fn what_one_side_pushes_the_other_pops() {
    let both = Both::new("dyn-queue");
    let queue = both.segment.queue("left.events").unwrap();
    let typed = &both.typed.left.events;
    assert_eq!((queue.capacity(), queue.element().size()), (8, SIZE));
    let mut out = [0; SIZE];
    for round in 0..20 {
        typed.push(Event::new(round)).unwrap();
        queue.push(bytes(&Event::new(round + 100))).unwrap();
        assert_eq!((queue.len(), typed.len()), (2, 2));
        assert!(queue.peek(&mut out));
        assert_eq!(plain::<Event>(&out), Event::new(round));
        assert!(queue.pop(&mut out));
        assert_eq!(plain::<Event>(&out), Event::new(round));
        assert_eq!(typed.pop(), Some(Event::new(round + 100)));
        assert!(queue.is_empty() && !queue.pop(&mut out) && !queue.peek(&mut out));
    }
}

#[test]
fn full_and_empty_are_exact_for_both() {
    let both = Both::new("dyn-full");
    let queue = both.segment.queue("left.events").unwrap();
    let event = Event::new(7);
    assert_eq!(queue.push_slice(&bytes(&event).repeat(20)), 8);
    assert!(queue.push(bytes(&event)).is_err() && both.typed.left.events.push(event).is_err());
    let mut out = [0; 20 * SIZE];
    assert_eq!(queue.pop_slice(&mut out), 8);
    assert!(out[..8 * SIZE] == bytes(&event).repeat(8));
    assert!(!queue.pop(&mut out[..SIZE]) && both.typed.left.events.pop().is_none());
}

#[test]
fn an_array_of_queues_has_a_field_for_each() {
    let both = Both::new("dyn-shards");
    for i in 0..3_u64 {
        both.typed.shard[i as usize].push(i).unwrap();
    }
    for i in 0..3_u64 {
        let mut out = [0; 8];
        let queue = both.segment.queue(&format!("shard[{i}]")).unwrap();
        assert!(queue.pop(&mut out));
        assert_eq!(u64::from_le_bytes(out), i);
    }
}

#[test]
fn an_element_of_any_size_is_copied_whole() {
    let both = Both::new("dyn-large");
    let queue = both.segment.queue("large").unwrap();
    for round in 0..10_u8 {
        let value: Large = core::array::from_fn(|i| round.wrapping_mul(31).wrapping_add(i as u8));
        let mut out = [0; size_of::<Large>()];
        both.typed.large.push(value).unwrap();
        assert!(queue.pop(&mut out));
        assert_eq!(out, value);
        queue.push(&value).unwrap();
        assert_eq!(both.typed.large.pop(), Some(value));
    }
}

#[test]
fn what_is_taken_comes_back_to_either_side() {
    let both = Both::new("dyn-taken");
    let queue = both.segment.queue("left.events").unwrap();
    let mut loan = queue.loan().unwrap();
    loan.write(bytes(&Event::new(1)));
    loan.commit().unwrap();
    both.typed.left.events.push(Event::new(2)).unwrap();

    let mut out = [0; SIZE];
    let taken = queue.take().unwrap().expect("one is there");
    taken.read_into(&mut out);
    assert_eq!(plain::<Event>(&out), Event::new(1));
    drop(taken); // not acknowledged: it comes back
    assert_eq!(both.typed.left.events.pop(), Some(Event::new(1)));

    let taken = both
        .typed
        .left
        .events
        .take()
        .unwrap()
        .expect("one is there");
    assert!(queue.take().unwrap().is_none());
    drop(taken);
    let taken = queue.take().unwrap().expect("it came back");
    taken.read_into(&mut out);
    assert_eq!(plain::<Event>(&out), Event::new(2));
    taken.done();
    assert!(!queue.pop(&mut out) && both.typed.left.events.pop().is_none());
}

#[test]
fn a_stack_is_one_for_both() {
    let both = Both::new("dyn-stack");
    let (stack, odd) = (
        both.segment.stack("idle").unwrap(),
        both.segment.stack("left.odd").unwrap(),
    );
    assert_eq!((stack.capacity(), odd.capacity()), (6, 5));
    let mut out = [0; SIZE];
    both.typed.idle.push(Event::new(1)).unwrap();
    stack.push(bytes(&Event::new(2))).unwrap();
    assert_eq!(
        (stack.len(), both.typed.idle.peek()),
        (2, Some(Event::new(2)))
    );
    assert!(stack.peek(&mut out) && plain::<Event>(&out) == Event::new(2));
    assert_eq!(both.typed.idle.pop(), Some(Event::new(2)));
    assert!(stack.pop(&mut out) && plain::<Event>(&out) == Event::new(1));
    assert!(stack.is_empty() && !stack.pop(&mut out));

    assert_eq!(odd.push_slice(&[7; 30]), 5);
    assert!(both.typed.left.odd.is_full() && odd.push(&[1; 3]).is_err());
    assert_eq!(both.typed.left.odd.pop(), Some([7; 3]));
    let mut three = [0; 9];
    assert_eq!(odd.pop_slice(&mut three), 3);
    assert_eq!(three, [7; 9]);
    assert_eq!(both.typed.left.odd.pop(), Some::<Odd>([7; 3]));
}

#[test]
fn a_sleeper_is_woken_by_the_other_side() {
    const LONG: Duration = Duration::from_secs(60);
    let both = Both::new("dyn-wait");
    let (queue, stack) = (
        both.segment.queue("left.events").unwrap(),
        both.segment.stack("idle").unwrap(),
    );
    std::thread::scope(|scope| {
        let sleeper = scope.spawn(|| {
            let mut out = [0; SIZE];
            queue.pop_wait(&mut out, LONG).unwrap();
            stack.push(&out).unwrap();
        });
        both.typed
            .left
            .events
            .push_wait(Event::new(3), LONG)
            .unwrap();
        assert_eq!(both.typed.idle.pop_wait(LONG), Ok(Event::new(3)));
        sleeper.join().unwrap();
    });
    let mut out = [0; SIZE];
    assert!(queue.pop_wait(&mut out, Duration::ZERO).is_err());
    assert!(stack.pop_wait(&mut out, Duration::ZERO).is_err());
    assert!(queue.push_wait(&out, Duration::ZERO).is_ok());
    assert!(stack.push_wait(&out, Duration::ZERO).is_ok());
}

#[test]
fn wrong_sizes_are_told_with_the_fields_name() {
    let both = Both::new("dyn-size");
    let queue = both.segment.queue("left.events").unwrap();
    let text = panic_of(|| _ = queue.push(&[0; 3]));
    assert_eq!(
        text,
        "3 bytes are no element of `left.events`, which has 24"
    );
    let text = panic_of(|| _ = queue.pop_slice(&mut [0; 25]));
    assert_eq!(
        text,
        "25 bytes are no whole elements of `left.events`, which have 24"
    );
    let reader = shm_runtime::dynamic::Segment::open_read_only(both.segment.name()).unwrap();
    let stack = reader.stack("idle").unwrap();
    let text = panic_of(|| _ = stack.push(&[0; SIZE]));
    assert!(text.starts_with("`idle` was opened read-only"), "{text}");
    assert!(!stack.peek(&mut [0; SIZE]));
}

/// The message with which some code panics.
pub(super) fn panic_of(code: impl FnOnce()) -> String {
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(code)).unwrap_err();
    match panic.downcast_ref::<String>() {
        Some(text) => text.clone(),
        None => panic
            .downcast_ref::<&str>()
            .map_or(String::new(), |text| (*text).to_owned()),
    }
}
