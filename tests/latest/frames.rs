//! Whole frames: writers that are killed, stopped and forked; readers that only look.

use super::child::{Child, until_true};
use super::common::unique;
use super::{LONG, alone, assert_refused};
use shm_runtime::{Array, Outrun, ShmLayout, Timeout, VersionedArray};
use std::time::Duration;

/// Elements of a frame: several parts of a copy.
const LEN: usize = 10_000;

#[derive(ShmLayout)]
#[shm(lanes = 8)]
struct Sea {
    #[shm(shape = [100, 100])]
    depth: VersionedArray<f64, LEN>,
    step: Array<u64, 1>,
}

/// The value of all elements of the latest frame, and its number.
fn read(sea: &Sea) -> (u64, f64) {
    let mut frame = vec![0.0; LEN];
    let number = sea.depth.read_into(&mut frame);
    assert!(frame.iter().all(|&element| element == frame[0]), "torn");
    (number, frame[0])
}

#[test]
fn a_reader_needs_no_more_than_a_read_only_attachment() {
    let _alone = alone();
    let name = unique("frames-reader");
    let sea = Sea::create(&name).unwrap();
    let reader = Sea::options().read_only().open(&name).unwrap();
    let mut writer = sea.depth.writer().unwrap();
    assert_eq!(read(&reader), (0, 0.0));
    for number in 1..20 {
        assert_eq!(writer.publish(&[number as f64; LEN]), Some(number));
        assert_eq!(read(&reader), (number, number as f64));
        let third = reader.depth.try_snapshot(|frame| frame.get(3));
        assert_eq!(third, Ok(number as f64));
    }
    let old = reader.depth.snapshot();
    assert_eq!((old.version(), old.age()), (19, 0));
    writer.publish(&[20.0; LEN]);
    writer.edit(|frame| frame.set(LEN - 1, 1.5));
    assert!(old.still_valid(), "the third frame would overwrite it");
    assert_eq!((old.age(), reader.depth.age(3)), (2, 18));
    writer.edit(|frame| frame.fill(0.5));
    assert!(!old.still_valid());
    assert_eq!(old.read_into(7, &mut [0.0; 3]), Err(Outrun));
    let soon = Duration::from_millis(3);
    assert_eq!(reader.depth.wait_change(22, soon).err(), Some(Timeout));
    let thread = std::thread::spawn(move || writer.publish(&[23.0; LEN]));
    let frame = reader.depth.wait_change(22, LONG).unwrap();
    assert_eq!((frame.version(), frame.get(0)), (23, 23.0));
    thread.join().unwrap();
    assert_refused("depth", "writer", &|| drop(reader.depth.writer()));
}

#[test]
fn what_is_out_of_range_is_said_with_the_field() {
    let _alone = alone();
    let name = unique("frames-range");
    let sea = Sea::create(&name).unwrap();
    let mut writer = sea.depth.writer().unwrap();
    let failed = |what: &str, run: &mut dyn FnMut()| {
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
        let text = *caught.expect_err(what).downcast::<String>().unwrap();
        assert!(text.contains("`depth`") && text.contains("10000"), "{text}");
    };
    failed("get", &mut || _ = sea.depth.snapshot().get(LEN));
    failed("read_into", &mut || _ = sea.depth.read_into(&mut [0.0; 3]));
    failed("part", &mut || {
        _ = sea.depth.snapshot().read_into(LEN - 1, &mut [0.0; 2]);
    });
    failed("publish", &mut || _ = writer.publish(&[0.0; 3]));
    failed("set", &mut || _ = writer.edit(|frame| frame.set(LEN, 0.0)));
    assert_eq!(
        (read(&sea), writer.publish(&[1.0; LEN])),
        ((0, 0.0), Some(1))
    );
}

#[test]
fn p1_a_killed_writer_leaves_a_whole_frame_and_the_next_goes_on_at_once() {
    let _alone = alone();
    let name = unique("frames-killed");
    let sea = Sea::create(&name).unwrap();
    for round in 0..30 {
        let child = Child::fork(|| {
            let sea = Sea::open(&name).unwrap();
            let mut writer = sea.depth.writer().unwrap();
            loop {
                let next = writer.version() + 1;
                writer.publish(&[next as f64; LEN]).unwrap();
                sea.step.set(0, next);
                writer.edit(|frame| frame.fill((next + 1) as f64)).unwrap();
            }
        });
        let goal = sea.depth.version() + 5 + 3 * round;
        until_true("it publishes", || {
            let (number, value) = read(&sea);
            assert_eq!(number as f64, value);
            number > goal
        });
        let taken = sea.depth.writer().unwrap_err();
        assert_eq!((taken.role, taken.field.as_str()), ("writer", "depth"));
        assert!(child.kill());
        let (number, value) = read(&sea);
        assert!(value == number as f64 && number >= sea.step.get(0));
        let mut writer = sea.depth.writer().unwrap();
        assert_eq!(writer.version(), number);
        let next = (number + 1) as f64;
        assert_eq!(writer.publish(&[next; LEN]), Some(number + 1));
        assert_eq!(read(&sea), (number + 1, next));
    }
}

#[test]
fn p2_readers_go_on_when_the_writer_is_stopped() {
    let _alone = alone();
    let name = unique("frames-stopped");
    let sea = Sea::create(&name).unwrap();
    let mut child = Child::fork(|| {
        let sea = Sea::open(&name).unwrap();
        let mut writer = sea.depth.writer().unwrap();
        loop {
            let next = writer.version() + 1;
            writer.publish(&[next as f64; LEN]).unwrap();
        }
    });
    for _ in 0..20 {
        let goal = sea.depth.version() + 3;
        until_true("it publishes", || sea.depth.version() > goal);
        child.stop();
        let (number, value) = read(&sea);
        assert_eq!(value, number as f64);
        for _ in 0..20 {
            assert_eq!(
                sea.depth.try_snapshot(|frame| frame.get(LEN / 2)),
                Ok(value)
            );
        }
        assert!(sea.depth.writer().is_err(), "it is alive");
        child.go_on();
    }
    assert!(child.kill());
    sea.depth.writer().unwrap();
}

#[test]
fn p1_who_waits_is_woken_whoever_is_killed_meanwhile() {
    let _alone = alone();
    let name = unique("frames-wait");
    let sea = Sea::create(&name).unwrap();
    for round in 0..20_u64 {
        let before = sea.depth.version();
        let waiters: Vec<_> = (0..2)
            .map(|_| {
                Child::fork(|| {
                    let sea = Sea::open(&name).unwrap();
                    let frame = sea.depth.wait_change(before, LONG).unwrap();
                    assert!(frame.version() > before);
                })
            })
            .collect();
        let writer = Child::fork(|| {
            let sea = Sea::open(&name).unwrap();
            let mut writer = sea.depth.writer().unwrap();
            sea.step.set(0, round + 1);
            std::thread::sleep(Duration::from_micros(100 * round));
            writer.publish(&[1.0; LEN]);
            std::thread::sleep(LONG);
        });
        until_true("it is the writer", || sea.step.get(0) == round + 1);
        writer.kill();
        let mut next = sea.depth.writer().unwrap();
        next.publish(&[2.0; LEN]).unwrap();
        waiters.into_iter().for_each(Child::join);
    }
}

#[test]
fn a_writer_is_void_in_a_forked_child() {
    let _alone = alone();
    let name = unique("frames-fork");
    let sea = Sea::create(&name).unwrap();
    let mut writer = sea.depth.writer().unwrap();
    writer.publish(&[1.0; LEN]).unwrap();
    let child = Child::fork(|| {
        assert_eq!(read(&sea), (1, 1.0), "reading needs no identity");
        assert_eq!(writer.publish(&[6.0; LEN]), None);
        assert_eq!(writer.edit(|frame| frame.fill(6.0)), None);
        assert!(sea.depth.writer().is_err(), "the parent is alive");
    });
    child.join();
    assert_eq!(read(&sea), (1, 1.0));
    assert_eq!(writer.publish(&[2.0; LEN]), Some(2));
    drop(writer);
    sea.depth.writer().unwrap();
}
