//! The algorithm: a ring of exchange words that is never full.
//!
//! Message `t` is the one with ticket `t`: it goes to word `t mod N`, whose lap says how many messages went there
//! before. A sender fills its spare and exchanges it for the oldest message's node. Tickets are claimed in order,
//! because `t` is tried only by those who know that `t - 1` is out: they saw it in a word, or read a hint that is
//! stored after the exchange it announces. So every subscriber sees one order without a gap, and "nothing more" is
//! exact. The hint may be as stale as it likes: it is mended in O(log N).
//!
//! A subscriber is a cursor in its own process. It copies the message of its ticket and looks at the word again. A word
//! that is a lap ahead says that the message is gone, and which is the oldest that can still be there.
//!
//! | killed | what is in memory | who repairs it |
//! |---|---|---|
//! | sender: filling the spare | nothing that others see | nobody needs to |
//! | sender: intent written, word not exchanged | nothing is sent | recovery: not done |
//! | sender: word exchanged, spare not stored | the message is sent | recovery: done, spare := what came out |
//! | sender: hint not stored | the message is sent; the hint is stale | the next sender |
//! | subscriber, anywhere | nothing | nobody needs to |
//! | stopped anywhere | a sender's spare is withheld | nobody needs to |
//!
//! # Ordering
//!
//! (A) exchange -> word, (B) refill -> validated copy: see `memory::exchange`. (H) hint -> hint: see
//! `structures::tickets`; without it, a sender believes a hint and then finds older words than that tells of.

use crate::memory::atomic::{AtomicU64, Ordering::Acquire};
use crate::memory::exchange::{Capacity, Corrupt, Exchange, Own, Target, look};
use crate::memory::lane::Phase;
use crate::memory::nodes::Nodes;
use crate::memory::pace::{Pace, give_way};
use crate::memory::patience::PATIENCE;
use crate::memory::signals::Kernel;
use crate::memory::word::Word;
use crate::seeded::{Bug, seeded};
use crate::structures::tickets::{first_unclaimed, hint, set_hint};
use bytemuck::Pod;

/// Steps from a hint before it is mended by bisection.
const STALE: usize = 8;

/// The parts of a ring: of a handle, of a test's memory, of a model's.
pub trait Parts {
    /// The messages' type.
    type Element: Pod;
    /// The nodes' type.
    type Cells: Nodes<Value = Self::Element> + ?Sized;
    /// How many words, in the type or not.
    type Capacity: Capacity;
    /// Words and lanes.
    fn exchange(&self) -> Exchange<'_, Self::Capacity>;
    /// The nodes.
    fn cells(&self) -> &Self::Cells;
    /// Hint: the next ticket to send.
    fn tail(&self) -> &AtomicU64;
    /// How sleepers are woken.
    fn kernel(&self) -> impl Kernel;
}

/// What a subscriber found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Got<T> {
    /// The next message; the cursor is behind it.
    Message(T),
    /// There is none yet.
    Nothing,
    /// So many are gone; the cursor is at the oldest that can still be there.
    Missed(u64),
}

/// The algorithm over a ring's parts.
#[derive(Debug)]
pub struct Ring<'a, P>(pub &'a P);

impl<P> Clone for Ring<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<P> Copy for Ring<'_, P> {}

impl<'a, P: Parts> Ring<'a, P> {
    /// Words and lanes.
    #[inline(always)]
    pub fn exchange(self) -> Exchange<'a, P::Capacity> {
        self.0.exchange()
    }

    #[inline(always)]
    fn capacity(self) -> u64 {
        self.exchange().capacity() as u64 // a power of two: the type says so
    }

    /// How often the word of `ticket` was used before.
    #[inline(always)]
    fn lap(self, ticket: u64) -> u64 {
        let packing = self.exchange().packing();
        packing.lap(ticket >> self.capacity().trailing_zeros())
    }

    #[inline(always)]
    fn slot(self, ticket: u64) -> (usize, &'a AtomicU64) {
        let words = P::Capacity::slice(self.exchange().words);
        let i = ticket as usize & (words.len() - 1);
        (i, &words[i])
    }

    #[inline(always)]
    fn unpack(self, word: u64) -> Word {
        self.exchange().packing().unpack(word)
    }

    /// The ticket behind the last one that word `i` at `lap` can have had, `back` laps ago.
    #[inline(always)]
    fn behind(self, i: usize, lap: u64, back: u64) -> u64 {
        lap.wrapping_sub(1 + back)
            .wrapping_mul(self.capacity())
            .wrapping_add(i as u64 + 1)
    }

    /// How many messages were sent. Only loads.
    pub fn sent(self) -> u64 {
        let lap = |i: u64| self.unpack(look(self.slot(i).1)).lap;
        first_unclaimed(self.capacity(), lap)
    }

    /// Sends `value`.
    #[inline(always)]
    pub fn send(self, lane: usize, value: P::Element) -> Result<(), Corrupt> {
        let own = self.exchange().own(lane)?;
        self.exchange().filling();
        let spare = self.exchange().spare_named(&own); // `store` checks it
        if !self.0.cells().store(spare, value) {
            return Err(Corrupt);
        }
        own.record.enter(self.exchange().place);
        let sent = self.send_filled(&own, spare);
        own.record.close(Phase::Idle);
        sent
    }

    /// Sends what the lane's node `spare` holds, from the hint to wherever the tail is.
    #[inline(always)]
    fn send_filled(self, own: &Own<'_>, spare: usize) -> Result<(), Corrupt> {
        let mut ticket = hint(self.0.tail());
        let mut is_next = false; // whether the ticket before this one is known to be out
        for step in 1..PATIENCE {
            let (i, at) = self.slot(ticket);
            let old = at.load(Acquire); // (A)
            let (now, lap) = (self.unpack(old).lap, self.lap(ticket));
            if now == lap {
                if self.publish(own, spare, ticket, old)? {
                    return Ok(());
                }
                own.record.close(Phase::Filling);
                give_way();
                if seeded(Bug::BlindTicket) {
                    ticket += 2;
                }
            } else if now > lap {
                ticket = self.behind(i, now, 0); // others are further: progress, or the hint was stale
                if step == 1 {
                    give_way();
                }
                if step.is_multiple_of(STALE) {
                    let located = self.sent();
                    if located < ticket {
                        return Err(Corrupt); // the word said that this many are out
                    }
                    ticket = located;
                }
                is_next = true;
            } else if is_next {
                return Err(Corrupt); // a lap does not go back
            } else {
                ticket = self.sent(); // no program of ours leaves a hint that is ahead
                is_next = true;
            }
        }
        Err(Corrupt)
    }

    /// One attempt to put the node `spare` into the word of `ticket`, which held `old`.
    #[inline(always)]
    fn publish(self, own: &Own<'_>, spare: usize, ticket: u64, old: u64) -> Result<bool, Corrupt> {
        let exchange = self.exchange();
        let (word, at) = self.slot(ticket);
        let out = exchange.named(word, old);
        if out >= self.0.cells().len() {
            return Err(Corrupt); // it becomes the lane's
        }
        let target = Target {
            phase: Phase::Publish,
            number: ticket,
            word,
            at,
            old,
        };
        let early = seeded(Bug::HintBeforeExchange);
        if early {
            set_hint(self.0.tail(), ticket.wrapping_add(1));
        }
        let ring = || exchange.signals.filled.ring(&self.0.kernel());
        let sent = if seeded(Bug::WakeAfterPublish) {
            let sent = exchange.swap(own, &target, (spare, out), || {});
            ring();
            sent
        } else {
            exchange.swap(own, &target, (spare, out), ring)
        };
        if sent && !early {
            set_hint(self.0.tail(), ticket.wrapping_add(1));
        }
        Ok(sent)
    }

    /// One attempt to copy the message at the cursor, which moves on. Only loads.
    #[inline(always)]
    pub fn recv(self, cursor: &mut u64) -> Result<Got<P::Element>, Corrupt> {
        let (i, at) = self.slot(*cursor);
        let old = look(at);
        let (mut now, lap) = (self.unpack(old).lap, self.lap(*cursor));
        if now == lap {
            return Ok(Got::Nothing);
        }
        if now == lap + 1 {
            let value = self.0.cells().load(self.exchange().named(i, old));
            let whole = self.exchange().still(at, old) || seeded(Bug::ReadUnchecked);
            if let (Some(value), true) = (value, whole) {
                *cursor += 1;
                return Ok(Got::Message(value));
            }
            now = self.unpack(look(at)).lap; // it was replaced under the copy
        }
        if now <= lap + 1 {
            *cursor = self.sent(); // nonsense: go on with what comes next
            return Err(Corrupt);
        }
        let oldest = self.behind(i, now, 1) + u64::from(seeded(Bug::SkipOne));
        let missed = oldest.wrapping_sub(*cursor);
        *cursor = oldest;
        Ok(Got::Missed(missed))
    }

    /// As [`Ring::recv`]; where there is nothing, the sender gets ahead for a moment, if that paid before: see [`Pace`].
    #[inline(always)]
    pub fn recv_at_pace(
        self,
        cursor: &mut u64,
        pace: &mut Pace,
    ) -> Result<Got<P::Element>, Corrupt> {
        match self.recv(cursor) {
            Ok(Got::Nothing) if pace.pause(*cursor) => self.recv(cursor),
            got => got,
        }
    }

    /// Whether there is nothing to receive at the cursor.
    pub fn is_empty(self, cursor: u64) -> bool {
        self.unpack(look(self.slot(cursor).1)).lap <= self.lap(cursor)
    }
}
