//! `Array` and `Atomic` through their handles, in two attachments of one segment.

mod common;

use common::unique;
use shm_runtime::{Array, Atomic, Pod, Segment, ShmLayout, ShmType, Zeroable};
use std::panic::{AssertUnwindSafe, catch_unwind};

#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable, ShmType)]
#[repr(C)]
struct Place {
    x: f64,
    y: f64,
    id: u64,
}

#[derive(ShmLayout)]
struct Memory {
    words: Array<u32, 100>,
    bytes: Array<u8, 7>,
    floats: Array<f32, 10>,
    pairs: Array<[u16; 2], 3>,
    places: Array<Place, 50>,
    frames: Array<[u64; 100], 4>,
    shards: [Array<i16, 5>; 3],
    count: Atomic<u8>,
    level: Atomic<f64>,
}

/// Two attachments of a new segment.
fn two(test: &str) -> (Segment<Memory>, Segment<Memory>) {
    let name = unique(test);
    (Memory::create(&name).unwrap(), Memory::open(&name).unwrap())
}

/// The message of the panic that this causes.
fn panic_of<R>(cause: impl FnOnce() -> R) -> String {
    let result = catch_unwind(AssertUnwindSafe(|| drop(cause())));
    let payload = result.unwrap_err();
    payload
        .downcast_ref::<String>()
        .cloned()
        .unwrap_or_default()
}

#[test]
fn what_one_writes_the_other_reads() {
    let (here, there) = two("array");
    here.words.set(99, 7);
    assert_eq!(there.words.get(99), 7);
    let place = Place {
        x: 1.0,
        y: 2.0,
        id: 3,
    };
    here.places.set(49, place);
    assert_eq!(there.places.get(49), place);
    here.frames.set(3, [9; 100]);
    assert_eq!(there.frames.get(3), [9; 100]);
    here.shards[2].set(4, -1);
    assert_eq!(there.shards[2].get(4), -1);
    assert_eq!(there.shards[1].get(4), 0);
    here.count.store(200);
    assert_eq!(there.count.fetch_add(100), 200);
    assert_eq!(here.count.load(), 44);
}

#[test]
fn slices_are_copied_in_and_out() {
    let (here, there) = two("slices");
    let values: Vec<u32> = (0..100).collect();
    here.words.write_from(0, &values);
    let mut half = [0; 50];
    there.words.read_into(25, &mut half);
    assert_eq!(half[..], values[25..75]);
    assert!(there.words.iter().eq(0..100));
    assert!(there.words.iter().rev().eq((0..100).rev()));
    assert_eq!(there.words.len(), 100);
    here.words.write_from(100, &[]);

    let places: Vec<_> = (0..50)
        .map(|id| Place {
            x: 0.5,
            y: -0.5,
            id,
        })
        .collect();
    here.places.write_from(0, &places);
    assert!(there.places.iter().eq(places.iter().copied()));
}

#[test]
fn fill_reaches_every_element_whatever_its_size() {
    let (here, there) = two("fill");
    here.words.fill(3);
    here.bytes.fill(4);
    here.frames.fill([5; 100]);
    assert!(there.words.iter().all(|word| word == 3));
    assert!(there.bytes.iter().all(|byte| byte == 4));
    assert!(there.frames.iter().all(|frame| frame == [5; 100]));
    assert!(
        there.floats.iter().all(|float| float == 0.0),
        "neighbours are untouched"
    );
}

#[test]
fn copy_within_holds_where_the_ranges_overlap() {
    let (here, there) = two("within");
    for (from, to) in [
        (0..90, 10),
        (10..100, 0),
        (20..60, 20),
        (5..5, 100),
        (0..100, 0),
    ] {
        let mut expected: Vec<u32> = (0..100).collect();
        here.words.write_from(0, &expected);
        expected.copy_within(from.clone(), to);
        here.words.copy_within(from, to);
        assert!(there.words.iter().eq(expected));
    }
}

#[test]
fn one_word_elements_change_in_one_step() {
    let (here, there) = two("words");
    assert_eq!(here.pairs.swap(1, [1, 2]), [0, 0]);
    assert_eq!(there.pairs.compare_exchange(1, [0, 0], [3, 4]), Err([1, 2]));
    assert_eq!(there.pairs.compare_exchange(1, [1, 2], [3, 4]), Ok([1, 2]));
    assert_eq!(here.pairs.load(1), [3, 4]);
    here.pairs.store(0, [5, 6]);
    assert_eq!(there.pairs.get(0), [5, 6]);
    assert_eq!(here.bytes.fetch_sub(6, 1), 0);
    assert_eq!(there.bytes.fetch_and(6, 0x0f), 255);
    assert_eq!(here.bytes.fetch_or(6, 0x30), 0x0f);
    assert_eq!(there.bytes.fetch_xor(6, 0x01), 0x3f);
    assert_eq!(here.bytes.get(6), 0x3e);
    assert_eq!(here.shards[0].fetch_min(0, -5), 0);
    assert_eq!(there.shards[0].fetch_max(0, 5), -5);
    assert_eq!(here.floats.fetch_add(9, 0.5), 0.0);
    assert_eq!(there.floats.fetch_sub(9, 0.25), 0.5);
    assert_eq!(here.floats.fetch_max(9, 0.125), 0.25);
}

#[test]
fn additions_of_many_threads_are_all_there() {
    let (here, there) = two("threads");
    std::thread::scope(|scope| {
        for segment in [&here, &there] {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        segment.words.fetch_add(5, 1);
                        segment.level.fetch_add(1.0);
                        segment.count.update(|count| count.wrapping_add(3));
                    }
                });
            }
        }
    });
    assert_eq!(here.words.get(5), 40_000);
    assert_eq!(there.level.load(), 40_000.0);
    assert_eq!(there.count.load(), (3 * 40_000 % 256) as u8);
}

#[test]
fn out_of_range_panics_with_the_name() {
    let (here, _there) = two("range");
    let wrong = "index 7 is out of range: `bytes` has 7 elements";
    assert_eq!(panic_of(|| here.bytes.get(7)), wrong);
    assert_eq!(panic_of(|| here.bytes.set(7, 0)), wrong);
    assert_eq!(panic_of(|| here.bytes.swap(7, 0)), wrong);
    assert_eq!(panic_of(|| here.bytes.fetch_add(7, 0)), wrong);
    let wrong = "2 elements from 6 are out of range: `bytes` has 7 elements";
    assert_eq!(panic_of(|| here.bytes.read_into(6, &mut [0; 2])), wrong);
    assert_eq!(panic_of(|| here.bytes.write_from(6, &[0; 2])), wrong);
    assert_eq!(panic_of(|| here.bytes.copy_within(0..2, 6)), wrong);
    let wrong = "8 elements from 0 are out of range: `bytes` has 7 elements";
    assert_eq!(panic_of(|| here.bytes.copy_within(0..8, 0)), wrong);
    let wrong = "index 5 is out of range: `shards[1]` has 5 elements";
    assert_eq!(panic_of(|| here.shards[1].get(5)), wrong);
}

#[test]
fn a_read_only_attachment_reads_and_refuses_to_write() {
    let name = unique("readonly");
    let writer = Memory::create(&name).unwrap();
    writer.words.set(3, 4);
    let reader = Memory::options().read_only().open(&name).unwrap();
    assert_eq!(reader.words.get(3), 4);
    assert_eq!(reader.words.load(3), 4);
    assert_eq!(reader.count.load(), 0);
    for message in [
        panic_of(|| reader.words.set(0, 1)),
        panic_of(|| reader.words.fill(1)),
        panic_of(|| reader.words.write_from(0, &[])),
        panic_of(|| reader.words.swap(0, 1)),
        panic_of(|| reader.words.fetch_add(0, 1)),
    ] {
        assert!(
            message.starts_with("`words` was opened read-only"),
            "{message}"
        );
    }
    for message in [
        panic_of(|| reader.count.store(1)),
        panic_of(|| reader.count.update(|count| count + 1)),
        panic_of(|| reader.count.fetch_update(|_| None)),
    ] {
        assert!(
            message.starts_with("`count` was opened read-only"),
            "{message}"
        );
    }
}

#[test]
#[allow(unsafe_code)] // `as_slice`
fn the_memory_itself_can_be_had() {
    let (here, there) = two("memory");
    here.words.write_from(0, &[1, 2, 3]);
    assert!(there.words.as_ptr().is_aligned());
    // SAFETY: nobody writes while the slice lives.
    let slice = unsafe { there.words.as_slice() };
    assert_eq!(slice[..4], [1, 2, 3, 0]);
    assert_eq!(slice.len(), 100);
}
