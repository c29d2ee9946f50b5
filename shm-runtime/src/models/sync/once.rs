//! `Once`: it is completed once, everybody waits for that, and who runs after a death is told.

use crate::memory::owner::Tag;
use crate::memory::participant::Identity;
use crate::models::scheduler::{Random, pause, quietly};
use crate::models::town::{DEADLY, Play, QUIET, STOPPING, Town, assert_caught, assert_clean};
use crate::seeded::Bug;
use crate::sync::lock::{After, Lock, LockLine, LockWord};
use core::cell::Cell;
use core::time::Duration;
use zerocopy::FromZeros;

struct Run {
    line: Box<LockLine>,
    /// Who runs.
    runner: Cell<Option<Tag>>,
    /// Whether somebody has run to the end.
    is_over: Cell<bool>,
    is_completed: Cell<bool>,
    interrupted: Cell<bool>,
}

impl Run {
    fn new(_: &mut Random) -> Self {
        Self {
            line: LockLine::new_box_zeroed().expect("room"),
            runner: Cell::default(),
            is_over: Cell::default(),
            is_completed: Cell::default(),
            interrupted: Cell::default(),
        }
    }

    fn lock<'a>(&'a self, town: &'a Town) -> Lock<'a, &'a Town, &'a Town> {
        Lock {
            line: &self.line,
            owners: town,
            kernel: town,
        }
    }
}

impl Play for Run {
    fn run(&self, town: &Town, me: Identity, mut random: Random) {
        let (me, lock) = (Tag::of(me), self.lock(town));
        while !lock.look().is_done() {
            let Some(held) = lock.acquire_free(me) else {
                lock.wait_round(me, Duration::from_secs(9));
                continue;
            };
            if self.is_completed.get() {
                town.violate("it runs again");
            }
            if held.is_doubtful() != self.interrupted.get() {
                town.violate("a run was interrupted and this was not told, or the other way round");
            }
            self.runner.set(Some(me));
            (0..random.below(3)).for_each(|_| pause());
            self.runner.set(None);
            self.is_over.set(true);
            lock.release(held, After::Done);
        }
        if !self.is_over.get() {
            town.violate("it returns, and nobody has run to the end");
        }
    }

    fn is_somebody_missed(&self, town: &Town) -> bool {
        let owner = self.lock(town).look().owner();
        !owner.is_nobody() && !town.is_alive(owner)
    }

    fn is_blocked(&self, town: &Town) -> bool {
        !self.lock(town).look().owner().is_nobody()
    }

    fn observe(&self, _: &Town, _: usize, _: usize, _: u64, new: u64) {
        if LockWord::from_bits(new).is_done() {
            self.is_completed.set(true);
        }
    }

    fn buried(&self, town: &Town, who: Tag) {
        let now = quietly(|| self.lock(town).look());
        if now.owner() == who && !now.is_leaving() {
            self.interrupted.set(true);
        }
    }

    fn check(&self, _: &Town, _: &[Tag]) {}
}

#[test]
fn p1_it_is_completed_once_and_interruptions_are_told() {
    assert_clean(QUIET, Run::new);
    assert_clean(DEADLY, Run::new);
}

#[test]
fn p2_one_who_is_stopped_in_the_run_holds_up_those_who_wait() {
    assert_clean(STOPPING, Run::new);
}

#[test]
fn seeded_bugs_are_caught() {
    for bug in [
        Bug::NoSweep,
        Bug::SweepBlindly,
        Bug::ForgetDeath,
        Bug::WakeAfterPublish,
        Bug::NotAnnounced,
        Bug::WakeOne,
    ] {
        assert_caught(bug, &[DEADLY, QUIET], Run::new);
    }
}
