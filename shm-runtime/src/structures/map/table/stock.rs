//! Nodes of a map that has more buckets than nodes.
//!
//! Only the first [`Parts::stock`] buckets come with a node of their own; the others come with a *blank*: a number that
//! changes hands like a node and has no room for an entry. So every exchange is still one number for another, and its
//! recovery is what it was. An entry in a bucket with a blank leaves its lane with that blank, which the lane then
//! *trades* for the node of some empty bucket.
//!
//! Blanks must not leave a lane without a node, or it could not even replace a value. So a lane has a second one on
//! its shelf, a word that nobody else changes, and takes a blank only while it has both ([`Table::stock_up`]). At
//! every moment one of the two is a node, wherever the lane's owner is killed.
//!
//! How much there is room for: of the `stock + 2 × lanes` nodes the lanes have at most two each, and who finds neither an
//! empty bucket with a node nor a second node of its own has one. So there are more than `stock` entries then.
//!
//! # Ordering
//!
//! None of its own: a trade is an exchange, with edge (A) of `memory::exchange`, and what is on a lane's shelf only the
//! lane's owner changes, who has it by edge (L) of its lease. A node that was traded for is filled only behind the trade
//! and a fence (B), since somebody may still copy what it held in its bucket. The models are `models::map`, and
//! `weak::large_map` for the order.

use super::{LINE, Own, Parts, Phase, Place, Relaxed, State, Stop, Table, Target};
use crate::memory::bucket;
use crate::memory::word::MAX_LANES;
use crate::seeded::{Bug, seeded};

impl<'a, P: Parts> Table<'a, P> {
    /// Whether there are blanks at all.
    #[inline(always)]
    fn has_blanks(self) -> bool {
        self.0.stock() < self.capacity()
    }

    #[inline(always)]
    fn is_blank(self, node: usize) -> bool {
        (self.0.stock()..self.capacity()).contains(&node)
    }

    /// Where a node's entry is; out of range for a blank.
    #[inline(always)]
    pub(super) fn index(self, node: usize) -> usize {
        if node < self.0.stock() {
            node
        } else if node < self.capacity() {
            usize::MAX
        } else {
            node - (self.capacity() - self.0.stock())
        }
    }

    /// Whether a bucket has a node, not a blank.
    #[inline(always)]
    pub(super) fn gives(self, place: &Place<'_>) -> bool {
        !self.is_blank(self.exchange().named(place.slot, place.word))
    }

    /// Sees to it that the lane's spare is a node.
    #[inline(always)]
    pub(super) fn ready(self, own: &Own<'_>) -> Result<(), Stop> {
        if self.has_blanks() && self.is_blank(self.exchange().spare_named(own)) {
            self.replace_blank(own)?;
        }
        Ok(())
    }

    #[cold]
    fn replace_blank(self, own: &Own<'_>) -> Result<(), Stop> {
        if !self.trade(own)? {
            self.swap_reserve(own)?;
        }
        match self.is_blank(self.exchange().spare(own)?) {
            false => Ok(()),
            true => Err(Stop::Corrupt), // both are blanks: no program of ours leaves that
        }
    }

    /// Sees to it that the lane has two nodes, as far as there are any: then it may take a blank for one.
    #[inline(always)]
    pub(super) fn stock_up(self, own: &Own<'_>) -> Result<bool, Stop> {
        if !self.has_blanks() || seeded(Bug::GiveLastNode) {
            return Ok(true);
        }
        self.ready(own)?;
        Ok(!self.is_blank(self.reserve(own)?.1) || self.refill_reserve(own)?)
    }

    #[cold]
    fn refill_reserve(self, own: &Own<'_>) -> Result<bool, Stop> {
        self.swap_reserve(own)?;
        let traded = self.trade(own)?;
        if !traded {
            self.swap_reserve(own)?; // as it was
        }
        Ok(traded)
    }

    /// The lane's shelf, as it is, and the node on it.
    fn reserve(self, own: &Own<'_>) -> Result<(Target<'a>, usize), Stop> {
        let exchange = self.exchange();
        let word = exchange.shelf(own.lane);
        let at = exchange.word(word).ok_or(Stop::Corrupt)?;
        let old = at.load(Relaxed); // nobody else changes it
        let target = Target {
            phase: Phase::Reserve,
            number: exchange.packing().unpack(old).lap * MAX_LANES as u64 + own.lane as u64,
            word,
            at,
            old,
        };
        Ok((target, exchange.node_in(word, old)?))
    }

    /// Exchanges the lane's spare for what is on its shelf.
    fn swap_reserve(self, own: &Own<'_>) -> Result<(), Stop> {
        let (target, out) = self.reserve(own)?;
        let spare = self.exchange().spare(own)?;
        let swapped = self.exchange().swap(own, &target, (spare, out), || {});
        own.record.close(Phase::Idle);
        if swapped { Ok(()) } else { Err(Stop::Corrupt) } // nobody else changes it
    }

    /// Trades the blank that the lane's spare is for the node of an empty bucket; false where one look at all finds
    /// none.
    fn trade(self, own: &Own<'_>) -> Result<bool, Stop> {
        let (exchange, buckets) = (self.exchange(), self.buckets());
        let (spare, mask) = (exchange.spare(own)?, self.capacity() - 1);
        let start = match own.hint() as usize {
            0 => own.lane * LINE, // so that lanes do not all begin with the same one
            next => next,
        };
        for slot in (0..=mask).map(|i| start.wrapping_add(i) & mask) {
            let at = &self.words()[slot];
            let old = at.load(Relaxed); // the exchange compares it
            let out = exchange.named(slot, old);
            if buckets.state(old) != State::Empty || self.is_blank(out) {
                continue;
            }
            let target = Target {
                phase: Phase::Publish,
                number: bucket::number(buckets, self.capacity(), slot, old),
                word: slot,
                at,
                old,
            };
            let new = buckets.put(old, State::Empty, 0, exchange.name(slot, spare));
            let traded = exchange.swap_to(own, &target, (new, exchange.check(out)?), || {});
            own.record.close(Phase::Idle);
            if traded {
                own.set_hint(slot as u64 + 1);
                return Ok(true);
            }
        }
        Ok(false)
    }
}
