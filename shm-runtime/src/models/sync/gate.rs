//! The gate of `Barrier`: it opens for all who are there, or for nobody, and never for the dead.

use crate::memory::atomic::AtomicU64;
use crate::memory::leases::{Lease, Leases};
use crate::memory::owner::Tag;
use crate::memory::participant::Identity;
use crate::memory::signals::{Event, SLICE};
use crate::models::scheduler::{Random, now};
use crate::models::town::{DEADLY, Play, QUIET, STOPPING, Town, assert_caught, assert_clean};
use crate::seeded::Bug;
use crate::sync::gate::{Arrival, Gate, STATE};
use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::collections::BTreeMap;
use zerocopy::FromZeros;

/// Most parties.
const PARTIES: usize = 3;

#[derive(FromZeros)]
#[repr(C)]
struct Memory {
    moved: Event,
    state: AtomicU64,
    places: [AtomicU64; PARTIES],
}

/// What a place is to the party that has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Free,
    Coming(Tag),
    Here(Tag),
    Through(Tag),
}

struct Parties {
    memory: Box<Memory>,
    count: usize,
    places: RefCell<[Place; PARTIES]>,
    /// When the party at each place began to arrive.
    begun: RefCell<[u64; PARTIES]>,
    /// Who waits, and at which place.
    waiting: RefCell<BTreeMap<u64, (Tag, Option<usize>)>>,
    tickets: Cell<u64>,
}

impl Parties {
    fn new(random: &mut Random) -> Self {
        Self {
            memory: Box::new(Memory::new_zeroed()),
            count: 1 + random.below(PARTIES),
            places: RefCell::default(),
            begun: RefCell::default(),
            waiting: RefCell::default(),
            tickets: Cell::default(),
        }
    }

    fn gate<'a>(&'a self, town: &'a Town) -> Gate<'a, &'a Town, &'a Town> {
        Gate {
            state: &self.memory.state,
            places: Leases {
                words: &self.memory.places[..self.count],
                freed: &self.memory.moved,
                owners: town,
                kernel: town,
            },
        }
    }

    fn is_through(&self, at: Lease) -> bool {
        matches!(self.places.borrow()[at.index], Place::Through(_))
    }

    /// Goes through, or gives up after some rounds.
    fn wait(&self, town: &Town, me: Tag, patience: Option<usize>) {
        let ticket = self.tickets.replace(self.tickets.get() + 1);
        self.waiting.borrow_mut().insert(ticket, (me, None));
        let limit = patience.map_or(Duration::from_secs(9), |_| SLICE);
        let mut rounds = patience.unwrap_or(usize::MAX);
        let gate = self.gate(town);
        let at = loop {
            if let Some(at) = gate.places.acquire_free(me, 0) {
                break Some(at);
            }
            if rounds == 0 {
                break None;
            }
            rounds -= 1;
            gate.wait_for_place(me, limit);
        };
        if let Some(at) = at {
            self.waiting
                .borrow_mut()
                .insert(ticket, (me, Some(at.index)));
            self.pass(town, me, at, limit, rounds);
            if !gate.places.release(at) {
                town.violate("a place could not be given back");
            }
        }
        self.waiting.borrow_mut().remove(&ticket);
    }

    fn pass(&self, town: &Town, me: Tag, at: Lease, limit: Duration, mut rounds: usize) {
        let gate = self.gate(town);
        self.begun.borrow_mut()[at.index] = now();
        let opened = gate.arrive(me, at).expect("it makes sense") == Arrival::Opened;
        let mut through = opened;
        while !through && rounds > 0 {
            through = gate.is_through(at);
            if !through {
                rounds -= 1;
                gate.wait_round(me, at, limit);
            }
        }
        let through = through || !gate.withdraw(at);
        if through != self.is_through(at) {
            town.violate(format!("{through} that it is through, and it is not so"));
        }
    }

    fn open(&self, town: &Town, opener: usize) {
        let mut places = self.places.borrow_mut();
        for place in &mut places[..self.count] {
            match *place {
                Place::Here(who) | Place::Coming(who) => {
                    let died = town.died(who);
                    if died.is_some_and(|died| died <= self.begun.borrow()[opener]) {
                        town.violate("it opened for one who was dead");
                    }
                    *place = Place::Through(who);
                }
                _ => town.violate("it opened, and not all were there"),
            }
        }
    }
}

impl Play for Parties {
    fn run(&self, town: &Town, me: Identity, mut random: Random) {
        let me = Tag::of(me);
        for _ in 0..1 + random.below(4) {
            let patience = match random.below(3) {
                0 => Some(random.below(6)),
                _ => None,
            };
            self.wait(town, me, patience);
        }
    }

    fn is_somebody_missed(&self, town: &Town) -> bool {
        let leases = self.gate(town).places;
        let owners = (0..self.count).map(|place| leases.owner(place));
        owners
            .filter(|owner| !owner.is_nobody())
            .any(|owner| !town.is_alive(owner))
    }

    fn is_blocked(&self, town: &Town) -> bool {
        let leases = self.gate(town).places;
        let is_free = (0..self.count).any(|place| leases.owner(place).is_nobody());
        let places = self.places.borrow();
        let awake = |&(who, at): &(Tag, Option<usize>)| {
            let goes = at.map_or(is_free, |at| matches!(places[at], Place::Through(_)));
            goes && !town.is_stopped(who)
        };
        !self.waiting.borrow().values().any(awake)
    }

    fn may_sleep_on(&self) -> bool {
        true // the others do not come any more
    }

    fn observe(&self, town: &Town, who: usize, word: usize, old: u64, new: u64) {
        if word != STATE {
            let (from, to) = (Tag::from_low(old), Tag::from_low(new));
            let place = &mut self.places.borrow_mut()[word];
            if to.is_nobody() {
                if matches!(*place, Place::Here(_)) {
                    town.violate("a place was freed, and its arrival stays");
                }
                if who as u64 != from.bits() && town.is_alive(from) {
                    town.violate("taken from the living");
                }
                *place = Place::Free;
            } else {
                *place = Place::Coming(to);
            }
            return;
        }
        let here = |word: u64| word & ((1 << self.count) - 1);
        if here(new) == 0
            && here(old) | 1 << who == (1 << self.count) - 1
            && here(old) & 1 << who == 0
        {
            return self.open(town, who);
        }
        let place = &mut self.places.borrow_mut()[who];
        *place = match *place {
            Place::Coming(tag) if here(new) & 1 << who != 0 => Place::Here(tag),
            Place::Here(tag) if here(new) & 1 << who == 0 => Place::Coming(tag),
            other => {
                town.violate("a change that is none of its own");
                other
            }
        };
    }

    fn buried(&self, _: &Town, who: Tag) {
        let mut waiting = self.waiting.borrow_mut();
        waiting.retain(|_, (waiting, _)| *waiting != who);
    }

    fn check(&self, town: &Town, _: &[Tag]) {
        let gate = self.gate(town);
        gate.sweep(Tag::NOBODY);
        for place in 0..self.count {
            let owner = gate.places.owner(place);
            if !owner.is_nobody() && !town.is_alive(owner) {
                town.violate("a place of the dead did not come back");
            }
            let here = matches!(self.places.borrow()[place], Place::Here(_));
            if here && owner.is_nobody() {
                town.violate("an arrival without a place");
            }
        }
    }
}

#[test]
fn p1_it_opens_for_all_who_live_or_for_nobody() {
    assert_clean(QUIET, Parties::new);
    assert_clean(DEADLY, Parties::new);
}

#[test]
fn p2_one_who_is_stopped_holds_up_only_those_who_need_it() {
    assert_clean(STOPPING, Parties::new);
}

#[test]
fn seeded_bugs_are_caught() {
    for bug in [
        Bug::IgnoreGeneration,
        Bug::NoSweep,
        Bug::SweepBlindly,
        Bug::KeepArrival,
        Bug::WithdrawBlindly,
        Bug::CountTheDead,
        Bug::WakeAfterPublish,
        Bug::IgnoreAnnounced,
        Bug::WakeOne,
    ] {
        assert_caught(bug, &[DEADLY, QUIET], Parties::new);
    }
}
