//! `RwLock`: many read or one writes, and the dead hold nobody up.

use crate::memory::atomic::AtomicU64;
use crate::memory::cell::CellArray;
use crate::memory::owner::Tag;
use crate::memory::padded::Padded;
use crate::memory::participant::Identity;
use crate::memory::signals::{Event, SLICE};
use crate::models::scheduler::{Random, pause, quietly};
use crate::models::town::{DEADLY, Play, QUIET, STOPPING, Town, assert_caught, assert_clean};
use crate::seeded::Bug;
use crate::sync::lock::{After, Held, Lock, LockLine};
use crate::sync::readers::Readers;
use core::cell::{Cell, RefCell};
use core::time::Duration;
use zerocopy::FromZeros;

/// Most attachments at a time.
const SLOTS: usize = 3;

#[derive(FromZeros)]
#[repr(C)]
struct Memory {
    line: LockLine,
    left: Event,
    readers: [Padded<AtomicU64>; SLOTS],
    value: CellArray<[u64; 2], 1>,
}

struct Shared {
    memory: Box<Memory>,
    /// Who is reading.
    reading: RefCell<Vec<Tag>>,
    /// Who is writing.
    writing: Cell<Option<Tag>>,
    /// Who has the lock's word and waits for readers.
    draining: Cell<Option<Tag>>,
    /// Somebody died with the lock's word, and nobody has settled it.
    may_doubt: Cell<bool>,
    must_doubt: Cell<bool>,
    count: Cell<u64>,
}

impl Shared {
    fn new(_: &mut Random) -> Self {
        Self {
            memory: Box::new(Memory::new_zeroed()),
            reading: RefCell::default(),
            writing: Cell::default(),
            draining: Cell::default(),
            may_doubt: Cell::default(),
            must_doubt: Cell::default(),
            count: Cell::default(),
        }
    }

    fn lock<'a>(&'a self, town: &'a Town) -> Lock<'a, &'a Town, &'a Town> {
        Lock {
            line: &self.memory.line,
            owners: town,
            kernel: town,
        }
    }

    fn readers<'a>(&'a self, town: &'a Town) -> Readers<'a, &'a Town, &'a Town> {
        Readers {
            words: &self.memory.readers,
            left: &self.memory.left,
            owners: town,
            kernel: town,
        }
    }

    fn read(&self, town: &Town, me: Identity, patience: Option<usize>) {
        let (lock, readers) = (self.lock(town), self.readers(town));
        let limit = patience.map_or(Duration::from_secs(9), |_| SLICE);
        let mut rounds = patience.unwrap_or(usize::MAX);
        let now = loop {
            if let Some(now) = readers.read(me, &lock) {
                break now;
            }
            if rounds == 0 {
                return;
            }
            rounds -= 1;
            lock.wait_round(Tag::of(me), limit);
        };
        self.reading.borrow_mut().push(Tag::of(me));
        if self
            .writing
            .get()
            .is_some_and(|writer| town.is_alive(writer))
        {
            town.violate("it reads while another writes");
        }
        let value = self.memory.value.cells().load(0);
        if !now.is_doubtful() && value != Some([self.count.get(); 2]) {
            town.violate("a reader saw a value that was half changed, and was not told");
        }
        pause();
        if self.memory.value.cells().load(0) != value {
            town.violate("the value changed while it was read");
        }
        let mut reading = self.reading.borrow_mut();
        let at = reading.iter().position(|reader| *reader == Tag::of(me));
        reading.swap_remove(at.expect("it reads"));
        drop(reading);
        if !readers.leave(me) {
            town.violate("a reader was forgotten");
        }
    }

    /// Has the lock's word and no readers, or gives up after some rounds.
    fn acquire(&self, town: &Town, me: Identity, patience: Option<usize>) -> Option<Held> {
        let (lock, readers) = (self.lock(town), self.readers(town));
        let limit = patience.map_or(Duration::from_secs(9), |_| SLICE);
        let mut rounds = patience.unwrap_or(usize::MAX);
        let held = loop {
            if let Some(held) = lock.acquire_free(Tag::of(me)) {
                break held;
            }
            rounds = rounds.checked_sub(1)?;
            lock.wait_round(Tag::of(me), limit);
        };
        self.draining.set(Some(Tag::of(me)));
        while !readers.is_clear() {
            if rounds == 0 {
                let after = match held.is_doubtful() {
                    true => After::Doubtful,
                    false => After::Sound,
                };
                lock.release(held, after);
                return None;
            }
            rounds -= 1;
            readers.wait_round(limit);
        }
        self.draining.set(None);
        Some(held)
    }

    fn write(&self, town: &Town, me: Identity, patience: Option<usize>, settles: bool) {
        let Some(held) = self.acquire(town, me, patience) else {
            return;
        };
        self.writing.set(Some(Tag::of(me)));
        if self
            .reading
            .borrow()
            .iter()
            .any(|reader| town.is_alive(*reader))
        {
            town.violate("it writes while another reads");
        }
        if held.is_doubtful() != self.may_doubt.get() {
            town.violate("a death was not told, or told and was none");
        }
        let cells = self.memory.value.cells();
        let [one, two] = cells.load(0).expect("one value");
        let next = [one.max(two) + 1; 2];
        cells.store(0, next);
        self.count.set(next[0]);
        self.writing.set(None);
        let after = match held.is_doubtful() && !settles {
            true => After::Doubtful,
            false => After::Sound,
        };
        self.must_doubt.set(held.is_doubtful());
        if !self.lock(town).release(held, after) {
            town.violate("the lock was lost");
        }
    }
}

impl Play for Shared {
    fn run(&self, town: &Town, me: Identity, mut random: Random) {
        for _ in 0..1 + random.below(4) {
            let patience = match random.below(4) {
                0 => Some(random.below(4)),
                _ => None,
            };
            match random.below(2) {
                0 => self.read(town, me, patience),
                _ => self.write(town, me, patience, random.chance(0.7)),
            }
        }
    }

    fn is_somebody_missed(&self, town: &Town) -> bool {
        let owner = self.lock(town).look().owner();
        let dead = |who: Identity| !town.is_alive(Tag::of(who));
        !owner.is_nobody() && !town.is_alive(owner) || self.readers(town).has_dead(dead)
    }

    fn is_blocked(&self, town: &Town) -> bool {
        let owner = self.lock(town).look().owner();
        let drains = self.draining.get() == Some(owner) && !town.is_stopped(owner);
        !owner.is_nobody() && (!drains || self.readers(town).count() > 0)
    }

    fn observe(&self, town: &Town, who: usize, _: usize, old: u64, new: u64) {
        let (from, to) = (Tag::from_low(old), Tag::from_low(new));
        if !to.is_nobody() {
            if !from.is_nobody() {
                town.violate("locked by two");
            }
            return;
        }
        if self.draining.get() == Some(from) {
            self.draining.set(None);
        }
        if who as u64 == from.bits() {
            let doubtful = crate::sync::lock::LockWord::from_bits(new).is_doubtful();
            self.may_doubt.set(doubtful);
        } else if town.is_alive(from) {
            town.violate("taken from the living");
        }
    }

    fn buried(&self, town: &Town, who: Tag) {
        self.reading.borrow_mut().retain(|reader| *reader != who);
        let now = quietly(|| self.lock(town).look());
        if now.owner() == who {
            self.may_doubt.set(!now.is_leaving() || now.is_doubtful());
        }
        if self.writing.get() == Some(who) {
            self.writing.set(None);
        }
    }

    fn check(&self, town: &Town, stopped: &[Tag]) {
        let (lock, readers) = (self.lock(town), self.readers(town));
        lock.sweep(Tag::NOBODY);
        readers.sweep();
        if stopped.is_empty() && (!lock.look().owner().is_nobody() || !readers.is_clear()) {
            town.violate("the lock did not come back");
        }
    }
}

#[test]
fn p1_many_read_or_one_writes_and_deaths_are_told() {
    assert_clean(QUIET, Shared::new);
    assert_clean(DEADLY, Shared::new);
}

#[test]
fn p2_one_who_is_stopped_holds_up_only_those_who_wait_for_it() {
    assert_clean(STOPPING, Shared::new);
}

#[test]
fn seeded_bugs_are_caught() {
    for bug in [
        Bug::IgnoreGeneration,
        Bug::NoSweep,
        Bug::SweepBlindly,
        Bug::ForgetDeath,
        Bug::LeaveSilently,
        Bug::SleepUnmarked,
        Bug::LookBefore,
        Bug::IgnoreAnnounced,
        Bug::WakeAfterPublish,
        Bug::WakeOne,
    ] {
        assert_caught(bug, &[DEADLY, QUIET], Shared::new);
    }
}
