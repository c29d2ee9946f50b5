//! Structures that were registered at run time, found by a program that does not know them.

use super::{Event, bytes, plain, unique};
use shm_runtime::dynamic::{Kind, Segment};
use shm_runtime::prelude::*;

#[derive(Debug, ShmLayout)]
#[shm(lanes = 4)]
struct Base {
    ticks: Array<u64, 4>,
}

#[test]
fn what_is_registered_is_found_by_name() {
    let name = unique("dyn-registered");
    let base = Base::options().spare(4, 1 << 16).create(&name).unwrap();
    let segment = Segment::open(&name).unwrap();
    assert_eq!(segment.registered().unwrap(), []);
    assert!(
        segment
            .queue("jobs")
            .unwrap_err()
            .to_string()
            .contains("has no field `jobs`")
    );

    type Jobs = Queue<Event, 4>;
    let jobs = shm_runtime::Segment::register_described::<Jobs>(&base, "jobs").unwrap();
    shm_runtime::Segment::register::<Array<u32, 3>>(&base, "raw").unwrap();
    let all = segment.registered().unwrap();
    let seen: Vec<_> = all
        .iter()
        .map(|field| (field.name(), field.kind(), field.capacity()))
        .collect();
    assert_eq!(seen, [("jobs", &Kind::Queue, 4), ("raw", &Kind::Array, 3)]);
    assert_eq!(all[0].element().fields().len(), 4);

    let queue = segment.queue("jobs").unwrap();
    queue.push(bytes(&Event::new(3))).unwrap();
    assert_eq!(jobs.pop(), Some(Event::new(3)));
    jobs.push(Event::new(4)).unwrap();
    let mut out = [0; size_of::<Event>()];
    assert!(queue.pop(&mut out) && plain::<Event>(&out) == Event::new(4));

    shm_runtime::Segment::erase(&base, "jobs").unwrap();
    assert!(segment.queue("jobs").is_err() && segment.registered().unwrap().len() == 1);
    assert!(segment.array("@lanes").is_err());
}
