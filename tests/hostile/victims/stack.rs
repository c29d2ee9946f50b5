//! `Stack`, and recovery of its lanes.

use super::Victim;
use shm_runtime::{Segment, ShmLayout, Stack};
use std::time::Duration;

/// The segment.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 4)]
pub struct Schema {
    stack: Stack<[u64; 3], 5>,
}

/// The stack.
#[derive(Debug)]
pub struct Pile;

impl Victim for Pile {
    type Schema = Schema;
    const NAME: &'static str = "stack";
    const PLACES: &'static [&'static str] = &["@lanes", "@participants", "stack", "stack"];

    fn operate(segment: &Segment<Schema>) {
        let stack = &segment.stack;
        for value in 0..7 {
            let _ = stack.push([value; 3]);
        }
        let _ = stack.peek();
        assert!(stack.len() <= 5);
        let _ = (stack.is_empty(), stack.is_full());
        assert!(stack.pop_slice(&mut [[0; 3]; 9]) <= 9);
        let _ = stack.push_slice(&[[1; 3]; 4]);
        let _ = stack.pop();
        let _ = stack.pop_wait(Duration::ZERO);
        let _ = stack.push_wait([1; 3], Duration::ZERO);
        let _ = Segment::recover(segment);
    }
}
