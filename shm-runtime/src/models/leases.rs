//! Leases under kills, successors in the same slots, stops, and sleepers.
//!
//! Backs P1, P2 and P3 for `Pool` and `Semaphore`.

use super::scheduler::{Random, now, pause, quietly};
use super::town::{DEADLY, Play, QUIET, STOPPING, Town, assert_caught, assert_clean};
use crate::memory::atomic::AtomicU64;
use crate::memory::cell::CellArray;
use crate::memory::leases::{Lease, Leases, read_leased};
use crate::memory::owner::Tag;
use crate::memory::participant::Identity;
use crate::memory::signals::Event;
use crate::seeded::Bug;
use core::cell::{Cell, RefCell};
use core::time::Duration;
use zerocopy::FromZeros;

/// Most words.
const WORDS: usize = 3;

#[derive(FromZeros)]
#[repr(C)]
struct Memory {
    freed: Event,
    words: [AtomicU64; WORDS],
    objects: [CellArray<[u64; 2], WORDS>; 1],
}

struct Pool {
    memory: Box<Memory>,
    count: usize,
    /// Who has each word, and since when.
    owners: RefCell<[Option<Tag>; WORDS]>,
    /// Since when there is a free word.
    room_since: Cell<u64>,
    /// Leases that were ever heard of, and the number of each: index and generation.
    heard: RefCell<Vec<(usize, u64)>>,
}

impl Pool {
    fn new(random: &mut Random) -> Self {
        Self {
            memory: Box::new(Memory::new_zeroed()),
            count: 1 + random.below(WORDS),
            owners: RefCell::default(),
            room_since: Cell::new(0),
            heard: RefCell::default(),
        }
    }

    fn leases<'a>(&'a self, town: &'a Town) -> Leases<'a, &'a Town, &'a Town> {
        Leases {
            words: &self.memory.words[..self.count],
            freed: &self.memory.freed,
            owners: town,
            kernel: town,
        }
    }

    fn is_full(&self) -> bool {
        self.owners.borrow()[..self.count]
            .iter()
            .all(Option::is_some)
    }

    fn acquire(&self, town: &Town, me: Tag, random: &mut Random) -> Option<Lease> {
        let (begun, start) = (now(), random.below(self.count + 1));
        let lease = self.leases(town).acquire(me, start);
        quietly(|| {
            let long_dead = |owner: &Option<Tag>| {
                owner.is_none_or(|owner| town.died(owner).is_some_and(|died| died <= begun))
            };
            match lease {
                Some(lease) if self.owners.borrow()[lease.index] != Some(me) => {
                    town.violate("acquired, and somebody else has it");
                }
                None if !self.is_full() && self.room_since.get() <= begun => {
                    town.violate("none although one was free throughout");
                }
                None if self.owners.borrow()[..self.count].iter().all(long_dead) => {
                    town.violate("none although only the dead have them");
                }
                _ => {}
            }
        });
        lease
    }

    fn wait(&self, town: &Town, me: Tag, random: &mut Random) -> Lease {
        loop {
            let start = random.below(self.count + 1);
            if let Some(lease) = self.leases(town).acquire_free(me, start) {
                return lease;
            }
            self.leases(town).wait_round(me, Duration::from_secs(9));
        }
    }

    /// Writes the object and makes sure that nobody else does.
    fn use_object(&self, town: &Town, lease: Lease) {
        let objects = self.memory.objects[0].cells();
        let number = {
            let mut heard = self.heard.borrow_mut();
            heard.push((lease.index, lease.generation()));
            heard.len() as u64 - 1
        };
        objects.store(lease.index, [number; 2]);
        pause();
        if objects.load(lease.index) != Some([number; 2]) {
            town.violate("somebody else wrote an object on lease");
        }
        if !self.leases(town).holds(lease) {
            town.violate("a lease ended by itself");
        }
    }

    /// Reads an object by a handle that may be stale.
    fn look(&self, town: &Town, random: &mut Random) {
        let heard = self.heard.borrow().len();
        if heard == 0 {
            return;
        }
        let number = random.below(heard);
        let (index, generation) = self.heard.borrow()[number];
        let word = &self.memory.words[index];
        let copy = || self.memory.objects[0].cells().load(index);
        let found = read_leased(word, generation, copy);
        if found.is_some_and(|[first, second]| first.max(second) > number as u64) {
            town.violate("a stale handle read what a later holder wrote");
        }
    }
}

impl Play for Pool {
    fn run(&self, town: &Town, me: Identity, mut random: Random) {
        let me = Tag::of(me);
        for _ in 0..1 + random.below(3) {
            let lease = match random.below(5) {
                0 => {
                    self.look(town, &mut random);
                    continue;
                }
                1 | 2 => self.acquire(town, me, &mut random),
                _ => Some(self.wait(town, me, &mut random)),
            };
            let Some(lease) = lease else { continue };
            self.use_object(town, lease);
            if !self.leases(town).release(lease) {
                town.violate("a lease could not be given back");
            }
        }
    }

    fn is_somebody_missed(&self, town: &Town) -> bool {
        let owners = *self.owners.borrow();
        owners
            .into_iter()
            .flatten()
            .any(|owner| !town.is_alive(owner))
    }

    fn is_blocked(&self, _: &Town) -> bool {
        self.is_full()
    }

    fn observe(&self, town: &Town, who: usize, word: usize, old: u64, new: u64) {
        let (from, to) = (Tag::from_low(old), Tag::from_low(new));
        let full = self.is_full();
        let mut owners = self.owners.borrow_mut();
        if to.is_nobody() {
            if owners[word] != Some(from) {
                town.violate("freed twice");
            }
            if who as u64 != from.bits() && town.is_alive(from) {
                town.violate("taken from the living");
            }
            owners[word] = None;
            if full {
                self.room_since.set(now());
            }
        } else if owners[word].replace(to).is_some() {
            town.violate("leased to two");
        }
    }

    fn check(&self, town: &Town, stopped: &[Tag]) {
        let leases = self.leases(town);
        let kept = self
            .owners
            .borrow()
            .iter()
            .flatten()
            .filter(|owner| stopped.contains(owner))
            .count();
        let somebody = Tag::of(Identity {
            slot: 0,
            generation: 999,
        });
        let back = (0..self.count)
            .map_while(|_| leases.acquire(somebody, 0))
            .count();
        if back + kept != self.count {
            town.violate("what the dead held did not come back");
        }
    }
}

#[test]
fn p1_leases_of_the_killed_come_back_and_nobody_elses() {
    assert_clean(QUIET, Pool::new);
    assert_clean(DEADLY, Pool::new);
}

#[test]
fn p2_one_who_is_stopped_keeps_its_own_and_holds_nobody_up() {
    assert_clean(STOPPING, Pool::new);
}

#[test]
fn seeded_bugs_are_caught() {
    for bug in [
        Bug::IgnoreGeneration,
        Bug::NoLeaseGeneration,
        Bug::NoSweep,
        Bug::SweepBlindly,
        Bug::SweepSilently,
        Bug::WakeAfterPublish,
        Bug::NotAnnounced,
        Bug::WakeOne,
    ] {
        assert_caught(bug, &[DEADLY, QUIET], Pool::new);
    }
}
