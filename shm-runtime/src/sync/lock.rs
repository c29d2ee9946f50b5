//! The lock: one word that says whose it is, and comes back from the dead.
//!
//! ```text
//! 63         30 29     28         27        26       0
//! +------------+------+----------+---------+----------+
//! | generation | done | doubtful | leaving | owner    |    zero: free, never locked
//! +------------+------+----------+---------+----------+
//! ```
//!
//! Locking is one exchange of a free word, which raises the generation. Unlocking is two stores without an
//! exchange, because nobody else writes the word of an owner who lives: the first marks it as leaving and
//! already says how it is left, the second frees it. The word of a dead owner is freed by whoever wants the
//! lock, by exchanging that very word (see [`crate::memory::owner`] for why nothing is taken from the
//! living): *doubtful* if the owner was not leaving yet, because it may have changed a part of what the lock
//! protects. Doubt stays until a later owner settles it. *Done* is for `Once`: such a word is never locked
//! again.
//!
//! [`crate::memory::leases`] are many such words of which any will do, and which forget the dead.
//!
//! # Waiting
//!
//! As in [`crate::memory::signals`]: who unlocks marks the word as leaving, wakes the sleepers, and only then
//! frees it. A sleeper looks every [`WATCH`] whether the owner lives, because the kernel wakes nobody for a
//! death. All are woken and one gets the lock: there are no queues that a death could break, and no order
//! among those who wait.
//!
//! | killed | left | repaired |
//! |---|---|---|
//! | before the exchange | nothing | - |
//! | with the lock | a word of the dead | freed, doubtful, by the next who wants it, or sleeps for it |
//! | leaving | a word of the dead | freed by the same, as the owner meant to leave it |
//! | freeing the word of the dead | it is free, or still the dead one's | as above |
//!
//! # Ordering
//!
//! (L) `release`, `sweep` -> `acquire_free`: what the owner before did is over. A sweeper hands the edge on:
//! the dead one's stores are before the answer that it is dead. (O) `acquire_free`, `release` -> `sweep`: the owner's
//! generation is visible to whoever reads its name, or a sweeper takes the living for dead: see `memory::owner`.

use crate::memory::atomic::{
    AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};
use crate::memory::owner::{Owners, Tag, WATCH};
use crate::memory::shared::impl_shared;
use crate::memory::signals::{Event, Kernel};
use crate::seeded::{Bug, linearized, order, seeded, total};
use core::time::Duration;
use zerocopy::FromZeros;

/// Attempts before a caller is told that the lock is somebody else's.
const TRIES: usize = 64;

const LEAVING: u64 = 1 << Tag::BITS;
const DOUBTFUL: u64 = 1 << (Tag::BITS + 1);
const DONE: u64 = 1 << (Tag::BITS + 2);
/// Where the generation begins.
const SHIFT: u32 = Tag::BITS + 3;

/// A word, as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockWord(u64);

impl LockWord {
    /// From a word.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Whose it is.
    #[inline]
    pub const fn owner(self) -> Tag {
        Tag::from_low(self.0)
    }

    /// Whether an owner died, or panicked, in the middle of something, and nobody has settled that since.
    pub const fn is_doubtful(self) -> bool {
        self.0 & DOUBTFUL != 0
    }

    /// Whether it is free and never locked again.
    pub const fn is_done(self) -> bool {
        self.0 & DONE != 0 && self.owner().is_nobody()
    }

    /// Whether its owner is about to free it, and has said how it leaves it.
    pub const fn is_leaving(self) -> bool {
        self.0 & LEAVING != 0
    }

    /// How often it was locked, this time included.
    pub const fn generation(self) -> u64 {
        self.0 >> SHIFT
    }

    #[inline]
    const fn is_lockable(self) -> bool {
        self.0 & DONE == 0 && self.owner().is_nobody()
    }

    /// The next owner's; the doubt is handed on.
    #[inline]
    const fn taken(self, owner: Tag) -> Self {
        let generation = (self.0 >> SHIFT).wrapping_add(1);
        Self(generation << SHIFT | self.0 & DOUBTFUL | owner.bits())
    }

    #[inline]
    const fn leaving(self, after: After) -> Self {
        let marks = match after {
            After::Sound => 0,
            After::Doubtful => DOUBTFUL,
            After::Done => DONE,
        };
        Self(self.0 & !(DOUBTFUL | DONE) | marks | LEAVING)
    }

    #[inline]
    const fn freed(self) -> Self {
        Self(self.0 & !(LEAVING | Tag::MASK))
    }

    /// As it is freed for an owner that is dead.
    const fn orphaned(self) -> Self {
        if self.is_leaving() {
            self.freed()
        } else {
            Self(self.freed().0 | DOUBTFUL)
        }
    }
}

/// How an owner leaves what the lock protects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// In order.
    Sound,
    /// Perhaps half changed.
    Doubtful,
    /// In order, and the lock is not needed any more.
    Done,
}

/// A lock that is held, as its owner remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held(LockWord);

impl Held {
    /// Whether an owner before died in the middle of something.
    pub const fn is_doubtful(self) -> bool {
        self.0.is_doubtful()
    }
}

/// A lock's bytes: 64.
#[derive(Debug, FromZeros)]
#[repr(C, align(64))]
pub struct LockLine {
    /// For those who wait for the lock.
    pub freed: Event,
    /// See the module's picture.
    pub word: AtomicU64,
    reserved: [AtomicU64; 6],
}

impl_shared!(impl[] LockLine { freed, word, reserved });
static_assertions::const_assert_eq!(size_of::<LockLine>(), 64);

/// A lock, and what locking needs.
#[derive(Clone, Copy, Debug)]
pub struct Lock<'a, O, K> {
    /// The word and its sleepers.
    pub line: &'a LockLine,
    /// Who lives.
    pub owners: O,
    /// How sleepers are woken.
    pub kernel: K,
}

impl<O: Owners, K: Kernel> Lock<'_, O, K> {
    /// The word, as it is now. What is done under the lock is ordered only if it shows nobody.
    pub fn look(&self) -> LockWord {
        LockWord(self.line.word.load(Acquire)) // (L)
    }

    /// As [`look`](Self::look), in the one order of a reader-writer lock's Dekker pair: (D) of
    /// `sync::readers`.
    pub fn look_ordered(&self) -> LockWord {
        LockWord(
            self.line
                .word
                .load(total(Bug::UnorderedLookForWriter, Acquire)),
        ) // (D), (L)
    }

    /// Locks, if it is free. No question to the kernel.
    #[inline]
    pub fn acquire_free(&self, me: Tag) -> Option<Held> {
        let now = LockWord(self.line.word.load(Relaxed)); // the exchange compares it
        if !now.is_lockable() {
            return None;
        }
        let new = now.taken(me);
        // (L), and (D) of `sync::readers`, where it is a writer's
        let both = total(Bug::UnorderedWriter, AcqRel);
        let taken = self.line.word.compare_exchange(now.0, new.0, both, Relaxed);
        taken.ok()?;
        linearized(me.bits() as usize, 0, now.0, new.0);
        Some(Held(new))
    }

    /// Locks, if it is free or a dead one's.
    ///
    /// `None`: at some moment during the call it was somebody's who lived, or it is done, or others were
    /// faster 64 times over.
    pub fn acquire(&self, me: Tag) -> Option<Held> {
        for _ in 0..TRIES {
            if let Some(held) = self.acquire_free(me) {
                return Some(held);
            }
            if !self.sweep(me) {
                break;
            }
        }
        None
    }

    /// Frees the lock of a dead one; whether it may be free now.
    pub fn sweep(&self, me: Tag) -> bool {
        let now = LockWord(self.line.word.load(order(Bug::RelaxedName, Acquire))); // (L); (O) of `memory::owner`
        let owner = now.owner();
        if owner.is_nobody() {
            return now.is_lockable();
        }
        let lives = owner == me || self.owners.has(owner);
        if lives && !seeded(Bug::SweepBlindly) || seeded(Bug::NoSweep) {
            return false;
        }
        if !seeded(Bug::SweepSilently) {
            self.line.freed.ring(&self.kernel);
        }
        let new = match seeded(Bug::ForgetDeath) {
            true => now.freed(),
            false => now.orphaned(),
        };
        let both = order(Bug::RelaxedOrphan, AcqRel); // (L); lost: somebody else freed it
        let freed = self.line.word.compare_exchange(now.0, new.0, both, Relaxed);
        if freed.is_ok() {
            linearized(me.bits() as usize, 0, now.0, new.0);
        }
        true
    }

    /// Unlocks; false where the lock is not held any more, which only a hostile process brings about.
    #[inline]
    pub fn release(&self, held: Held, after: After) -> bool {
        if !self.holds(held) {
            return false;
        }
        let leaving = held.0.leaving(after);
        if !seeded(Bug::NotAnnounced) {
            let named = order(Bug::RelaxedLeaving, Release);
            self.line.word.store(leaving.0, named); // (O): it still names the owner
        }
        if !seeded(Bug::WakeAfterPublish) {
            self.line.freed.ring(&self.kernel);
        }
        let over = order(Bug::RelaxedUnlock, Release);
        self.line.word.store(leaving.freed().0, over); // (L)
        let owner = held.0.owner().bits() as usize;
        linearized(owner, 0, leaving.0, leaving.freed().0);
        if seeded(Bug::WakeAfterPublish) {
            self.line.freed.ring(&self.kernel);
        }
        true
    }

    /// Whether the lock is still held.
    #[inline]
    pub fn holds(&self, held: Held) -> bool {
        self.line.word.load(Relaxed) == held.0.0 // its own store
    }

    /// One round of waiting until it is free.
    pub fn wait_round(&self, me: Tag, left: Duration) {
        self.line.freed.wait_round(
            &self.kernel,
            left.min(WATCH),
            || _ = self.sweep(me),
            || self.look().is_leaving(),
            || !self.look().owner().is_nobody(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::kernel::Linux;
    use crate::memory::participant::Identity;
    use core::cell::Cell;
    use proptest::prelude::*;

    /// Slots whose holders live if they are in the mask.
    struct Living(Cell<u8>);

    impl Owners for Living {
        fn last_in(&self, slot: u32) -> Option<Identity> {
            let generation = 1;
            (slot < 8).then_some(Identity { slot, generation })
        }
        fn lives(&self, identity: Identity) -> bool {
            self.0.get() >> identity.slot & 1 == 1
        }
    }

    fn tag(slot: u32) -> Tag {
        let generation = 1;
        Tag::of(Identity { slot, generation })
    }

    #[test]
    fn zeroed_is_empty() {
        let line = LockLine::new_zeroed();
        let lock = Lock {
            line: &line,
            owners: Living(Cell::new(3)),
            kernel: Linux,
        };
        assert!(!lock.look().is_doubtful() && !lock.look().is_done());
        let held = lock.acquire(tag(0)).expect("it is free");
        assert!(!held.is_doubtful());
        assert_eq!(lock.acquire(tag(1)), None);
        assert_eq!(lock.acquire(tag(0)), None, "not twice by the same one");
        assert!(lock.release(held, After::Sound));
        assert!(!lock.release(held, After::Sound), "once");
    }

    #[test]
    fn a_dead_owner_leaves_doubt_until_it_is_settled() {
        let line = LockLine::new_zeroed();
        let living = Living(Cell::new(3));
        let lock = Lock {
            line: &line,
            owners: &living,
            kernel: Linux,
        };
        lock.acquire(tag(0)).expect("it is free");
        living.0.set(2);
        let held = lock.acquire(tag(1)).expect("its owner is dead");
        assert!(held.is_doubtful());
        assert!(lock.release(held, After::Doubtful));
        let held = lock.acquire(tag(1)).expect("it is free");
        assert!(held.is_doubtful(), "nobody has settled it");
        assert!(lock.release(held, After::Sound));
        assert!(!lock.acquire(tag(1)).expect("it is free").is_doubtful());
    }

    #[test]
    fn what_is_done_is_not_locked_again() {
        let line = LockLine::new_zeroed();
        let lock = Lock {
            line: &line,
            owners: Living(Cell::new(1)),
            kernel: Linux,
        };
        let held = lock.acquire(tag(0)).expect("it is free");
        assert!(!lock.look().is_done());
        assert!(lock.release(held, After::Done));
        assert!(lock.look().is_done());
        assert_eq!(lock.acquire(tag(0)), None);
    }

    proptest! {
        #[test]
        fn a_word_has_its_parts(generation in 0_u64..1 << 34, slot in 0_u32..1024, round: u32, doubtful: bool) {
            let owner = Tag::of(Identity { slot, generation: round });
            let free = LockWord(generation << SHIFT | if doubtful { DOUBTFUL } else { 0 });
            let taken = free.taken(owner);
            prop_assert_eq!(taken.owner(), owner);
            prop_assert_eq!(taken.is_doubtful(), doubtful);
            prop_assert_eq!(taken.0 >> SHIFT, (generation + 1) % (1 << 34));
            prop_assert!(!taken.is_leaving() && !taken.is_done() && !taken.is_lockable());
            prop_assert!(taken.orphaned().is_doubtful() && taken.orphaned().is_lockable());
            for after in [After::Sound, After::Doubtful, After::Done] {
                let leaving = taken.leaving(after);
                prop_assert!(leaving.is_leaving() && !leaving.is_done() && leaving.owner() == owner);
                let freed = leaving.freed();
                prop_assert_eq!(leaving.orphaned(), freed, "it had left already");
                prop_assert_eq!(freed.is_doubtful(), after == After::Doubtful);
                prop_assert_eq!(freed.is_done(), after == After::Done);
                prop_assert_eq!(freed.0 >> SHIFT, taken.0 >> SHIFT);
                prop_assert!(freed.owner().is_nobody() && !freed.is_leaving());
            }
        }
    }
}
