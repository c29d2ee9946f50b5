//! Structures that were registered at run time, found by a program that does not know them.

use super::{Event, bytes, plain, unique};
use shm_runtime::dynamic::{Kind, Segment};
use shm_runtime::error::RegisterError;
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

/// A description of one field, in so many lanes.
fn field(text: &str, lanes: usize) -> shm_runtime::dynamic::FieldSchema {
    let description = format!(r#"{{"lanes": {lanes}, "entries": [{text}]}}"#);
    let schema = shm_runtime::dynamic::Schema::from_json(&description).unwrap();
    schema.fields()[0].clone()
}

#[test]
fn what_is_described_is_registered_and_found_by_those_who_know_its_type() {
    let name = unique("dyn-register");
    let base = Base::options().spare(4, 1 << 16).create(&name).unwrap();
    let segment = Segment::open(&name).unwrap();
    let jobs = r#"{"name": "jobs", "kind": "Queue", "capacity": [4], "element": "u64"}"#;
    segment.register(&field(jobs, 4)).unwrap();
    let typed: Queue<u64, 4> = shm_runtime::Segment::find_described(&base, "jobs").unwrap();
    let queue = segment.queue("jobs").unwrap();
    queue.push(&7_u64.to_le_bytes()).unwrap();
    assert_eq!(typed.pop(), Some(7));
    let other = shm_runtime::Segment::find::<Queue<u64, 8>>(&base, "jobs");
    assert!(other.is_err(), "its capacity is 4");

    let taken = segment.register(&field(jobs, 4)).unwrap_err();
    assert!(taken.to_string().contains("`jobs`"), "{taken}");
    let lanes = segment.register(&field(jobs, 8)).unwrap_err();
    assert!(matches!(
        lanes,
        RegisterError::Lanes {
            here: 8,
            there: 4,
            ..
        }
    ));
    let large = r#"{"name": "large", "kind": "Array", "capacity": [100000], "element": "u64"}"#;
    let room = segment.register(&field(large, 4)).unwrap_err();
    assert!(matches!(room, RegisterError::NoRoom { .. }), "{room}");
    assert!(segment.erase("ticks").is_err(), "it is of the schema");
    segment.erase("jobs").unwrap();
    assert!(segment.erase("jobs").is_err() && segment.registered().unwrap().is_empty());
    assert_eq!(segment.name(), shm_runtime::Segment::name(&base));
}

/// What either writes about a structure is what the other writes.
#[test]
fn typed_and_described_registrations_say_the_same() {
    let name = unique("dyn-register-same");
    let base = Base::options().spare(4, 1 << 16).create(&name).unwrap();
    let segment = Segment::open(&name).unwrap();
    shm_runtime::Segment::register_described::<Stack<u32, 3>>(&base, "undo").unwrap();
    let typed = segment.registered().unwrap().remove(0);
    segment.erase("undo").unwrap();
    let undo = r#"{"name": "undo", "kind": "Stack", "capacity": [3], "element": "u32"}"#;
    segment.register(&field(undo, 4)).unwrap();
    let described = segment.registered().unwrap().remove(0);
    assert_eq!(
        (described.canonical(), described.offset(), described.size()),
        (typed.canonical(), typed.offset(), typed.size())
    );
}
