//! A lane's record: who has the lane on lease, and the intent of the operation that runs on it.
//!
//! One lane does one operation at a time. Before an operation changes anything that others see it
//! writes its *intent* here, by plain stores to a line that is its own; a recoverer who finds the owner
//! dead learns from it what was going on.
//!
//! # Ordering
//!
//! (I) `open.state -> Intent::read`: the intent's words are visible to whoever sees the phase.
//! (S) `close.state -> Exchange::evidence`: the spare is settled for whoever sees the phase closed.

use super::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use super::seeded::{Bug, seeded};
use super::shared::impl_shared;
use zerocopy::FromZeros;

/// A lane's bytes: 128.
#[derive(Debug, FromZeros)]
#[repr(C, align(128))]
pub struct LaneRecord {
    /// [`super::participant::Identity::word`] of the attachment that has it on lease; zero: free.
    pub owner: AtomicU64,
    /// [`State`]: a count, the word that is exchanged, and the phase of the operation.
    state: AtomicU64,
    /// [`Place::words`] of the structure that the operation is on.
    words: AtomicU64,
    /// [`Place::head`].
    head: AtomicU64,
    /// [`Place::capacity`].
    capacity: AtomicU64,
    /// What the word held when the exchange began.
    old: AtomicU64,
    reserved: [AtomicU64; 10],
}

impl_shared!(impl[] LaneRecord { owner, state, words, head, capacity, old, reserved });
static_assertions::const_assert_eq!(size_of::<LaneRecord>(), 128);

/// What an operation is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Phase {
    /// No operation.
    Idle = 0,
    /// An operation that fills is announced to those who wait for elements.
    Filling = 1,
    /// An operation that empties is announced to those who wait for room.
    Emptying = 2,
    /// The spare is about to be exchanged for the node of an empty word.
    Push = 3,
    /// The spare is about to be exchanged for the node of a full word.
    Take = 4,
    /// The spare holds an element that was taken and is not acknowledged.
    Held = 5,
    /// The held element is about to be put on the lane's shelf.
    Return = 6,
}

/// The state word: `count << 34 | word << 4 | phase`. The count grows with every exchange.
///
/// All of an intent that is not in `old` is in this one word, because each store before a compare-and-swap is
/// one that the processor must finish first: three more cost a push a third of its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State(u64);

const PHASE: u64 = 15;
const WORD_SHIFT: u32 = 4;
const COUNT_SHIFT: u32 = 34;

impl State {
    /// The phase; a value that no program of ours writes reads as [`Phase::Idle`].
    pub const fn phase(self) -> Phase {
        match self.0 & PHASE {
            1 => Phase::Filling,
            2 => Phase::Emptying,
            3 => Phase::Push,
            4 => Phase::Take,
            5 => Phase::Held,
            6 => Phase::Return,
            _ => Phase::Idle,
        }
    }

    /// The word that is exchanged, in the phases of an exchange.
    pub const fn word(self) -> usize {
        (self.0 << (u64::BITS - COUNT_SHIFT) >> (u64::BITS - COUNT_SHIFT + WORD_SHIFT)) as usize
    }

    const fn with(self, phase: Phase) -> Self {
        Self(self.0 & !PHASE | phase as u64)
    }

    const fn next(self, phase: Phase, word: usize) -> Self {
        let count = (self.0 >> COUNT_SHIFT).wrapping_add(1) << COUNT_SHIFT;
        Self(count | (word as u64) << WORD_SHIFT | phase as u64)
    }
}

/// Where a structure of exchange words lies in the segment, in bytes from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its words.
    pub words: u64,
    /// Its head: [`super::signals::Signals`], and behind it one line per lane.
    pub head: u64,
    /// How many words, not counting the lines' shelves.
    pub capacity: u64,
}

/// What a lane was about to do, as found in its record: every number is an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intent {
    /// Which structure.
    pub place: Place,
    /// What it is about to do.
    pub phase: Phase,
    /// To which of its words.
    pub word: usize,
    /// The word before. The word after follows from it: see [`super::exchange::Exchange::after`].
    pub old: u64,
}

impl LaneRecord {
    /// The state, for those who look at another's lane.
    #[inline]
    pub fn state(&self) -> State {
        State(self.state.load(Acquire)) // (I), (S)
    }

    /// The state of the caller's own lane.
    #[inline(always)]
    fn own(&self) -> State {
        State(self.state.load(Relaxed)) // only the caller writes it
    }

    /// Says which structure the operations that follow are on. Only in phase [`Phase::Idle`].
    #[inline(always)]
    pub fn enter(&self, place: &Place) {
        let same = self.words.load(Relaxed) == place.words // only the caller writes them
            && self.capacity.load(Relaxed) == place.capacity;
        if !same {
            self.words.store(place.words, Relaxed); // published with the phase (I)
            self.head.store(place.head, Relaxed); // (I)
            self.capacity.store(place.capacity, Relaxed); // (I)
        }
    }

    /// Announces that an operation is under way, before it looks whether anybody sleeps.
    #[inline(always)]
    pub fn announce(&self, phase: Phase) {
        if !seeded(Bug::NotAnnounced) {
            self.state.store(self.own().with(phase).0, Release); // (I)
        }
    }

    /// Opens an exchange of word `word`, which holds `old`.
    #[inline(always)]
    pub fn open(&self, phase: Phase, word: usize, old: u64) {
        self.old.store(old, Relaxed); // published with the phase (I)
        self.state.store(self.own().next(phase, word).0, Release); // (I)
    }

    /// Ends an exchange or an announcement; the spare is settled.
    #[inline(always)]
    pub fn close(&self, phase: Phase) {
        self.state.store(self.own().with(phase).0, Release); // (S)
    }

    /// The place that the record names.
    pub fn place(&self) -> Place {
        Place {
            words: self.words.load(Relaxed), // ordered by the caller's read of the state (I)
            head: self.head.load(Relaxed),   // (I)
            capacity: self.capacity.load(Relaxed), // (I)
        }
    }

    /// The intent that the record held in state `state`.
    pub fn intent(&self, state: State) -> Intent {
        Intent {
            place: self.place(),
            phase: state.phase(),
            word: state.word(),
            old: self.old.load(Relaxed), // ordered by the caller's read of the state (I)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeroed_is_idle() {
        let record = LaneRecord::new_zeroed();
        assert_eq!(record.state().phase(), Phase::Idle);
    }

    #[test]
    fn every_phase_survives_the_state_word() {
        let phases = [
            Phase::Idle,
            Phase::Filling,
            Phase::Emptying,
            Phase::Push,
            Phase::Take,
            Phase::Held,
            Phase::Return,
        ];
        for phase in phases {
            let word = (1 << 30) - 1;
            let state = State(u64::MAX).next(phase, word);
            assert_eq!((state.phase(), state.word()), (phase, word));
            assert_eq!(state.with(Phase::Idle).phase(), Phase::Idle);
            assert_ne!(
                state,
                state.next(phase, word),
                "the count tells two exchanges apart"
            );
        }
    }
}
