//! `RwLock`: the one order (D) of its readers and writers, and the wake-up of a writer.

use crate::memory::atomic::AtomicU64;
use crate::memory::cell::CellArray;
use crate::memory::padded::Padded;
use crate::memory::shared::{Shared, impl_shared};
use crate::memory::signals::{Event, Kernel, ROUND};
use crate::seeded::Bug;
use crate::sync::lock::{After, Lock, LockLine};
use crate::sync::readers::Readers;
use crate::weak::kill::{at_every_access, killed};
use crate::weak::owners::{Slots, identity};
use crate::weak::{Awake, Futex, assert_caught, explore};
use loom::thread::spawn;
use std::sync::Arc;
use zerocopy::FromZeros;

/// The reader's slot, and the writer's.
const READER: u32 = 0;
const WRITER: u32 = 1;
/// Rounds of a sleeper, most of which are over at once.
const ROUNDS: usize = 3;

#[derive(FromZeros)]
#[repr(C)]
struct Memory {
    line: LockLine,
    left: Event,
    readers: [Padded<AtomicU64>; 2],
    value: CellArray<[u64; 2], 1>,
    slots: Slots,
}

impl_shared!(impl[] Memory { line, left, readers, value, slots });

impl Memory {
    fn new() -> Arc<Self> {
        let memory = Self::new_zeroed();
        let memory = Arc::new(memory);
        memory.enrol();
        memory
    }

    fn parts<K: Kernel + Copy>(&self, kernel: K) -> (Lock<'_, &Slots, K>, Readers<'_, &Slots, K>) {
        let lock = Lock {
            line: &self.line,
            owners: &self.slots,
            kernel,
        };
        let readers = Readers {
            words: &self.readers,
            left: &self.left,
            owners: &self.slots,
            kernel,
        };
        (lock, readers)
    }

    /// Reads, if no writer is there.
    fn read<K: Kernel + Copy>(&self, kernel: K) {
        let (lock, readers) = self.parts(kernel);
        self.slots.attach(READER);
        if readers.read(identity(READER), &lock).is_none() {
            return;
        }
        let [one, two] = self.value.cells().load(0).expect("one value");
        assert_eq!(one, two, "it reads while another writes");
        assert!(readers.leave(identity(READER)), "it was counted");
    }

    /// Adds one to the value, as soon as no reader is there, for so many rounds; how often it did.
    fn write<K: Kernel + Copy>(&self, kernel: K, rounds: usize) -> u64 {
        let (lock, readers) = self.parts(kernel);
        let held = lock
            .acquire_free(self.slots.attach(WRITER))
            .expect("there is no other");
        let mut wrote = 0;
        for _ in 0..=rounds {
            if readers.is_clear() {
                let [value, _] = self.value.cells().load(0).expect("one value");
                self.value.cells().store(0, [value + 1; 2]);
                wrote = 1;
                break;
            }
            if rounds > 0 {
                readers.wait_round(ROUND);
            }
        }
        assert!(lock.release(held, After::Sound), "nobody else has it");
        wrote
    }
}

fn one_of_each() {
    let memory = Memory::new();
    let other = Arc::clone(&memory);
    let reader = spawn(move || {
        other.read(Awake);
        other.read(Awake);
    });
    let wrote = memory.write(Awake, 0);
    reader.join().expect("it ended");
    assert_eq!(memory.value.cells().load(0), Some([wrote; 2]));
    assert_eq!(memory.write(Awake, 0), 1, "there are no readers");
}

/// A reader is killed before its access number `accesses`, and a writer goes on; whether the reader came to its end.
fn a_killed_reader(accesses: usize) -> bool {
    let memory = Memory::new();
    let dead = Arc::clone(&memory);
    let dead = spawn(move || {
        let ended = killed(accesses, || dead.read(Awake));
        dead.slots.dies(READER);
        ended
    });
    let wrote = memory.write(Awake, 0);
    let ended = dead.join().expect("it was killed");
    let (lock, readers) = memory.parts(Awake);
    readers.sweep();
    assert!(readers.is_clear(), "a dead reader stays");
    assert_eq!(memory.write(Awake, 0), 1);
    assert!(!lock.look().is_doubtful());
    assert_eq!(memory.value.cells().load(0), Some([wrote + 1; 2]));
    ended
}

/// A writer sleeps until the reader is gone.
fn a_sleeper() {
    let memory = Memory::new();
    let futex = Arc::new(Futex::new());
    let (other, same) = (Arc::clone(&memory), Arc::clone(&futex));
    let reader = spawn(move || other.read(&*same));
    memory.write(&*futex, ROUNDS);
    reader.join().expect("it ended");
}

#[test]
fn p1_many_read_or_one_writes() {
    explore(4, one_of_each);
}

#[test]
fn p1_a_killed_reader_holds_nobody_up() {
    at_every_access(2, a_killed_reader);
}

#[test]
fn p1_a_writer_that_sleeps_is_woken_by_the_last_reader() {
    explore(2, a_sleeper);
}

#[test]
fn missing_edges_are_caught() {
    for bug in [
        Bug::UnorderedReader,
        Bug::UnorderedWriter,
        Bug::UnorderedLookForReaders,
        Bug::UnorderedLookForWriter,
        Bug::RelaxedUnlock,
        Bug::LookBefore,
    ] {
        assert_caught(bug, "weak::sync::readers::p1_many_read_or_one_writes");
    }
    for bug in [Bug::LeaveSilently, Bug::IgnoreAnnounced] {
        assert_caught(
            bug,
            "weak::sync::readers::p1_a_writer_that_sleeps_is_woken_by_the_last_reader",
        );
    }
}
