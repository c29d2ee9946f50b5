//! The gate of a barrier: parties arrive at places, and it opens when all are there.
//!
//! A party leases a *place* (see [`crate::memory::leases`]), so that its death can be told, and then sets the
//! bit of that place in one word, by exchange:
//!
//! ```text
//! 63                     P P-1         0
//! +-----------------------+-------------+
//! | changes               | who is here |    zero: nobody; P is the number of parties
//! +-----------------------+-------------+
//! ```
//!
//! The exchange that would set the last bit clears all of them instead: that one exchange opens the gate, for
//! all or for nobody. A party is through when its bit is clear, because nobody else clears the bit of one who
//! lives and waits. Who runs out of time takes its own bit back by exchange, or finds that it is through.
//!
//! An arrival of the dead is withdrawn by whoever sweeps: the bit first, then the place, so that a place
//! which is free has no bit. A sweeper reads the word, looks whether the place is still the dead one's, and
//! exchanges the word that it read: as every change raises the count, it takes nothing from a later party at
//! the place. (The count has at least 32 bits: a sweeper would have to be stopped between two instructions
//! for four billion changes.) The one that would open the gate sweeps first, so nobody who was dead when the
//! last party came is counted.
//!
//! # Waiting
//!
//! As in [`crate::memory::signals`]: a place that is leased and has no bit is an announcement. The one that
//! opens wakes the sleepers before it does.
//!
//! | killed | left | repaired |
//! |---|---|---|
//! | before it has a place | nothing | - |
//! | with a place, before its bit is set | a place of the dead | the next who needs one, sleeps, or opens |
//! | with its bit set | the same, and a bit | the same |
//! | behind the exchange that opens | all others are through; a place of the dead | as above |
//! | withdrawing, or sweeping | the bit is set or not; the place is the dead one's | as above |
//!
//! # Ordering
//!
//! (G) `arrive` -> `is_through`: what any party did before it arrived is before what any does behind the
//! gate. Every change of the word is an exchange, so each arrival's release goes on to the exchange that
//! opens, and from there to all.

use crate::memory::atomic::{
    AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed},
};
use crate::memory::leases::{Lease, Leases};
use crate::memory::owner::{Owners, Tag, WATCH};
use crate::memory::patience::PATIENCE;
use crate::memory::signals::Kernel;
use crate::seeded::{Bug, linearized, order, seeded};
use core::time::Duration;

/// For models: which word a change is on that is none of the places.
pub const STATE: usize = usize::MAX;

/// The word, as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    bits: u64,
    parties: usize,
}

impl State {
    const fn all(self) -> u64 {
        (1 << self.parties) - 1
    }

    const fn has(self, place: usize) -> bool {
        self.bits & 1 << place != 0
    }

    const fn next(self, here: u64) -> Self {
        let changes = (self.bits >> self.parties).wrapping_add(1);
        Self {
            bits: changes << self.parties | here & self.all(),
            parties: self.parties,
        }
    }

    const fn with(self, place: usize) -> Self {
        self.next(self.bits | 1 << place)
    }

    const fn without(self, place: usize) -> Self {
        self.next(self.bits & !(1 << place))
    }

    const fn is_full(self) -> bool {
        self.bits & self.all() == self.all()
    }
}

/// What came of an arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// All were there: it opened the gate.
    Opened,
    /// It waits for others.
    Waits,
}

/// A gate, and what passing it needs; the number of places is the number of parties.
#[derive(Clone, Copy, Debug)]
pub struct Gate<'a, O, K> {
    /// The word.
    pub state: &'a AtomicU64,
    /// Where parties stand.
    pub places: Leases<'a, O, K>,
}

impl<O: Owners, K: Kernel> Gate<'_, O, K> {
    fn load(&self) -> State {
        State {
            bits: self.state.load(Acquire), // (G)
            parties: self.places.words.len(),
        }
    }

    /// Changes the word, on account of the party at `place`.
    fn exchange(&self, place: usize, now: State, new: State) -> bool {
        let both = order(Bug::RelaxedGate, AcqRel); // (G); lost: somebody else arrived, withdrew or opened
        let done = self
            .state
            .compare_exchange(now.bits, new.bits, both, Relaxed);
        if done.is_ok() {
            linearized(place, STATE, now.bits, new.bits);
        }
        done.is_ok()
    }

    /// Arrives at a place; `None` where the word changes all the time without making sense.
    pub fn arrive(&self, me: Tag, at: Lease) -> Option<Arrival> {
        for _ in 0..PATIENCE {
            let now = self.load();
            if !now.with(at.index).is_full() {
                if self.exchange(at.index, now, now.with(at.index)) {
                    return Some(Arrival::Waits);
                }
                continue;
            }
            if !seeded(Bug::CountTheDead) {
                self.sweep(me);
            }
            if !seeded(Bug::WakeAfterPublish) {
                self.places.freed.ring(&self.places.kernel);
            }
            if self.exchange(at.index, now, now.next(0)) {
                if seeded(Bug::WakeAfterPublish) {
                    self.places.freed.ring(&self.places.kernel);
                }
                return Some(Arrival::Opened);
            }
        }
        None
    }

    /// Whether the gate was opened for the party at that place, which had arrived.
    pub fn is_through(&self, at: Lease) -> bool {
        !self.load().has(at.index)
    }

    /// Takes an arrival back; false where the gate was opened for it before.
    pub fn withdraw(&self, at: Lease) -> bool {
        for _ in 0..PATIENCE {
            let now = self.load();
            if !now.has(at.index) {
                return false;
            }
            if self.exchange(at.index, now, now.without(at.index)) {
                return true;
            }
        }
        true
    }

    /// Withdraws the dead.
    pub fn sweep(&self, me: Tag) {
        self.places.sweep_with(me, |dead| {
            for _ in 0..PATIENCE {
                let now = self.load();
                if !now.has(dead.index) || seeded(Bug::KeepArrival) {
                    return;
                }
                if seeded(Bug::WithdrawBlindly) {
                    // whoever's it is by now
                    let was = self.state.fetch_and(!(1 << dead.index), AcqRel);
                    return linearized(dead.index, STATE, was, was & !(1 << dead.index));
                }
                // behind the look at the word: if the place is the dead one's now, the bit in it was
                if !self.places.holds(dead) {
                    return;
                }
                if self.exchange(dead.index, now, now.without(dead.index)) {
                    return;
                }
            }
        });
    }

    /// One round of waiting for a place.
    pub fn wait_for_place(&self, me: Tag, left: Duration) {
        self.places.wait_round_with(left, || self.sweep(me));
    }

    /// One round of waiting for the others.
    pub fn wait_round(&self, me: Tag, at: Lease, left: Duration) {
        self.places.freed.wait_round(
            &self.places.kernel,
            left.min(WATCH),
            || self.sweep(me),
            || self.is_somebody_coming(),
            || !self.is_through(at),
        );
    }

    /// Whether somebody has a place and is not here: it comes, or it goes.
    fn is_somebody_coming(&self) -> bool {
        let here = self.load();
        let mut places = 0..self.places.words.len();
        places.any(|place| !here.has(place) && !self.places.owner(place).is_nobody())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_word_has_its_parts(parties in 1..=crate::layout::capacity::MOST_PARTIES, bits: u64, place: usize) {
            let place = place % parties;
            let state = State { bits, parties };
            let changed = |next: State| next.bits >> parties == (state.bits >> parties).wrapping_add(1) << parties >> parties;
            prop_assert!(state.with(place).has(place) && changed(state.with(place)));
            prop_assert!(!state.without(place).has(place) && changed(state.without(place)));
            prop_assert!(changed(state.next(0)) && state.next(0).bits & state.all() == 0);
            for other in (0..parties).filter(|other| *other != place) {
                prop_assert_eq!(state.with(place).has(other), state.has(other));
                prop_assert_eq!(state.without(place).has(other), state.has(other));
            }
            let full = (0..parties).fold(state, State::with);
            prop_assert!(full.is_full() && !full.without(place).is_full());
        }
    }
}
