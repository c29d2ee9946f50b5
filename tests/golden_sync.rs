//! The bytes of `sync` that FORMAT.md documents, read from the file without the library. Promises P4, P8.

mod common;

use common::{path, unique};
use shm_runtime::{Segment, ShmLayout, sync};
use std::fs;

#[derive(Debug, ShmLayout)]
#[shm(lanes = 2)]
struct Golden {
    mutex: sync::Mutex<u32>,
}

/// The bytes of each field.
fn fields(golden: &Segment<Golden>, name: &str) -> impl Fn(&str) -> Vec<u8> {
    let table = Segment::table(golden).unwrap();
    let file = fs::read(path(name)).unwrap();
    move |name| {
        let entry = table.iter().find(|entry| entry.name == name).unwrap();
        file[entry.offset..entry.offset + entry.size].to_vec()
    }
}

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// The creator's name in 27 bits: slot 0, generation 1.
const CREATOR: u64 = 1 << 11 | 1;

#[test]
fn zero_is_unlocked() {
    let name = unique("golden-sync");
    let golden = Golden::create(&name).unwrap();
    let bytes = fields(&golden, &name);
    for (field, size) in [("mutex", 64 + 4)] {
        assert_eq!(bytes(field), vec![0; size], "{field}");
    }
}

#[test]
fn locks_are_the_documented_bytes() {
    let name = unique("golden-sync");
    let golden = Golden::create(&name).unwrap();
    let mut guard = golden.mutex.lock().unwrap();
    guard.set(0xabcd);
    let held = fields(&golden, &name)("mutex");
    assert_eq!(word(&held, 8), 1 << 30 | CREATOR, "first lease, by us");
    assert_eq!(held[64..], [0xcd, 0xab, 0, 0]);
    drop(guard);
    assert_eq!(word(&fields(&golden, &name)("mutex"), 8), 1 << 30, "free");

    let other = Golden::open(&name).unwrap();
    core::mem::forget(other.mutex.lock().unwrap());
    drop(other);
    drop(golden.mutex.lock().unwrap_err());
    let doubtful = fields(&golden, &name)("mutex");
    assert_eq!(word(&doubtful, 8), 3 << 30 | 1 << 28, "in doubt");
}
