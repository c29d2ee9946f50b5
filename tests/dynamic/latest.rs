//! Latest values, frames, messages, pools and the queue of one producer: one side typed, the other not.

use super::lists::panic_of;
use super::{Event, Odd, bytes, plain};
use shm_runtime::prelude::*;
use shm_runtime::{RecvError, Segment, dynamic};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);
const SIZE: usize = size_of::<Event>();

/// Elements whose words have every width.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 8)]
struct Rest {
    pose: Versioned<Event>,
    dot: Versioned<Odd>,
    frame: VersionedArray<Event, 5>,
    mask: VersionedArray<Odd, 7>,
    levels: VersionedArray<[u16; 3], 4>,
    cells: VersionedArray<u32, 9>,
    news: Broadcast<Event, 4>,
    tasks: Pool<Event, 3>,
    audio: Spsc<Event, 4>,
    tape: Spsc<Odd, 8>,
}

fn both(test: &str) -> (Segment<Rest>, dynamic::Segment) {
    let name = super::unique(test);
    let typed = Rest::create(&name).unwrap();
    let segment = dynamic::Segment::open(&name).unwrap();
    (typed, segment)
}

#[test]
fn a_latest_value_is_one_for_both() {
    let (typed, segment) = both("dyn-versioned");
    let (pose, dot) = (
        segment.versioned("pose").unwrap(),
        segment.versioned("dot").unwrap(),
    );
    let mut out = [0; SIZE];
    assert_eq!((pose.load(&mut out), out), (0, [0; SIZE]));
    for round in 1..=10 {
        typed.pose.store(Event::new(round)).unwrap();
        assert_eq!(pose.load(&mut out), u64::from(2 * round - 1));
        assert_eq!(plain::<Event>(&out), Event::new(round));
        pose.store(bytes(&Event::new(round + 50))).unwrap();
        assert_eq!(typed.pose.load(), Event::new(round + 50));
    }
    pose.update(|value| value[20] = 99).unwrap();
    assert_eq!((typed.pose.load().codes[0], typed.pose.version()), (99, 21));
    assert_eq!(pose.try_load(&mut out), Ok(21));
    dot.store(&[1, 2, 3]).unwrap();
    assert_eq!(typed.dot.load(), [1, 2, 3]);
    assert!(pose.wait_change(21, &mut out, Duration::ZERO).is_err());
    std::thread::scope(|scope| {
        let sleeper = scope.spawn(|| pose.wait_change(21, &mut [0; SIZE], LONG));
        typed.pose.store(Event::new(1)).unwrap();
        assert_eq!(sleeper.join().unwrap(), Ok(22));
    });
    let reader = dynamic::Segment::open_read_only(segment.name()).unwrap();
    let pose = reader.versioned("pose").unwrap();
    assert_eq!(pose.load(&mut out), 22);
    assert!(panic_of(|| _ = pose.store(&out)).starts_with("`pose` was opened read-only"));
}

/// Frames of one field, written by both sides in turns.
fn frames<T: Pod + PartialEq + std::fmt::Debug, const N: usize>(
    typed: &VersionedArray<T, N>,
    array: &dynamic::VersionedArray,
    value: impl Fn(u8) -> T,
) {
    let frame = |n: u8| -> [T; N] { core::array::from_fn(|i| value(n + i as u8)) };
    let size = size_of::<[T; N]>();
    let mut buffer = vec![0; size + 1];
    for n in 0..6 {
        typed.writer().unwrap().publish(&frame(n));
        let mut out = [T::zeroed(); N];
        // once at an address that no word has
        for at in [0, 1] {
            assert_eq!(
                array.read_into(&mut buffer[at..at + size]),
                u64::from(2 * n + 1)
            );
            assert!(buffer[at..at + size] == *bytemuck::cast_slice::<T, u8>(&frame(n)));
        }
        let snapshot = array.snapshot();
        let one = size_of::<T>();
        snapshot.read_into(1, &mut buffer[..2 * one]).unwrap();
        assert!(buffer[..2 * one] == *bytemuck::cast_slice::<T, u8>(&frame(n)[1..3]));
        assert!(snapshot.still_valid());
        let mut writer = array.writer().unwrap();
        assert!(typed.writer().is_err());
        buffer[1..].copy_from_slice(bytemuck::cast_slice(&frame(n + 100)));
        assert_eq!(writer.publish(&buffer[1..]), Some(u64::from(2 * n + 2)));
        assert_eq!(typed.read_into(&mut out), u64::from(2 * n + 2));
        assert_eq!(out, frame(n + 100));
    }
}

#[test]
fn frames_are_the_same_for_both_whatever_the_width_of_their_words() {
    let (typed, segment) = both("dyn-frames");
    let array = |name| segment.versioned_array(name).unwrap();
    frames(&typed.frame, &array("frame"), |n| Event::new(n.into()));
    frames(&typed.mask, &array("mask"), |n| [n; 3]);
    frames(&typed.levels, &array("levels"), |n| [n.into(); 3]);
    frames(&typed.cells, &array("cells"), |n| n.into());
}

#[test]
fn a_frame_is_edited_outrun_and_waited_for() {
    let (typed, segment) = both("dyn-edit");
    let cells = segment.versioned_array("cells").unwrap();
    let old = cells.snapshot();
    let mut writer = cells.writer().unwrap();
    assert_eq!(writer.edit(|frame| frame[4] = 7), Some(1));
    assert_eq!(writer.edit(|frame| frame[8] = 8), Some(2));
    let mut out = [0; 9];
    assert_eq!(typed.cells.read_into(&mut out), 2);
    assert_eq!(out[..3], [0, 7, 8]);
    writer.edit(|_| ()).unwrap();
    assert!(!old.still_valid() && old.read_into(0, &mut [0; 36]).is_err());
    assert_eq!(cells.wait_change(2, LONG).unwrap().version(), 3);
    assert!(cells.wait_change(3, Duration::ZERO).is_err());
    let text = panic_of(|| _ = cells.snapshot().read_into(8, &mut [0; 8]));
    assert_eq!(
        text,
        "2 elements from 8 are out of range: `cells` has 9 elements"
    );
    assert_eq!(
        panic_of(|| _ = cells.read_into(&mut [0; 8])),
        "8 bytes are no frame of `cells`, which has 36"
    );
}

#[test]
fn every_subscriber_gets_every_message() {
    let (typed, segment) = both("dyn-news");
    let news = segment.broadcast("news").unwrap();
    let mut here = typed.news.subscribe(Start::Oldest);
    let mut there = news.subscribe(Start::Oldest);
    let mut out = [0; SIZE];
    assert_eq!(there.recv(&mut out), Ok(false));
    for n in 0..20 {
        if n % 2 == 0 {
            typed.news.send(Event::new(n)).unwrap();
        } else {
            news.send(bytes(&Event::new(n))).unwrap();
        }
        assert_eq!(here.recv(), Ok(Some(Event::new(n))));
        assert_eq!(there.recv(&mut out), Ok(true));
        assert_eq!(plain::<Event>(&out), Event::new(n));
    }
    let mut typed_late = typed.news.subscribe(Start::Oldest);
    let mut late = news.subscribe(Start::Oldest);
    assert_eq!((news.sent(), late.position(), news.capacity()), (20, 16, 4));
    (0..6).for_each(|n| typed.news.send(Event::new(n)).unwrap());
    loop {
        match (typed_late.recv(), late.recv(&mut out)) {
            (Ok(None), Ok(false)) => break,
            (Ok(Some(event)), Ok(true)) => assert_eq!(plain::<Event>(&out), event),
            (typed, other) => assert_eq!(typed.map(|_| true), other),
        }
    }
    assert_eq!((late.missed(), late.position()), (typed_late.missed(), 26));
    assert!(
        (5..=6).contains(&late.missed()),
        "of the 10 last, 4 are kept"
    );
    let mut new = news.subscribe(Start::Newest);
    assert_eq!(
        new.recv_wait(&mut out, Duration::ZERO),
        Err(RecvError::Timeout)
    );
    std::thread::scope(|scope| {
        let sleeper = scope.spawn(|| new.recv_wait(&mut out, LONG));
        typed.news.send(Event::new(42)).unwrap();
        assert_eq!(sleeper.join().unwrap(), Ok(()));
    });
    assert_eq!(plain::<Event>(&out), Event::new(42));
}

#[test]
fn an_object_on_lease_is_seen_by_both() {
    let (typed, segment) = both("dyn-pool");
    let tasks = segment.pool("tasks").unwrap();
    let mut lease = tasks.acquire().unwrap();
    lease.write(bytes(&Event::new(5)));
    assert_eq!(typed.tasks.get(lease.handle()), Some(Event::new(5)));
    let kept = typed.tasks.acquire().unwrap().keep();
    let mut out = [1; SIZE];
    assert!(tasks.get(kept, &mut out) && out == [0; SIZE]);
    assert!(!tasks.release(kept), "another attachment has it");
    let last = tasks.acquire_wait(LONG).unwrap().keep();
    assert_eq!((tasks.leased(), tasks.capacity()), (3, 3));
    assert!(tasks.acquire().is_none() && tasks.acquire_wait(Duration::ZERO).is_err());
    lease.read_into(&mut out);
    assert_eq!(plain::<Event>(&out), Event::new(5));
    let handle = lease.handle();
    drop(lease);
    assert!(tasks.release(last) && !tasks.release(last));
    assert!(!tasks.get(handle, &mut out) && typed.tasks.get(handle).is_none());
    assert_eq!(typed.tasks.leased(), 1);
}

#[test]
fn one_produces_and_the_other_consumes() {
    let (typed, segment) = both("dyn-spsc");
    let audio = segment.spsc("audio").unwrap();
    let mut producer = audio.producer().unwrap();
    assert!(typed.audio.producer().is_err() && audio.producer().is_err());
    let mut consumer = typed.audio.consumer().unwrap();
    for n in 0..10 {
        producer.push(bytes(&Event::new(n))).unwrap();
        assert_eq!(consumer.pop(), Some(Event::new(n)));
    }
    assert_eq!(producer.push_slice(&bytes(&Event::new(1)).repeat(9)), 4);
    assert_eq!((audio.len(), audio.capacity()), (4, 4));
    assert!(producer.push(&[0; SIZE]).is_err());
    assert!(producer.push_wait(&[0; SIZE], Duration::ZERO).is_err());
    drop((producer, consumer));

    let (mut producer, mut consumer) = (typed.audio.producer().unwrap(), audio.consumer().unwrap());
    let mut out = [0; 6 * SIZE];
    assert_eq!(consumer.pop_slice(&mut out), 4);
    assert!(out[..4 * SIZE] == bytes(&Event::new(1)).repeat(4));
    assert!(!consumer.pop(&mut out[..SIZE]) && audio.is_empty());
    assert!(consumer.pop_wait(&mut out[..SIZE], Duration::ZERO).is_err());
    std::thread::scope(|scope| {
        let sleeper = scope.spawn(|| consumer.pop_wait(&mut out[..SIZE], LONG));
        producer.push(Event::new(77)).unwrap();
        assert_eq!(sleeper.join().unwrap(), Ok(()));
    });
    assert_eq!(plain::<Event>(&out[..SIZE]), Event::new(77));

    let tape = segment.spsc("tape").unwrap();
    let (mut producer, mut consumer) = (tape.producer().unwrap(), typed.tape.consumer().unwrap());
    for round in 0..7_u8 {
        assert_eq!(
            producer.push_slice(&[round; 15]),
            5,
            "across the end of the ring"
        );
        let mut five = [[0; 3]; 9];
        assert_eq!((consumer.pop_slice(&mut five), five[4]), (5, [round; 3]));
    }
}
