//! The queue's algorithm: a ring of exchange words.
//!
//! Ticket `t` belongs to word `t mod N` at lap `t div N`. A word `{lap, empty}` waits for the ticket of that
//! lap to be pushed, `{lap, full}` holds it, `{lap + 1, empty}` says that it was popped. Tickets are
//! claimed in order, because `t` is tried only by those who know that `t - 1` was claimed: they saw it in a
//! word, or read a hint that is stored after the exchange it announces. So what is popped is a prefix of
//! what was pushed, and "empty" and "full" are exact.
//!
//! `head` and `tail` are hints and nothing else. A stale one (its writer was stopped for a billion
//! operations between exchange and hint) is mended in O(log N): claimed tickets are a prefix of the lap,
//! so the boundary is found by bisection.
//!
//! The ring is NBLFQ's (Denis and Goedefroit, "NBLFQ: a lock-free MPMC queue optimized for low
//! contention", IPDPS 2025: one compare-and-swap per operation, positions as hints); the exchange of
//! nodes extends it to elements of any size, and to processes that are killed.
//!
//! # Ordering
//!
//! (A) exchange -> word, (B) refill -> validated copy: see `memory::exchange`. (H) hint -> hint: see
//! `structures::tickets`; without it, who has pushed can find the queue empty.

use crate::memory::atomic::{
    AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed},
};
use crate::memory::cell::prefetch_write;
use crate::memory::exchange::{Capacity, Corrupt, Exchange, Own, Target, look, replace};
use crate::memory::lane::{LaneRecord, Phase};
use crate::memory::nodes::Nodes;
use crate::memory::pace::give_way;
use crate::memory::patience::PATIENCE;
use crate::memory::signals::{Event, Kernel};
use crate::memory::word::{Packing, Word};
use crate::seeded::{Bug, linearized, seeded};
use crate::structures::tickets::{first_unclaimed, hint, set_hint};
use bytemuck::Pod;

mod looking;
mod taking;

/// Steps from a hint before it is mended by bisection.
const STALE: usize = 8;
/// Tickets between a push and the node that it brings in for a later one; twice as many for the word.
const AHEAD: u64 = 8;

/// Which end of the queue an operation works at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Where elements are pushed.
    Tail,
    /// Where they are popped.
    Head,
}

/// What an operation found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A push found the queue full; a pop or a take found it empty.
    None,
    /// The words make no sense.
    Corrupt,
}

impl From<Corrupt> for Stop {
    fn from(_: Corrupt) -> Self {
        Self::Corrupt
    }
}

/// The parts of a queue: of a handle, of a test's memory, of a model's.
///
/// An operation holds one reference and asks for parts when it needs them. A struct of all parts would be
/// written to the stack by every operation, for the sake of the paths that are never taken.
pub trait Parts {
    /// The element type.
    type Element: Pod;
    /// The nodes' type.
    type Cells: Nodes<Value = Self::Element> + ?Sized;
    /// How many words, in the type or not.
    type Capacity: Capacity;
    /// Words and lanes.
    fn exchange(&self) -> Exchange<'_, Self::Capacity>;
    /// The nodes.
    fn cells(&self) -> &Self::Cells;
    /// Hint: the next ticket to pop.
    fn head(&self) -> &AtomicU64;
    /// Hint: the next ticket to push.
    fn tail(&self) -> &AtomicU64;
    /// How sleepers are woken.
    fn kernel(&self) -> impl Kernel;
}

/// The algorithm over a queue's parts.
#[derive(Debug)]
pub struct Ring<'a, P>(pub &'a P);

impl<P> Clone for Ring<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<P> Copy for Ring<'_, P> {}

/// An element in its word.
#[derive(Clone, Copy, Debug)]
struct Found<'a> {
    /// The word.
    target: Target<'a>,
    /// The node that it names.
    node: usize,
}

/// How an element leaves: says whether it could take it.
trait Leave<'a, R>: Fn(Found<'a>) -> Result<Option<R>, Stop> + Copy {}
impl<'a, R, F> Leave<'a, R> for F where F: Fn(Found<'a>) -> Result<Option<R>, Stop> + Copy {}

/// A walk from a hint to the ticket that is next at one end.
struct Walk {
    ticket: u64,
    steps: usize,
    lost: usize,
    patient: bool,
}

impl Walk {
    #[inline(always)]
    fn from(at: &AtomicU64, patient: bool) -> Self {
        Self {
            ticket: hint(at),
            steps: 0,
            lost: 0,
            patient,
        }
    }
}

/// What came of one attempt.
enum Tried<R> {
    /// The exchange happened.
    Done(R),
    /// Somebody else's exchange did.
    Lost,
    /// The word, which is given, is at another ticket.
    Elsewhere(usize, Word),
}

impl<'a, P: Parts> Ring<'a, P> {
    /// Words and lanes.
    #[inline(always)]
    pub fn exchange(self) -> Exchange<'a, P::Capacity> {
        self.0.exchange()
    }

    #[inline(always)]
    fn packing(self) -> Packing {
        self.exchange().packing()
    }

    #[inline(always)]
    fn capacity(self) -> u64 {
        self.exchange().capacity() as u64 // a power of two: the type says so
    }

    #[inline(always)]
    fn lap(self, ticket: u64) -> u64 {
        self.packing()
            .lap(ticket >> self.capacity().trailing_zeros())
    }

    #[inline(always)]
    fn slot(self, ticket: u64) -> (usize, &'a AtomicU64) {
        let words = P::Capacity::slice(self.exchange().words);
        let i = ticket as usize & (words.len() - 1);
        (i, &words[i])
    }

    #[inline(always)]
    fn record(self, lane: usize) -> Result<&'a LaneRecord, Stop> {
        self.exchange().records.get(lane).ok_or(Stop::Corrupt)
    }

    /// How many tickets of word `i` were claimed at `end`.
    #[inline(always)]
    fn claimed(end: End, word: Word) -> u64 {
        word.lap + u64::from(end == End::Tail && word.full)
    }

    /// Whether `ticket` was claimed at `end`.
    #[inline(always)]
    fn is_claimed(self, end: End, ticket: u64) -> bool {
        let (_, at) = self.slot(ticket);
        let word = self.packing().unpack(look(at));
        Self::claimed(end, word) > self.lap(ticket)
    }

    /// The next ticket at `end`, found by bisection: never one whose predecessor was not claimed.
    #[cold]
    #[inline(never)]
    fn locate(self, end: End) -> u64 {
        let count = |i: u64| {
            let word = self.packing().unpack(look(self.slot(i).1));
            Self::claimed(end, word)
        };
        first_unclaimed(self.capacity(), count)
    }

    /// Ends a walk that took more steps than words in good order make it take.
    #[inline(always)]
    fn bound(self, walk: &Walk) -> Result<(), Stop> {
        if walk.steps > self.exchange().nodes() + 8 * STALE && !seeded(Bug::NoLoopBound) {
            return Err(Stop::Corrupt);
        }
        Ok(())
    }

    /// Moves a walk past a word in which its ticket was claimed already.
    #[inline(always)]
    fn step(self, end: End, walk: &mut Walk, slot: usize, word: Word) -> Result<(), Stop> {
        walk.steps += 1;
        if seeded(Bug::TrustHint) {
            return Err(Stop::None);
        }
        if walk.steps.is_multiple_of(STALE) {
            self.bound(walk)?;
            walk.ticket = self.locate(end);
        } else {
            let lap = Self::claimed(end, word).wrapping_sub(1);
            walk.ticket = lap
                .wrapping_mul(self.capacity())
                .wrapping_add(slot as u64 + 1);
        }
        if walk.steps == 1 {
            give_way(); // somebody is at it, as the hint was behind
        }
        Ok(())
    }

    /// A walk met a word of an earlier lap: the end of the queue, or a hint that no program of ours left.
    #[inline(always)]
    fn behind(self, end: End, walk: &mut Walk) -> Result<(), Stop> {
        if walk.ticket == 0 || self.is_claimed(end, walk.ticket.wrapping_sub(1)) {
            return Err(Stop::None);
        }
        walk.steps += STALE;
        self.bound(walk)?;
        walk.ticket = self.locate(end);
        Ok(())
    }

    /// As [`Ring::behind`]; at the end of the queue a patient walk lets the other side get ahead for a moment,
    /// if that paid before, and has its caller look once more.
    fn behind_or_pause(self, end: End, walk: &mut Walk, own: &Own<'_>) -> Result<(), Stop> {
        let behind = self.behind(end, walk);
        if behind == Err(Stop::None) && walk.patient {
            walk.patient = false;
            let pauses = own.pauses_at_end(end == End::Tail, walk.ticket);
            if pauses > 0 {
                (0..pauses).for_each(|_| core::hint::spin_loop());
                return Ok(());
            }
        }
        behind
    }

    #[inline(always)]
    fn lost(self, walk: &mut Walk) -> Result<(), Stop> {
        walk.lost += 1; // somebody else's exchange succeeded: system-wide progress
        give_way();
        if walk.lost > PATIENCE {
            Err(Stop::Corrupt)
        } else {
            Ok(())
        }
    }

    /// Pushes `value` if the hint is right and nobody interferes: nearly always. Else nothing was done, for
    /// whatever reason, and [`Ring::push`] finds out.
    #[inline(always)]
    pub fn push_at_once(self, lane: usize, value: P::Element) -> bool {
        let hint = hint(self.0.tail());
        let Ok(own) = self.exchange().own(lane) else {
            return false;
        };
        if seeded(Bug::PublishBeforeWrite) {
            return false; // `push` does it
        }
        let Ok(spare) = self.fill_node(&own, value) else {
            return false;
        };
        own.record.enter(self.exchange().place);
        self.fetch_ahead(hint);
        let tried = self.try_push(&own, spare, hint, |event| self.is_quiet(event));
        own.record.close(Phase::Idle);
        matches!(tried, Ok(Tried::Done(())))
    }

    /// Wakes those who sleep.
    #[inline(always)]
    fn wake(self, event: &Event) -> bool {
        event.ring(&self.0.kernel());
        true
    }

    /// Whether nobody has to be woken, told without waking: an attempt has no call in it.
    #[inline(always)]
    fn is_quiet(self, event: &Event) -> bool {
        event.is_quiet(&self.0.kernel())
    }

    /// Brings in what the next pushes will write, while there is time.
    ///
    /// Words and nodes come back from consumers one line after the other. A store that waits for its line
    /// holds up the compare-and-swap behind it, so without this nothing overlaps.
    #[inline(always)]
    fn fetch_ahead(self, ticket: u64) {
        if cfg!(test) {
            return; // nothing to a model but one more load
        }
        let (_, far) = self.slot(ticket.wrapping_add(2 * AHEAD));
        prefetch_write(far);
        let (i, near) = self.slot(ticket.wrapping_add(AHEAD));
        let named = self.packing().unpack(near.load(Relaxed)).node; // only a hint
        self.0.cells().prefetch_write(named as usize ^ i); // a word's home is its own number
    }

    /// Pushes what the lane's node `spare` holds, from the hint to wherever the tail is.
    fn push_walking(self, own: Own<'_>, spare: usize, patient: bool) -> Result<(), Stop> {
        own.record.announce(Phase::Filling);
        let mut walk = Walk::from(self.0.tail(), patient);
        loop {
            match self.try_push(&own, spare, walk.ticket, |event| self.wake(event))? {
                Tried::Done(()) => return Ok(()),
                Tried::Lost => {
                    own.record.close(Phase::Filling);
                    self.lost(&mut walk)?;
                }
                Tried::Elsewhere(i, word) => {
                    if Self::claimed(End::Tail, word) > self.lap(walk.ticket) {
                        self.step(End::Tail, &mut walk, i, word)?;
                    } else {
                        self.behind_or_pause(End::Tail, &mut walk, &own)?;
                    }
                }
            }
        }
    }

    /// Pushes into the word of `ticket`, if it waits for that.
    #[inline(always)]
    fn try_push(
        self,
        own: &Own<'_>,
        spare: usize,
        ticket: u64,
        wake: impl FnOnce(&Event) -> bool,
    ) -> Result<Tried<()>, Stop> {
        let (exchange, packing) = (self.exchange(), self.packing());
        let (i, at) = self.slot(ticket);
        let old = at.load(Acquire); // (A)
        if !packing.says(old, self.lap(ticket), false) {
            return Ok(Tried::Elsewhere(i, packing.unpack(old)));
        }
        let target = Target {
            phase: Phase::Push,
            number: ticket,
            word: i,
            at,
            old,
        };
        if seeded(Bug::HintBeforeExchange) {
            set_hint(self.0.tail(), ticket.wrapping_add(1));
        }
        let awake = || seeded(Bug::WakeAfterPublish) || wake(&exchange.signals.filled);
        let change = (exchange.after(&target, spare), exchange.named(i, old));
        if !exchange.swap_if(own, &target, change, awake) {
            return Ok(Tried::Lost);
        }
        if seeded(Bug::WakeAfterPublish) {
            exchange.signals.filled.ring(&self.0.kernel());
        }
        set_hint(self.0.tail(), ticket.wrapping_add(1));
        Ok(Tried::Done(()))
    }

    /// Pushes the spare as it is: what a loan has written.
    #[inline(always)]
    pub fn push_filled(self, lane: usize) -> Result<(), Stop> {
        let own = self.exchange().own(lane)?;
        self.push_node(own, self.exchange().spare(&own)?, true)
    }

    #[inline(always)]
    fn push_node(self, own: Own<'_>, spare: usize, patient: bool) -> Result<(), Stop> {
        own.record.enter(self.exchange().place);
        let done = self.push_walking(own, spare, patient);
        own.record.close(Phase::Idle);
        done
    }

    /// Writes `value` into the spare of `lane`, where nobody looks.
    #[inline(always)]
    pub fn fill(self, lane: usize, value: P::Element) -> Result<(), Stop> {
        self.fill_node(&self.exchange().own(lane)?, value).map(drop)
    }

    /// As [`Ring::fill`]; says which node it is.
    #[inline(always)]
    fn fill_node(self, own: &Own<'_>, value: P::Element) -> Result<usize, Stop> {
        self.exchange().filling();
        let spare = self.exchange().spare_named(own); // `store` checks it
        if self.0.cells().store(spare, value) {
            Ok(spare)
        } else {
            Err(Stop::Corrupt)
        }
    }

    /// What the spare of `lane` holds.
    pub fn spare_value(self, lane: usize) -> Result<P::Element, Stop> {
        self.0
            .cells()
            .load(self.exchange().spare(&self.exchange().own(lane)?)?)
            .ok_or(Stop::Corrupt)
    }

    /// Pushes `value`.
    pub fn push(self, lane: usize, value: P::Element, patient: bool) -> Result<(), Stop> {
        let own = self.exchange().own(lane)?;
        if seeded(Bug::PublishBeforeWrite) {
            let spare = self.exchange().spare(&own)?;
            self.push_node(own, spare, patient)?;
            self.0.cells().store(spare, value);
            return Ok(());
        }
        let spare = self.fill_node(&own, value)?;
        self.push_node(own, spare, patient)
    }

    /// Pops if the hint is right, nobody interferes, and no element came back: nearly always. Else nothing
    /// was done, for whatever reason, and [`Ring::pop`] finds out.
    #[inline(always)]
    pub fn pop_at_once(self, lane: usize) -> Option<P::Element> {
        let hint = hint(self.0.head());
        let record = self.record(lane).ok()?;
        record.enter(self.exchange().place);
        record.announce(Phase::Emptying);
        let popped = match (self.exchange().signals.returned(), self.find(hint)) {
            (None, Ok(Ok(found))) => self.leave_copy(lane, found, |event| self.is_quiet(event)),
            _ => Ok(None),
        };
        if let Ok(Some(_)) = popped {
            set_hint(self.0.head(), hint.wrapping_add(1));
        }
        record.close(Phase::Idle);
        popped.ok()?
    }

    /// Pops through `leave`, from the hint to wherever the head is.
    fn pop_walking<R>(
        self,
        lane: usize,
        patient: bool,
        leave: impl Leave<'a, R>,
    ) -> Result<R, Stop> {
        let own = self.exchange().own(lane)?;
        let mut walk = Walk::from(self.0.head(), patient);
        loop {
            match self.try_pop(walk.ticket, leave)? {
                Tried::Done(taken) => return Ok(taken),
                Tried::Lost => self.lost(&mut walk)?,
                Tried::Elsewhere(i, word) => {
                    let later = word.lap > self.lap(walk.ticket);
                    if later && !seeded(Bug::EmptyWithoutLap) {
                        self.step(End::Head, &mut walk, i, word)?;
                    } else {
                        self.behind_or_pause(End::Head, &mut walk, &own)?;
                    }
                }
            }
        }
    }

    /// Pops from the word of `ticket`, if it holds that.
    #[inline(always)]
    fn try_pop<R>(self, ticket: u64, leave: impl Leave<'a, R>) -> Result<Tried<R>, Stop> {
        let found = match self.find(ticket)? {
            Ok(found) => found,
            Err((i, word)) => return Ok(Tried::Elsewhere(i, word)),
        };
        if seeded(Bug::HintBeforeExchange) {
            set_hint(self.0.head(), ticket.wrapping_add(1));
        }
        let Some(taken) = leave(found)? else {
            return Ok(Tried::Lost);
        };
        set_hint(self.0.head(), ticket.wrapping_add(1));
        Ok(Tried::Done(taken))
    }

    /// The element of `ticket`; else the word, which is at another one.
    #[inline(always)]
    fn find(self, ticket: u64) -> Result<Result<Found<'a>, (usize, Word)>, Stop> {
        let (slot, at) = self.slot(ticket);
        let old = at.load(Acquire); // (A)
        let packing = self.packing();
        let word = packing.unpack(old);
        let here = packing.says(old, self.lap(ticket), true) || seeded(Bug::NoLap) && word.full;
        if !here {
            return Ok(Err((slot, word)));
        }
        let node = self.exchange().named(slot, old);
        let target = Target {
            phase: Phase::Take,
            number: ticket,
            word: slot,
            at,
            old,
        };
        Ok(Ok(Found { target, node }))
    }

    /// The next element, through `leave`: one that came back first.
    fn next<R>(self, lane: usize, patient: bool, leave: impl Leave<'a, R>) -> Result<R, Stop> {
        if let Some(seen) = self.exchange().signals.returned() {
            match self.leave_shelves(seen, leave) {
                Err(Stop::None) => {}
                other => return other,
            }
        }
        self.pop_walking(lane, patient, leave)
    }

    /// Copies the element out and empties its word.
    #[inline(always)]
    fn leave_copy(
        self,
        lane: usize,
        found: Found<'_>,
        wake: impl FnOnce(&Event) -> bool,
    ) -> Result<Option<P::Element>, Stop> {
        let packing = self.packing();
        let Target {
            word: slot,
            at,
            old,
            ..
        } = found.target;
        let value = self.0.cells().load(found.node).ok_or(Stop::Corrupt)?;
        if !wake(&self.exchange().signals.emptied) {
            return Ok(None);
        }
        let word = packing.unpack(old);
        let new = packing.pack(Word {
            lap: packing.lap(word.lap + 1),
            full: false,
            ..word
        });
        if !replace(at, old, new, AcqRel) {
            return Ok(None); // (A): the copy is thrown away
        }
        linearized(lane, slot, old, new);
        if seeded(Bug::CopyAfterRelease) {
            return self
                .0
                .cells()
                .load(found.node)
                .ok_or(Stop::Corrupt)
                .map(Some);
        }
        Ok(Some(value))
    }

    /// Pops the next element; one that came back first.
    pub fn pop(self, lane: usize, patient: bool) -> Result<P::Element, Stop> {
        let record = self.record(lane)?;
        record.enter(self.exchange().place);
        record.announce(Phase::Emptying);
        let leave = move |found| self.leave_copy(lane, found, |event| self.wake(event));
        let popped = self.next(lane, patient, leave);
        record.close(Phase::Idle);
        popped
    }
}
