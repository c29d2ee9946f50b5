//! `Signal`: every raise counts once, and nobody sleeps through one.

use crate::memory::owner::Tag;
use crate::memory::participant::Identity;
use crate::models::scheduler::{Random, quietly};
use crate::models::town::{DEADLY, Play, QUIET, STOPPING, Town, assert_caught, assert_clean};
use crate::seeded::Bug;
use crate::sync::signal::{Raising, Repr};
use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::collections::BTreeMap;
use zerocopy::FromZeros;

struct Raised {
    memory: Box<Repr>,
    count: Cell<u64>,
    begun: Cell<u64>,
    ended: Cell<u64>,
    /// Who waits, and since which count.
    waiting: RefCell<BTreeMap<u64, (Tag, u64)>>,
    tickets: Cell<u64>,
}

impl Raised {
    fn new(_: &mut Random) -> Self {
        Self {
            memory: Box::new(Repr::new_zeroed()),
            count: Cell::default(),
            begun: Cell::default(),
            ended: Cell::default(),
            waiting: RefCell::default(),
            tickets: Cell::default(),
        }
    }

    fn signal<'a>(&'a self, town: &'a Town) -> Raising<'a, &'a Town> {
        Raising::new(&self.memory, town)
    }

    fn raise(&self, town: &Town) {
        self.begun.set(self.begun.get() + 1);
        self.signal(town).raise();
        self.ended.set(self.ended.get() + 1);
        if self.count.get() < self.ended.get() {
            town.violate("a raise is over and not counted");
        }
    }

    fn wait(&self, town: &Town, me: Tag) {
        let signal = self.signal(town);
        let since = signal.count();
        let ticket = self.tickets.replace(self.tickets.get() + 1);
        self.waiting.borrow_mut().insert(ticket, (me, since));
        while signal.count() == since {
            signal.wait_round(since, Duration::from_secs(9));
        }
        self.waiting.borrow_mut().remove(&ticket);
    }
}

impl Play for Raised {
    fn run(&self, town: &Town, me: Identity, mut random: Random) {
        let me = Tag::of(me);
        for _ in 0..1 + random.below(4) {
            match random.below(2) {
                0 => self.raise(town),
                _ => self.wait(town, me),
            }
        }
    }

    fn is_somebody_missed(&self, _: &Town) -> bool {
        false // nothing is left behind that a sleeper would have to find
    }

    fn is_blocked(&self, town: &Town) -> bool {
        let count = quietly(|| self.signal(town).count());
        let waiting = self.waiting.borrow();
        let awake = |(who, since): &(Tag, u64)| *since != count && !town.is_stopped(*who);
        !waiting.values().any(awake)
    }

    fn may_sleep_on(&self) -> bool {
        true // nobody raises it any more
    }

    fn observe(&self, town: &Town, _: usize, _: usize, old: u64, new: u64) {
        let (from, to) = (old >> 1, new >> 1);
        if from != self.count.get() || to > from + 1 {
            town.violate("not one more");
        }
        self.count.set(to);
        if to > self.begun.get() {
            town.violate("counted twice");
        }
    }

    fn buried(&self, _: &Town, who: Tag) {
        self.waiting
            .borrow_mut()
            .retain(|_, (waiting, _)| *waiting != who);
    }

    fn check(&self, town: &Town, _: &[Tag]) {
        self.raise(town);
        if self.signal(town).count() > self.begun.get() {
            town.violate("counted more than was raised");
        }
    }
}

#[test]
fn p1_every_raise_counts_once_and_nobody_sleeps_through_one() {
    assert_clean(QUIET, Raised::new);
    assert_clean(DEADLY, Raised::new);
}

#[test]
fn p2_one_who_is_stopped_in_a_raise_holds_nobody_up() {
    assert_clean(STOPPING, Raised::new);
}

#[test]
fn seeded_bugs_are_caught() {
    for bug in [
        Bug::WakeAfterPublish,
        Bug::NotAnnounced,
        Bug::SweepSilently,
        Bug::WakeOne,
    ] {
        assert_caught(bug, &[DEADLY, STOPPING], Raised::new);
    }
}
