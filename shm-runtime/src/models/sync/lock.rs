//! The lock of `Mutex`, `RwLock` and `Once`: exclusion, and the truth about the dead.

use crate::memory::atomic::Ordering::Relaxed;
use crate::memory::cell::CellArray;
use crate::memory::owner::Tag;
use crate::memory::participant::Identity;
use crate::models::scheduler::{Random, now, pause, quietly};
use crate::models::town::{DEADLY, Play, QUIET, STOPPING, Town, assert_caught, assert_clean};
use crate::seeded::Bug;
use crate::sync::lock::{After, Held, Lock, LockLine, LockWord};
use core::cell::Cell;
use core::time::Duration;
use zerocopy::FromZeros;

#[derive(FromZeros)]
#[repr(C)]
struct Memory {
    line: LockLine,
    value: CellArray<[u64; 2], 1>,
}

/// A value that is whole, and counts its changes, whenever nobody doubts it.
struct Guarded {
    memory: Box<Memory>,
    owner: Cell<Option<Tag>>,
    /// When the owner changed last.
    since: Cell<u64>,
    /// Whether the owner is in the middle of a change.
    changing: Cell<bool>,
    /// An owner died in the middle of a change, and nobody has settled it.
    must_doubt: Cell<bool>,
    /// An owner died, or left it in doubt, and nobody has settled it.
    may_doubt: Cell<bool>,
    count: Cell<u64>,
}

impl Guarded {
    fn new(_: &mut Random) -> Self {
        Self {
            memory: Box::new(Memory::new_zeroed()),
            owner: Cell::default(),
            since: Cell::default(),
            changing: Cell::default(),
            must_doubt: Cell::default(),
            may_doubt: Cell::default(),
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

    fn try_lock(&self, town: &Town, me: Tag) -> Option<Held> {
        let begun = now();
        let held = self.lock(town).acquire(me);
        let unchanged = self.since.get() <= begun;
        if held.is_none() && unchanged {
            match self.owner.get() {
                None => town.violate("it would block, and was free throughout"),
                Some(owner) if town.died(owner).is_some_and(|died| died <= begun) => {
                    town.violate("it would block, and the owner was dead throughout");
                }
                Some(_) => {}
            }
        }
        held
    }

    fn wait(&self, town: &Town, me: Tag) -> Held {
        loop {
            if let Some(held) = self.lock(town).acquire_free(me) {
                return held;
            }
            self.lock(town).wait_round(me, Duration::from_secs(9));
        }
    }

    /// Changes the value in two steps, and makes sure that nobody else does.
    fn change(&self, town: &Town, held: Held) {
        match (
            held.is_doubtful(),
            self.must_doubt.get(),
            self.may_doubt.get(),
        ) {
            (false, true, _) => town.violate("nobody was told that an owner died in the middle"),
            (false, _, true) => town.violate("doubt went away by itself"),
            (true, _, false) => town.violate("told of a death that was none"),
            _ => {}
        }
        let cells = self.memory.value.cells();
        let before = cells.load(0).expect("one value");
        if !held.is_doubtful() && before != [self.count.get(); 2] {
            town.violate(format!("{before:?} instead of {} twice", self.count.get()));
        }
        let next = [before[0].max(before[1]) + 1; 2];
        self.changing.set(true);
        cells.store(0, next);
        self.changing.set(false);
        self.count.set(next[0]);
        pause();
        if cells.load(0) != Some(next) {
            town.violate("somebody else changed it");
        }
        if !self.lock(town).holds(held) {
            town.violate("the lock was lost");
        }
    }
}

impl Play for Guarded {
    fn run(&self, town: &Town, me: Identity, mut random: Random) {
        let me = Tag::of(me);
        for _ in 0..1 + random.below(4) {
            let held = match random.below(3) {
                0 => self.try_lock(town, me),
                _ => Some(self.wait(town, me)),
            };
            let Some(held) = held else { continue };
            self.change(town, held);
            let after = match held.is_doubtful() && random.chance(0.3) {
                true => After::Doubtful,
                false => After::Sound,
            };
            if !self.lock(town).release(held, after) {
                town.violate("the lock could not be given back");
            }
        }
    }

    fn is_somebody_missed(&self, town: &Town) -> bool {
        self.owner.get().is_some_and(|owner| !town.is_alive(owner))
    }

    fn is_blocked(&self, _: &Town) -> bool {
        self.owner.get().is_some()
    }

    fn observe(&self, town: &Town, who: usize, _: usize, old: u64, new: u64) {
        let (from, to) = (Tag::from_low(old), Tag::from_low(new));
        self.since.set(now());
        if !to.is_nobody() {
            if self.owner.replace(Some(to)).is_some() {
                town.violate("locked by two");
            }
            return;
        }
        if self.owner.take() != Some(from) {
            town.violate("unlocked twice");
        }
        if who as u64 != from.bits() {
            if town.is_alive(from) {
                town.violate("taken from the living");
            }
        } else {
            // what the owner said, and it lives
            let doubtful = LockWord::from_bits(new).is_doubtful();
            self.may_doubt.set(doubtful);
            self.must_doubt.set(false);
        }
    }

    fn buried(&self, _: &Town, who: Tag) {
        if self.owner.get() != Some(who) {
            return;
        }
        let word = LockWord::from_bits(quietly(|| self.memory.line.word.load(Relaxed)));
        let changing = self.changing.replace(false);
        // one who is leaving has said already how
        self.may_doubt.set(!word.is_leaving() || word.is_doubtful());
        let settled = word.is_leaving() && !word.is_doubtful();
        self.must_doubt
            .set(changing || self.must_doubt.get() && !settled);
    }

    fn check(&self, town: &Town, stopped: &[Tag]) {
        let somebody = Tag::of(Identity {
            slot: 0,
            generation: 999,
        });
        let kept = self
            .owner
            .get()
            .is_some_and(|owner| stopped.contains(&owner));
        if self.lock(town).acquire(somebody).is_none() && !kept {
            town.violate("the lock did not come back");
        }
    }
}

#[test]
fn p1_one_at_a_time_and_deaths_are_told() {
    assert_clean(QUIET, Guarded::new);
    assert_clean(DEADLY, Guarded::new);
}

#[test]
fn p2_one_who_is_stopped_keeps_the_lock_and_nothing_else() {
    assert_clean(STOPPING, Guarded::new);
}

#[test]
fn seeded_bugs_are_caught() {
    for bug in [
        Bug::IgnoreGeneration,
        Bug::NoSweep,
        Bug::SweepBlindly,
        Bug::SweepSilently,
        Bug::ForgetDeath,
        Bug::WakeAfterPublish,
        Bug::NotAnnounced,
        Bug::WakeOne,
    ] {
        assert_caught(bug, &[DEADLY, QUIET], Guarded::new);
    }
}
