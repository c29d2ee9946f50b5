//! A lane's record: who has the lane on lease, and the intent of the operation that runs on it.
//!
//! One lane does one operation at a time. Before an operation changes anything that others see it
//! writes its *intent* here, by plain stores to a line that is its own; a recoverer who finds the owner
//! dead learns from it what was going on.
//!
//! # Ordering
//!
//! (I) `open.state -> Intent::read`: the intent's words are visible to whoever sees the phase.
//! (S) `close.state -> Exchange::evidence`: the spare is settled for whoever sees the phase closed. `enter.place`
//!     and `open.old` too: whoever sees a word of the next operation sees the one before closed.

use super::atomic::{
    AtomicU64, Ordering,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};
use super::shared::impl_shared;
use crate::seeded::{Bug, order, seeded, total};
use zerocopy::FromZeros;

/// A lane's bytes: 128.
#[derive(Debug, FromZeros)]
#[repr(C, align(128))]
pub struct LaneRecord {
    /// [`super::participant::Identity::word`] of the attachment that has it on lease; zero: free.
    pub owner: AtomicU64,
    /// [`State`]: which word is exchanged, and the phase of the operation.
    state: AtomicU64,
    /// [`Place`] of the structure that the operation is on.
    place: AtomicU64,
    /// What the word held when the exchange began.
    old: AtomicU64,
    reserved: [AtomicU64; 12],
}

impl_shared!(impl[] LaneRecord { owner, state, place, old, reserved });
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
    /// As [`Phase::Take`], from a shelf.
    Reclaim = 7,
    /// The spare is about to be exchanged for the node that a word holds for the last time: what it says is
    /// replaced.
    Publish = 8,
    /// The spare is about to be exchanged for the node of an empty bucket: see [`super::bucket`].
    Insert = 9,
    /// A bucket was claimed, and it is undecided whether the key is this operation's; the spare is settled.
    Inserted = 10,
    /// A filled spare is about to be given for a free node: see [`super::two_lists`].
    StackPush = 11,
    /// The spare is about to be given for a filled node.
    StackPop = 12,
    /// The spare is about to be exchanged for the node on the lane's own shelf: see `structures::map`.
    Reserve = 14,
}

impl Phase {
    /// The order of the exchange itself. Who claims a bucket then looks for rivals, who do the same: each must see
    /// the other, and that takes a total order of the claims and the looks (`structures::map::table`).
    #[inline(always)]
    pub fn order(self) -> Ordering {
        match self {
            Self::Insert => total(Bug::UnorderedClaim, AcqRel),
            _ => AcqRel,
        }
    }

    /// Whether two nodes are about to change hands, so that the spare may be stale. [`Self::Reserve`] is none: both
    /// nodes are the lane's own before and after, so a stale spare names one of its own all the same.
    pub const fn is_exchange(self) -> bool {
        matches!(
            self,
            Self::Push
                | Self::Take
                | Self::Return
                | Self::Reclaim
                | Self::Publish
                | Self::Insert
                | Self::StackPush
                | Self::StackPop
        )
    }
}

/// The state word: `number << 4 | phase`.
///
/// The number says which word is exchanged, and differs from one exchange to the next: a ticket, whose low bits
/// are the word, or a shelf's lap and its lane. All of an intent that is not in `old` is in this one
/// word, because a compare-and-swap waits for every store before it: three more cost a push a third of its
/// time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State(u64);

const PHASE: u64 = 15;
const PHASE_BITS: u32 = 4;

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
            7 => Phase::Reclaim,
            8 => Phase::Publish,
            9 => Phase::Insert,
            10 => Phase::Inserted,
            11 => Phase::StackPush,
            12 => Phase::StackPop,
            14 => Phase::Reserve,
            _ => Phase::Idle,
        }
    }

    /// The number of the exchange, in the phases of one; its upper bits are cut.
    pub const fn number(self) -> u64 {
        self.0 >> PHASE_BITS
    }

    const fn with(self, phase: Phase) -> Self {
        Self(self.0 & !PHASE | phase as u64)
    }

    const fn of(phase: Phase, number: u64) -> Self {
        Self(number << PHASE_BITS | phase as u64)
    }
}

/// Where the exchange words of a structure lie, and how many they are: `offset | log2(capacity)`.
///
/// At the offset, a multiple of 64 bytes from the segment's start, there are [`super::signals::Signals`], behind
/// them the words, and behind those, at a multiple of 128, one line per lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(u64);

impl Place {
    /// `capacity` words, a power of two, at `offset`.
    pub const fn new(offset: u64, capacity: usize) -> Self {
        debug_assert!(offset.is_multiple_of(64) && capacity.is_power_of_two());
        Self(offset | capacity.trailing_zeros() as u64)
    }

    /// Bytes from the segment's start.
    pub const fn offset(self) -> u64 {
        self.0 & !63
    }

    /// How many words, not counting the lines' shelves.
    pub const fn capacity(self) -> u64 {
        1 << (self.0 & 63)
    }

    /// Where the words begin.
    pub const fn words(self) -> u64 {
        self.offset().saturating_add(LINE)
    }

    /// Where the lines begin.
    pub const fn lines(self) -> u64 {
        let words = self.capacity().saturating_mul(size_of::<u64>() as u64);
        let end = self.words().saturating_add(words);
        end.saturating_add(LINE - 1) & !(LINE - 1)
    }

    /// Where they end.
    pub const fn end(self, lanes: usize) -> u64 {
        self.lines()
            .saturating_add(LINE.saturating_mul(lanes as u64))
    }
}

/// Bytes of the signals, of a line, and of its alignment.
const LINE: u64 = 128;

/// What a lane was about to do, as found in its record: every number is an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intent {
    /// What it is about to do.
    pub phase: Phase,
    /// [`State::number`].
    pub number: u64,
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
    pub fn enter(&self, place: Place) {
        if self.place.load(Relaxed) != place.0 {
            self.place.store(place.0, Release); // only the caller writes it; published with the phase (I); and (S)
        }
    }

    /// Announces that an operation is under way, before it looks whether anybody sleeps.
    #[inline(always)]
    pub fn announce(&self, phase: Phase) {
        if !seeded(Bug::NotAnnounced) {
            self.state.store(self.own().with(phase).0, Release); // (I)
        }
    }

    /// Opens the exchange `number` of a word that holds `old`.
    #[inline(always)]
    pub fn open(&self, phase: Phase, number: u64, old: u64) {
        self.old.store(old, Release); // published with the phase (I); and (S)
        let intent = order(Bug::RelaxedIntent, Release);
        self.state.store(State::of(phase, number).0, intent); // (I)
    }

    /// Ends an exchange or an announcement; the spare is settled.
    #[inline(always)]
    pub fn close(&self, phase: Phase) {
        let settled = order(Bug::RelaxedClose, Release);
        self.state.store(self.own().with(phase).0, settled); // (S)
    }

    /// The place that the record names.
    pub fn place(&self) -> Place {
        Place(self.place.load(Relaxed)) // ordered by the caller's read of the state (I)
    }

    /// The intent that the record held in state `state`.
    pub fn intent(&self, state: State) -> Intent {
        Intent {
            phase: state.phase(),
            number: state.number(),
            old: self.old.load(Relaxed), // ordered by the caller's read of the state (I)
        }
    }
}

/// Whether any lane but those of the dead announces an operation on the structure at `place`, or is about to do it:
/// one that fills, or one that empties.
pub fn announced(records: &[LaneRecord], place: Place, filling: bool) -> bool {
    records.iter().any(|record| {
        let wanted = match record.state().phase() {
            Phase::Filling
            | Phase::Push
            | Phase::Return
            | Phase::Publish
            | Phase::Insert
            | Phase::StackPush => filling,
            Phase::Emptying | Phase::Take | Phase::Reclaim | Phase::StackPop => !filling,
            Phase::Idle | Phase::Held | Phase::Inserted | Phase::Reserve => false,
        };
        wanted && record.place() == place
    })
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
            Phase::Reclaim,
            Phase::Publish,
            Phase::Insert,
            Phase::Inserted,
            Phase::StackPush,
            Phase::StackPop,
            Phase::Reserve,
        ];
        for phase in phases {
            let number = (1 << 60) - 1;
            let state = State::of(phase, number);
            assert_eq!((state.phase(), state.number()), (phase, number));
            assert_eq!(state.with(Phase::Idle).phase(), Phase::Idle);
            assert_ne!(state, State::of(phase, number - 1));
        }
    }

    #[test]
    fn place_names_offset_and_capacity() {
        let place = Place::new((1 << 38) - 64, 1 << 29);
        assert_eq!(place.offset(), (1 << 38) - 64);
        assert_eq!(place.capacity(), 1 << 29);
        let place = Place::new(1024, 2);
        assert_eq!(
            (place.words(), place.lines(), place.end(3)),
            (1152, 1280, 1664)
        );
        assert_eq!(Place(u64::MAX).end(64), u64::MAX, "a hostile place");
    }
}
