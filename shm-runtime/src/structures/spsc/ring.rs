//! The algorithm: Lamport's ring with cached opposite positions.
//!
//! `tail` and `head` only grow and are the truth; an element is there from the store of `tail` on and gone
//! with the store of `head`. So a kill anywhere leaves nothing to repair: the next holder of the role reads
//! the position and goes on. Each side remembers the other's position and reads it again only when the
//! ring looks full or empty, so that in the steady state no line moves but those with elements.
//!
//! Sources: Lamport, "Specifying Concurrent Program Modules" (1983), for the ring; the cached positions are
//! those of Lee, Bu and Chandranmenon, "A lock-free, cache-efficient shared ring buffer" (ANCS 2009).
//!
//! # Ordering
//!
//! (T) `push.tail -> pop.tail`: the element is visible to who sees the tail behind it.
//! (H) `pop.head -> push.head`: the element was copied before its place is written again.

use crate::memory::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use crate::memory::cell::Cells;
use crate::memory::nodes::Nodes;
use crate::memory::pace::Pace;
use crate::memory::padded::Padded;
use crate::memory::shared::impl_shared;
use crate::memory::signals::{Event, Kernel, Signals};
use crate::seeded::{Bug, order, seeded};
use bytemuck::Pod;
use core::time::Duration;
use zerocopy::FromZeros;

/// Places between a push and the one that it brings in for a later one.
const AHEAD: u64 = 16;

/// What one side writes: two lines of its own, of which the other side looks at the first only.
///
/// The announcement changes twice per operation; on the line that the other side polls it would cost
/// two more transfers of that line.
#[derive(Debug, FromZeros)]
#[repr(C, align(128))]
pub struct Side {
    /// The next position that this side works at; grows only.
    pub position: Padded<AtomicU64>,
    /// Who has the role: [`crate::memory::participant::Identity::word`], or zero.
    pub role: AtomicU64,
    /// 1 while an operation is announced to those who sleep on the other side.
    pub announced: AtomicU32,
    reserved: [AtomicU32; 29],
}

impl_shared!(impl[] Side { position, role, announced, reserved });
static_assertions::const_assert_eq!(size_of::<Side>(), 256);

/// What a side remembers between operations: local to the process.
#[derive(Clone, Copy, Debug)]
pub struct Memo {
    /// The side's own position.
    pub own: u64,
    /// The other side's position when it was last read.
    pub other: u64,
    /// How long to pause where the ring looks full or empty.
    pace: Pace,
}

impl Memo {
    /// Lets the other side get ahead for a moment where the ring looks full or empty, if that paid before.
    #[inline(always)]
    fn paused(&mut self) -> bool {
        self.pace.pause(self.own)
    }
}

/// Whether a waiter may believe that the other side announces its operations.
///
/// Announcing costs two stores, so a side does it only once the other has waited. The waiter says that it waits and
/// runs a barrier; one operation may be under way then that began before, and is not announced. It is over
/// when the position moves. Until then the waiter sleeps in short slices, as if one were announced.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trust {
    /// The other side's position behind the first barrier; `None` before it.
    begun: Option<u64>,
    earned: bool,
}

impl Trust {
    /// Whether it is earned, given the other side's position; called behind a barrier.
    fn earned(&mut self, position: u64) -> bool {
        let begun = *self.begun.get_or_insert(position);
        self.earned |= begun != position || seeded(Bug::TrustAtOnce);
        self.earned
    }
}

/// The ring's parts.
#[derive(Debug)]
pub struct Ring<'a, C: ?Sized, K> {
    /// The producer's line: its position is the tail.
    pub producer: &'a Side,
    /// The consumer's line: its position is the head.
    pub consumer: &'a Side,
    /// Who sleeps.
    pub signals: &'a Signals,
    /// The elements; a power of two of them.
    pub cells: &'a C,
    /// How sleepers are woken.
    pub kernel: K,
}

impl<C: Nodes + ?Sized, K: Kernel> Ring<'_, C, K> {
    #[inline(always)]
    fn capacity(&self) -> u64 {
        self.cells.len() as u64
    }

    #[inline(always)]
    fn slot(&self, position: u64) -> usize {
        position as usize & (self.cells.len() - 1)
    }

    /// What the producer remembers when it takes the role.
    pub fn producer_memo(&self) -> Memo {
        let own = self.producer.position.load(Acquire); // handed over by the role
        Memo {
            own,
            other: self.read_head(own),
            pace: Pace::default(),
        }
    }

    /// What the consumer remembers when it takes the role.
    pub fn consumer_memo(&self) -> Memo {
        let own = self.consumer.position.load(Acquire); // handed over by the role
        Memo {
            own,
            other: self.read_tail(own),
            pace: Pace::default(),
        }
    }

    /// The producer at `own` reads the head. A head that makes no sense is one without room.
    fn read_head(&self, own: u64) -> u64 {
        let head = self.consumer.position.load(Acquire); // (H)
        let used = own.wrapping_sub(head).min(self.capacity());
        own.wrapping_sub(used)
    }

    /// The consumer at `own` reads the tail. A tail that makes no sense is one without elements.
    fn read_tail(&self, own: u64) -> u64 {
        let tail = self.producer.position.load(Acquire); // (T)
        let filled = tail.wrapping_sub(own);
        if filled <= self.capacity() || seeded(Bug::TrustPosition) {
            tail
        } else {
            own
        }
    }

    /// Places that are free, at least `wanted` if there are.
    #[inline(always)]
    pub fn room(&self, memo: &mut Memo, wanted: usize) -> usize {
        let mut used = memo.own.wrapping_sub(memo.other);
        if used > self.capacity().wrapping_sub(wanted as u64) {
            memo.other = self.read_head(memo.own);
            used = memo.own.wrapping_sub(memo.other);
        }
        self.capacity().wrapping_sub(used) as usize // at most as many are used: `read_head`
    }

    /// Elements that are there, at least `wanted` if there are.
    #[inline(always)]
    pub fn filled(&self, memo: &mut Memo, wanted: usize) -> usize {
        if memo.other.wrapping_sub(memo.own) < wanted as u64 {
            memo.other = self.read_tail(memo.own);
        }
        memo.other.wrapping_sub(memo.own) as usize // at most as many as there are places: `read_tail`
    }

    /// Writes `value` at `ahead` places behind the tail, where nobody looks yet.
    #[inline(always)]
    pub fn write(&self, memo: &Memo, ahead: usize, value: C::Value) {
        self.cells
            .store(self.slot(memo.own.wrapping_add(ahead as u64)), value);
    }

    /// Copies the element `ahead` places behind the head.
    #[inline(always)]
    pub fn read(&self, memo: &Memo, ahead: usize) -> Option<C::Value> {
        self.cells
            .load(self.slot(memo.own.wrapping_add(ahead as u64)))
    }

    /// Publishes `count` elements that were written.
    #[inline(always)]
    pub fn publish(&self, memo: &mut Memo, count: usize) {
        let awaited = self.is_awaited(&self.signals.filled_awaited);
        if awaited {
            self.announce(self.producer, &self.signals.filled);
        }
        memo.own = memo.own.wrapping_add(count as u64);
        let tail = order(Bug::RelaxedTail, Release);
        self.producer.position.store(memo.own, tail); // (T)
        if awaited {
            if seeded(Bug::WakeAfterPublish) {
                self.signals.filled.ring(&self.kernel);
            }
            self.producer.announced.store(0, Release); // published before it is withdrawn
        }
    }

    /// Gives `count` places back that were read.
    #[inline(always)]
    pub fn release(&self, memo: &mut Memo, count: usize) {
        let awaited = self.is_awaited(&self.signals.emptied_awaited);
        if awaited {
            self.announce(self.consumer, &self.signals.emptied);
        }
        memo.own = memo.own.wrapping_add(count as u64);
        self.consumer.position.store(memo.own, Release); // (H)
        if awaited {
            self.consumer.announced.store(0, Release); // released before it is withdrawn
        }
    }

    /// Whether the other side has ever waited.
    #[inline(always)]
    fn is_awaited(&self, awaited: &AtomicU32) -> bool {
        awaited.load(Relaxed) != 0 // see `Trust`
    }

    /// Prepares for a holder of a role: one that barriers do not reach announces from the start.
    pub fn welcome(&self) {
        if self.kernel.fences() {
            self.signals.filled_awaited.store(1, Relaxed); // read by this very holder
            self.signals.emptied_awaited.store(1, Relaxed); // the same
        }
    }

    #[cold]
    #[inline(never)]
    fn announce(&self, own: &Side, event: &Event) {
        if !seeded(Bug::NotAnnounced) {
            own.announced.store(1, Relaxed); // ordered by the sleeper's barrier
        }
        if !seeded(Bug::WakeAfterPublish) {
            event.ring(&self.kernel);
        }
    }

    /// One round of waiting for the other side, at most for `limit`.
    ///
    /// `lives` says whether the other side's holder is alive; `trust` is the waiter's, and lives as long as
    /// its role.
    pub fn wait_round(
        &self,
        filling: bool,
        trust: &mut Trust,
        limit: Duration,
        lives: impl FnOnce() -> bool,
    ) {
        let (event, awaited, other) = if filling {
            (
                &self.signals.emptied,
                &self.signals.emptied_awaited,
                self.consumer,
            )
        } else {
            (
                &self.signals.filled,
                &self.signals.filled_awaited,
                self.producer,
            )
        };
        awaited.store(1, Relaxed); // before the barrier in the round
        let under_way = || {
            !trust.earned(other.position.load(Acquire)) // (T), (H)
                || (other.announced.load(Acquire) != 0 && lives())
        };
        let blocked = || self.is_blocked(filling);
        event.wait_round(&self.kernel, limit, || {}, under_way, blocked);
    }

    /// Pushes `value`; false where there is no room.
    #[inline(always)]
    pub fn push(&self, memo: &mut Memo, value: C::Value) -> bool {
        if self.room(memo, 1) == 0 && !(memo.paused() && self.room(memo, 1) > 0) {
            return false;
        }
        if seeded(Bug::PublishBeforeWrite) {
            let at = *memo;
            self.publish(memo, 1);
            self.write(&at, 0, value);
            return true;
        }
        self.write(memo, 0, value);
        self.cells
            .prefetch_write(self.slot(memo.own.wrapping_add(AHEAD)));
        self.publish(memo, 1);
        true
    }

    /// Pops the oldest element.
    #[inline(always)]
    pub fn pop(&self, memo: &mut Memo) -> Option<C::Value> {
        if self.filled(memo, 1) == 0 && !(memo.paused() && self.filled(memo, 1) > 0) {
            return None;
        }
        if seeded(Bug::CopyAfterRelease) {
            let at = *memo;
            self.release(memo, 1);
            return self.read(&at, 0);
        }
        let value = self.read(memo, 0)?;
        self.release(memo, 1);
        Some(value)
    }

    /// How many elements there are.
    #[expect(clippy::len_without_is_empty, reason = "`is_blocked` is that")]
    pub fn len(&self) -> usize {
        let head = self.consumer.position.load(Acquire); // (H)
        let tail = self.producer.position.load(Acquire); // (T)
        tail.wrapping_sub(head).min(self.capacity()) as usize
    }

    /// Whether a side has nothing to do: the producer (`filling`) no room, the consumer no element.
    pub fn is_blocked(&self, filling: bool) -> bool {
        self.len() == if filling { self.cells.len() } else { 0 }
    }
}

/// Many elements at once: they lie side by side.
impl<T: Pod, K: Kernel> Ring<'_, Cells<T>, K> {
    /// Pushes a prefix of `values`, with one store of the tail; says how many.
    pub fn push_slice(&self, memo: &mut Memo, values: &[T]) -> usize {
        let count = values
            .len()
            .min(self.room(memo, values.len().min(self.cells.len())));
        if count == 0 {
            return 0;
        }
        self.write_slice(memo, 0, &values[..count]);
        self.publish(memo, count);
        count
    }

    /// Writes `values`, at most as many as there are places, from `ahead` places behind the tail on.
    pub fn write_slice(&self, memo: &Memo, ahead: usize, values: &[T]) {
        let first = self.slot(memo.own.wrapping_add(ahead as u64));
        let (left, right) = values.split_at(values.len().min(self.cells.len() - first));
        self.cells.store_slice(first, left);
        self.cells.store_slice(0, right);
    }

    /// Pops into a prefix of `out`, with one store of the head; says how many.
    pub fn pop_slice(&self, memo: &mut Memo, out: &mut [T]) -> usize {
        let count = out.len().min(self.filled(memo, out.len()));
        if count == 0 {
            return 0;
        }
        self.read_slice(memo, 0, &mut out[..count]);
        self.release(memo, count);
        count
    }

    /// Copies elements, at most as many as there are places, from `ahead` places behind the head on.
    pub fn read_slice(&self, memo: &Memo, ahead: usize, out: &mut [T]) {
        let first = self.slot(memo.own.wrapping_add(ahead as u64));
        let (left, right) = out.split_at_mut(out.len().min(self.cells.len() - first));
        self.cells.load_slice(first, left);
        self.cells.load_slice(0, right);
    }
}
