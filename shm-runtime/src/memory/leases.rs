//! Leases: words that attachments own for a while, and that come back from the dead.
//!
//! ```text
//! 63               28 27      26       0
//! +------------------+---------+--------+
//! | generation       | leaving | owner  |    zero: free, never leased
//! +------------------+---------+--------+
//! ```
//!
//! A lease is one exchange of a free word, which raises its generation; giving back is one store. There is nothing in
//! between, so a kill anywhere leaves a word that is free, or that has a dead owner; who finds no free one sweeps
//! those (see [`super::owner`] for why nothing is taken from the living).
//!
//! # Waiting
//!
//! As in [`super::signals`]: who gives back marks its word as leaving, wakes the sleepers, and only then frees it. A
//! sweeper wakes them before it frees a word of the dead; it needs no mark, because each sleeper sweeps by itself
//! behind its flag.
//!
//! | killed | left | repaired |
//! |---|---|---|
//! | before the exchange | nothing | - |
//! | with a lease, or leaving | a word of the dead | the next who finds none free, or sleeps for one |
//! | sweeping | some words are free, the others still the dead one's | as above |
//!
//! # Ordering
//!
//! (L) `release`, `sweep` -> `acquire`: what the former holder did is over.
//! (N) `acquire` -> `read_leased`: whoever reads what a holder writes sees that its lease has begun.

use super::atomic::{
    AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
    fence,
};
use super::owner::{Owners, Tag};
use super::signals::{Event, Kernel};
use crate::seeded::{Bug, linearized, order, seeded};
use core::time::Duration;

/// Looks at all words before a caller is told that none was free.
const PASSES: usize = 64;
/// Bit of a word whose owner is about to free it.
const LEAVING: u64 = 1 << Tag::BITS;
/// Where the generation begins.
const SHIFT: u32 = Tag::BITS + 1;

/// A word, as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseWord(u64);

impl LeaseWord {
    /// Bits of a generation.
    pub const GENERATION_BITS: u32 = 64 - SHIFT;

    /// Who has it.
    #[inline]
    pub const fn owner(self) -> Tag {
        Tag::from_low(self.0)
    }

    /// How often it was leased, this time included.
    #[inline]
    pub const fn generation(self) -> u64 {
        self.0 >> SHIFT
    }

    #[inline]
    const fn is_leaving(self) -> bool {
        self.0 & LEAVING != 0
    }

    #[inline]
    const fn leased(self, owner: Tag) -> Self {
        let generation = self.generation().wrapping_add(1);
        Self(generation << SHIFT | owner.bits())
    }

    #[inline]
    const fn freed(self) -> Self {
        Self(self.generation() << SHIFT)
    }
}

/// A lease, as its holder remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Which word.
    pub index: usize,
    word: LeaseWord,
}

impl Lease {
    /// The lease's generation.
    pub const fn generation(self) -> u64 {
        self.word.generation()
    }

    /// The lease of that generation, if `owner` has it and does not give it back.
    pub const fn known(index: usize, generation: u64, owner: Tag) -> Self {
        let word = LeaseWord(generation << SHIFT | owner.bits());
        Self { index, word }
    }
}

/// What came of an attempt to lease a word.
enum Taken {
    /// It is leased.
    Now(Lease),
    /// It was on lease, of that generation.
    Before(u64),
    /// Somebody else was faster.
    Meanwhile,
}

/// Words, and what leasing them needs.
#[derive(Clone, Copy, Debug)]
pub struct Leases<'a, O, K> {
    /// The words.
    pub words: &'a [AtomicU64],
    /// For those who wait for a free one.
    pub freed: &'a Event,
    /// Who lives.
    pub owners: O,
    /// How sleepers are woken.
    pub kernel: K,
}

impl<O: Owners, K: Kernel> Leases<'_, O, K> {
    /// Leases a free word, looking from `start` on; one of the dead if there is no other.
    ///
    /// `None`: at some moment during the call none was free, or the others were faster 64 times over.
    #[inline]
    pub fn acquire(&self, me: Tag, start: usize) -> Option<Lease> {
        match self.words.get(start).map(|word| self.take(me, word, start)) {
            Some(Taken::Now(lease)) => Some(lease), // nearly always: who looks there freed it
            _ => self.acquire_anywhere(me, start),
        }
    }

    #[cold]
    #[inline(never)]
    fn acquire_anywhere(&self, me: Tag, start: usize) -> Option<Lease> {
        let mut last = None;
        let mut swept = false;
        for _ in 0..PASSES {
            match self.pass(me, start) {
                Ok(lease) => return Some(lease),
                // Generations only grow: the same words twice, so between the two looks none was free.
                Err(seen) if seen.is_some() && seen == last => return None,
                Err(seen) => last = seen,
            }
            if !swept && self.sweep(me) > 0 {
                last = None;
            }
            swept = true;
        }
        None
    }

    /// As [`acquire`](Self::acquire), without a question to the kernel.
    pub fn acquire_free(&self, me: Tag, start: usize) -> Option<Lease> {
        self.pass(me, start).ok()
    }

    /// One look at all words; the sum of their generations where all were leased.
    fn pass(&self, me: Tag, start: usize) -> Result<Lease, Option<u64>> {
        let start = start.min(self.words.len());
        let (before, after) = self.words.split_at(start);
        let order = after.iter().zip(start..).chain(before.iter().zip(0..));
        let mut sum = Some(0_u64);
        for (word, index) in order {
            match self.take(me, word, index) {
                Taken::Now(lease) => return Ok(lease),
                Taken::Before(generation) => sum = sum.map(|sum| sum.wrapping_add(generation)),
                Taken::Meanwhile => sum = None,
            }
        }
        Err(sum)
    }

    /// Leases a word, if it is free.
    #[inline(always)]
    fn take(&self, me: Tag, word: &AtomicU64, index: usize) -> Taken {
        let now = LeaseWord(word.load(Acquire)); // (L)
        if !now.owner().is_nobody() {
            return Taken::Before(now.generation());
        }
        let new = if seeded(Bug::NoLeaseGeneration) {
            LeaseWord(now.0 | me.bits())
        } else {
            now.leased(me)
        };
        // (L)
        if word
            .compare_exchange(now.0, new.0, AcqRel, Relaxed)
            .is_err()
        {
            return Taken::Meanwhile;
        }
        linearized(me.bits() as usize, index, now.0, new.0);
        if !seeded(Bug::RelaxedGeneration) {
            fence(Release); // (N)
        }
        Taken::Now(Lease { index, word: new })
    }

    /// Frees the words of the dead; how many there were.
    pub fn sweep(&self, me: Tag) -> usize {
        self.sweep_with(me, |_| {})
    }

    /// As [`sweep`](Self::sweep); `undo` takes back what the dead did with a lease, before that is free. Several
    /// may do so at once, and one of them may come late: it looks whether the lease still [holds](Self::holds).
    pub fn sweep_with(&self, me: Tag, undo: impl Fn(Lease)) -> usize {
        if seeded(Bug::NoSweep) {
            return 0;
        }
        let mut freed = 0;
        let mut alive = me;
        for (index, word) in self.words.iter().enumerate() {
            let now = LeaseWord(word.load(order(Bug::RelaxedName, Acquire))); // (L); (O) of `owner`
            let owner = now.owner();
            if owner.is_nobody() || owner == me || owner == alive {
                continue;
            }
            if self.owners.has(owner) && !seeded(Bug::SweepBlindly) {
                alive = owner; // an owner's words lie side by side as a rule
                continue;
            }
            undo(Lease { index, word: now });
            if !seeded(Bug::SweepSilently) {
                self.freed.ring(&self.kernel);
            }
            let new = now.freed();
            let both = order(Bug::RelaxedOrphan, AcqRel); // (L); lost: somebody else swept it
            if word.compare_exchange(now.0, new.0, both, Relaxed).is_ok() {
                linearized(me.bits() as usize, index, now.0, new.0);
                freed += 1;
            }
        }
        freed
    }

    /// Gives a lease back; false where it is over, as in a forked child.
    #[inline]
    pub fn release(&self, lease: Lease) -> bool {
        let Some(word) = self.words.get(lease.index) else {
            return false;
        };
        let now = lease.word.0;
        let marked = if seeded(Bug::NotAnnounced) {
            now
        } else {
            now | LEAVING
        };
        // The one who marks it gives it back, and nobody else writes the word from then on. Relaxed: a mark is read behind
        // a sleeper's barrier.
        let done = word.compare_exchange(now, marked, Relaxed, Relaxed);
        if done.is_err() {
            return false;
        }
        if !seeded(Bug::WakeAfterPublish) {
            self.freed.ring(&self.kernel);
        }
        let free = lease.word.freed().0;
        word.store(free, order(Bug::RelaxedLease, Release)); // (L)
        linearized(
            lease.word.owner().bits() as usize,
            lease.index,
            marked,
            free,
        );
        if seeded(Bug::WakeAfterPublish) {
            self.freed.ring(&self.kernel);
        }
        true
    }

    /// Whether a lease is not over.
    #[inline]
    pub fn holds(&self, lease: Lease) -> bool {
        let word = self.words.get(lease.index);
        word.is_some_and(|word| word.load(Relaxed) == lease.word.0) // its own store
    }

    /// One round of waiting for a free word.
    pub fn wait_round(&self, me: Tag, left: Duration) {
        self.wait_round_with(left, || _ = self.sweep(me));
    }

    /// As [`wait_round`](Self::wait_round), with another way to sweep.
    pub fn wait_round_with(&self, left: Duration, sweep: impl FnOnce()) {
        self.freed.wait_round(
            &self.kernel,
            left.min(super::owner::WATCH),
            sweep,
            || self.any(|word| word.is_leaving()),
            || !self.any(|word| word.owner().is_nobody()),
        );
    }

    fn any(&self, is: impl Fn(LeaseWord) -> bool) -> bool {
        let read = |word: &AtomicU64| LeaseWord(word.load(Acquire)); // behind the sleeper's barrier
        self.words.iter().map(read).any(is)
    }

    /// Who has a word; nobody where there is none.
    pub fn owner(&self, index: usize) -> Tag {
        let word = self.words.get(index);
        // behind a sleeper's barrier
        word.map_or(Tag::NOBODY, |word| LeaseWord(word.load(Acquire)).owner())
    }

    /// How many are leased, the dead one's included, as far as that can be told while others work.
    pub fn leased(&self) -> usize {
        let read = |word: &&AtomicU64| !LeaseWord(word.load(Relaxed)).owner().is_nobody(); // a number for people
        self.words.iter().filter(read).count()
    }

    /// So many leases ended and began so far, as far as that can be told while others work. Each word forgets 2³⁶ of them
    /// at a time.
    pub fn positions(&self) -> (u64, u64) {
        let read = |word: &AtomicU64| LeaseWord(word.load(Relaxed)); // numbers for people
        let words = self.words.iter().map(read);
        words.fold((0, 0), |(ended, began), word| {
            let leases = word.generation();
            let open = u64::from(!word.owner().is_nobody()).min(leases);
            (
                ended.wrapping_add(leases - open),
                began.wrapping_add(leases),
            )
        })
    }
}

/// Whether a word is on a lease of that generation, whosever; works on read-only mappings. What is read from
/// here on was not written before the lease began.
#[inline]
pub fn is_leased(word: &AtomicU64, generation: u64) -> bool {
    let now = LeaseWord(word.load(Relaxed)); // the fence makes it (L)'s acquire end
    fence(Acquire);
    now.generation() == generation && !now.owner().is_nobody()
}

/// What `copy` finds in an object that is on a lease of that generation, from the first step to the last; works on
/// read-only mappings.
#[inline]
pub fn read_leased<R>(
    word: &AtomicU64,
    generation: u64,
    copy: impl FnOnce() -> Option<R>,
) -> Option<R> {
    if !is_leased(word, generation) {
        return None;
    }
    let value = copy()?;
    fence(Acquire); // (N): the copy before the second look
    is_leased(word, generation).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::kernel::Linux;
    use crate::memory::participant::Identity;
    use proptest::prelude::*;
    use std::cell::RefCell;
    use zerocopy::FromZeros;

    /// Slots, the generation of each, and whether its holder lives.
    struct Slots(RefCell<Vec<(u32, bool)>>);

    impl Owners for Slots {
        fn last_in(&self, slot: u32) -> Option<Identity> {
            let (generation, _) = *self.0.borrow().get(slot as usize)?;
            Some(Identity { slot, generation })
        }
        fn lives(&self, identity: Identity) -> bool {
            let slots = self.0.borrow();
            slots[identity.slot as usize] == (identity.generation, true)
        }
    }

    proptest! {
        #[test]
        fn a_word_has_its_parts(generation in 0_u64..1 << 36, slot in 0_u32..1024, round: u32) {
            let owner = Tag::of(Identity { slot, generation: round });
            let word = LeaseWord(generation << SHIFT).leased(owner);
            prop_assert_eq!(word.owner(), owner);
            prop_assert_eq!(word.generation(), (generation + 1) % (1 << 36));
            prop_assert!(!word.is_leaving());
            prop_assert_eq!(word.freed(), LeaseWord(word.generation() << SHIFT));
        }

        #[test]
        fn behaves_like_a_set_of_leases(ops in proptest::collection::vec((0..4, 0_usize..3), 0..200)) {
            let words: [AtomicU64; 4] = FromZeros::new_zeroed();
            let event = Event::new_zeroed();
            let slots = Slots(RefCell::new(vec![(1, true); 3]));
            let leases = Leases { words: &words, freed: &event, owners: &slots, kernel: Linux };
            let tag = |slot: usize| Tag::of(slots.last_in(slot as u32).expect("a slot"));
            let mut held: Vec<(usize, Lease)> = Vec::new();
            let mut dead = 0;
            for (op, slot) in ops {
                match op {
                    0 | 1 => match leases.acquire(tag(slot), 2) {
                        Some(lease) => {
                            if held.len() + dead == 4 {
                                dead = 0; // all of them were swept
                            }
                            held.push((slot, lease));
                        }
                        None => prop_assert_eq!(held.len(), 4),
                    },
                    2 => if let Some(at) = held.iter().position(|(owner, _)| *owner == slot) {
                        let (_, lease) = held.swap_remove(at);
                        prop_assert!(leases.holds(lease));
                        prop_assert!(leases.release(lease));
                        prop_assert!(!leases.release(lease), "once");
                        prop_assert!(!leases.holds(lease));
                    },
                    _ => { // the slot's holder dies, and another one moves in
                        dead += held.iter().filter(|(owner, _)| *owner == slot).count();
                        held.retain(|(owner, _)| *owner != slot);
                        slots.0.borrow_mut()[slot].0 += 1;
                    }
                }
                prop_assert_eq!(leases.leased(), held.len() + dead);
            }
            leases.sweep(Tag::NOBODY);
            prop_assert_eq!(leases.leased(), held.len());
        }
    }
}
