//! Segments without their schema: a program that knows the types and one that does not work on the same structures.
//! Promises P6, P8.

#![allow(dead_code)] // fields that only describe

mod blocking;
#[path = "../common/mod.rs"]
mod common;
mod counts;
mod creation;
mod description;
mod hostile;
mod image;
mod killed;
mod latest;
mod lists;
mod maps;
mod numbers;
mod registered;
mod together;
mod values;

use common::unique;
use shm_runtime::prelude::*;
use shm_runtime::{Segment, dynamic};

/// An element of several fields, with a nested one.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable, ShmType)]
#[repr(C)]
struct Event {
    t: f64,
    place: Place,
    kind: u32,
    codes: [u8; 4],
}

#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable, ShmType)]
#[repr(C)]
struct Place {
    row: i32,
    column: i32,
}

impl Event {
    fn new(number: u32) -> Self {
        Self {
            t: f64::from(number) + 0.5,
            place: Place {
                row: -(number as i32),
                column: number as i32,
            },
            kind: number,
            codes: [number as u8, 1, 2, 3],
        }
    }
}

/// Bytes of 1, 3 and 300: words of other widths, and more than goes word by word.
type Odd = [u8; 3];
type Large = [u8; 300];

/// A nested schema.
#[derive(Debug, ShmLayout)]
struct Side {
    events: Queue<Event, 8>,
    odd: Stack<Odd, 5>,
}

/// Everything that has elements.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 8)]
struct All {
    /// Heights.
    #[shm(shape = [3, 4], unit = "m")]
    grid: Array<f32, 12>,
    count: Atomic<i32>,
    ratio: Atomic<f64>,
    left: Side,
    shard: [Queue<u64, 4>; 3],
    large: Queue<Large, 2>,
    idle: Stack<Event, 6>,
    prices: Map<u32, u64, 16>,
    names: Map<ShmStr<24>, Event, 8>,
    wide: Map<Large, Odd, 4>,
    tiles: LargeMap<[u32; 2], Odd, 16, 5>,
    seen: Set<[u8; 6], 8>,
}

/// A segment of that schema, and the same opened without it.
struct Both {
    typed: Segment<All>,
    segment: dynamic::Segment,
}

impl Both {
    fn new(test: &str) -> Self {
        let name = unique(test);
        let typed = All::create(&name).unwrap();
        let segment = dynamic::Segment::open(&name).unwrap();
        Self { typed, segment }
    }
}

/// The bytes of a plain value.
fn bytes<T: Pod>(value: &T) -> &[u8] {
    bytemuck::bytes_of(value)
}

/// The plain value of some bytes.
fn plain<T: Pod>(bytes: &[u8]) -> T {
    bytemuck::pod_read_unaligned(bytes)
}
