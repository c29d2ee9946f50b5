//! The bytes of `sync` that FORMAT.md documents, read from the file without the library. Promises P4, P8.

mod common;

use common::{path, unique};
use shm_runtime::{Segment, ShmLayout, sync};
use std::fs;
use std::time::Duration;

#[derive(Debug, ShmLayout)]
#[shm(lanes = 2)]
struct Golden {
    mutex: sync::Mutex<u32>,
    table: sync::RwLock<u16>,
    permits: sync::Semaphore<3>,
    barrier: sync::Barrier<4>,
    once: sync::Once,
    signal: sync::Signal,
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
    for (field, size) in [
        ("mutex", 64 + 4),
        ("table", 128 + 2 * 128 + 2),
        ("permits", 64 + 3 * 8),
        ("barrier", 64 + 4 * 8),
        ("once", 64),
        ("signal", 64),
    ] {
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

#[test]
fn readers_are_counted_where_the_format_says() {
    let name = unique("golden-sync");
    let golden = Golden::create(&name).unwrap();
    let other = Golden::open(&name).unwrap();
    let reads = [golden.table.read(), golden.table.read(), other.table.read()];
    let bytes = fields(&golden, &name)("table");
    assert_eq!(word(&bytes, 8), 0, "no writer");
    assert_eq!(
        word(&bytes, 128),
        1 << 32 | 2,
        "two of slot 0, generation 1"
    );
    assert_eq!(word(&bytes, 256), 1 << 32 | 1, "one of slot 1");
    let refused = golden.table.write_wait(Duration::from_millis(1));
    assert!(refused.is_err());
    let bytes = fields(&golden, &name)("table");
    assert_eq!(word(&bytes, 128), 1 << 32 | 1 << 31 | 2, "a writer waited");
    drop(reads);
    let mut write = golden.table.write().unwrap();
    write.set(0xabcd);
    let bytes = fields(&golden, &name)("table");
    assert_eq!(word(&bytes, 8), 2 << 30 | CREATOR);
    assert_eq!((word(&bytes, 128), word(&bytes, 256)), (1 << 32, 1 << 32));
    assert_eq!(bytes[128 + 2 * 128..], [0xcd, 0xab]);
}

#[test]
fn permits_parties_runs_and_raises_are_the_documented_bytes() {
    let name = unique("golden-sync");
    let golden = Golden::create(&name).unwrap();
    let permit = golden.permits.acquire();
    let bytes = fields(&golden, &name)("permits");
    assert_eq!(word(&bytes, 64), 1 << 28 | CREATOR, "as a word of a pool");
    drop(permit);
    assert_eq!(word(&fields(&golden, &name)("permits"), 64), 1 << 28);

    assert!(golden.barrier.wait(Duration::ZERO).is_err());
    let bytes = fields(&golden, &name)("barrier");
    assert_eq!(word(&bytes, 8), 2 << 4, "came and went");
    assert_eq!(word(&bytes, 64), 1 << 28, "the place is free again");

    golden.once.call_once(|_| {
        let word = word(&fields(&golden, &name)("once"), 8);
        assert_eq!(word, 1 << 30 | CREATOR, "a lock's word");
    });
    let done = word(&fields(&golden, &name)("once"), 8);
    assert_eq!(done, 1 << 30 | 1 << 29);

    golden.signal.raise();
    golden.signal.raise();
    assert_eq!(word(&fields(&golden, &name)("signal"), 8), 2 << 1);
}
