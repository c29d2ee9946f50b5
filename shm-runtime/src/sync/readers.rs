//! The readers of a reader-writer lock: how many there are, accounted for by participant.
//!
//! Each participant's slot has a word of its own, on a line of its own, so that readers of different
//! processes do not disturb each other, and so that the readers of a dead one are known by name:
//!
//! ```text
//! 63         32 31        30      16 15     0
//! +------------+---------+----------+--------+
//! | generation | awaited | leaving  | count  |    zero: no readers
//! +------------+---------+----------+--------+
//! ```
//!
//! The generation is the slot's. A word of an older one is nobody's: who has the slot now knows that the one
//! before is dead, and a writer asks the kernel.
//!
//! # Readers and writers
//!
//! A reader counts itself, and then looks whether there is a writer; if there is one, it takes itself back
//! and waits. A writer takes the lock's word (see [`super::lock`]), and then looks whether there are readers;
//! it waits until those that it finds are gone or dead, and no new ones stay. So writers are preferred:
//! readers that come while one waits are behind it.
//!
//! That is Dekker's pattern, each side storing one word and then loading the other's, and it needs a total
//! order: both exchanges and both loads are SeqCst (D). In that order, if the reader's load comes before the
//! writer's exchange, it does not see it; but then the reader's own exchange comes before the writer's load,
//! which sees it. One of the two sees the other, or both do. Acquire and release would let both loads see the
//! old words. `models::sync` shows that the steps are right in such an order, and `weak::sync` that each of the four
//! is needed for it.
//!
//! # Waiting
//!
//! A writer that waits marks the words that it found as *awaited*. Who leaves such a word says first that it
//! is leaving, wakes the writer, and then takes itself off, as in [`crate::memory::signals`]; others leave by
//! one exchange, which fails if the word is awaited meanwhile.
//!
//! | killed | left | repaired |
//! |---|---|---|
//! | before it has counted itself | nothing | - |
//! | counted, reading, leaving | a count of the dead | the writer that waits for it, or who has the slot next |
//! | writer, waiting for readers | the lock's word, and `awaited`, which costs leavers a look | see [`super::lock`] |
//!
//! # Ordering
//!
//! (R) `leave` -> `is_clear`: what a reader read, it has read before the writer writes. (M) `await_all` -> `leave`: the
//! writer's flag is up, for who finds its word awaited. (D): above.

use super::lock::{Lock, LockWord};
use crate::memory::atomic::{
    AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed},
};
use crate::memory::owner::{Owners, WATCH};
use crate::memory::padded::Padded;
use crate::memory::participant::Identity;
use crate::memory::patience::PATIENCE;
use crate::memory::signals::{Event, Kernel};
use crate::seeded::{Bug, seeded, total};
use core::time::Duration;

const COUNT: u64 = 0xFFFF;
const LEAVING: u64 = 0x7FFF << 16;
const ONE_LEAVING: u64 = 1 << 16;
const AWAITED: u64 = 1 << 31;

/// A word, as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ReaderWord(u64);

impl ReaderWord {
    const fn empty(generation: u32) -> Self {
        Self((generation as u64) << 32)
    }

    const fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }

    const fn count(self) -> u64 {
        self.0 & COUNT
    }

    const fn is_leaving(self) -> bool {
        self.0 & LEAVING != 0
    }

    const fn is_awaited(self) -> bool {
        self.0 & AWAITED != 0
    }

    /// With one more; `None` where there is no room for its count.
    const fn entered(self) -> Option<Self> {
        match self.count() {
            COUNT => None,
            _ => Some(Self(self.0 + 1)),
        }
    }

    /// With one more that is leaving, where the count of those can go up.
    const fn leaving(self) -> Option<Self> {
        match self.0 & LEAVING {
            LEAVING => None,
            _ => Some(Self(self.0 + ONE_LEAVING)),
        }
    }

    /// With one less; the last one takes the marks along.
    const fn left(self, announced: bool) -> Self {
        match self.count() {
            0 | 1 => Self::empty(self.generation()),
            _ if announced && self.is_leaving() => Self(self.0 - 1 - ONE_LEAVING),
            _ => Self(self.0 - 1),
        }
    }
}

/// The words, and what leaving and waiting need.
#[derive(Clone, Copy, Debug)]
pub struct Readers<'a, O, K> {
    /// One for each slot.
    pub words: &'a [Padded<AtomicU64>],
    /// For the writer that waits until they are gone.
    pub left: &'a Event,
    /// Who lives.
    pub owners: O,
    /// How sleepers are woken.
    pub kernel: K,
}

impl<O: Owners, K: Kernel> Readers<'_, O, K> {
    /// Reads, if there is no writer: what the lock's word says of the value. `None` too where the count has
    /// no room.
    pub fn read(&self, me: Identity, writer: &Lock<'_, O, K>) -> Option<LockWord> {
        let now = writer.look();
        if !now.owner().is_nobody() || !self.enter(me) {
            return None;
        }
        if seeded(Bug::LookBefore) {
            return Some(now);
        }
        let now = writer.look_ordered(); // (D)
        if now.owner().is_nobody() {
            return Some(now);
        }
        self.leave(me);
        None
    }

    /// Counts a reader; false where there is no room for it.
    fn enter(&self, me: Identity) -> bool {
        let Some(word) = self.words.get(me.slot as usize) else {
            return false;
        };
        let mut now = ReaderWord(word.load(Relaxed)); // the exchange compares it
        for _ in 0..PATIENCE {
            let ours = now.generation() == me.generation || seeded(Bug::IgnoreGeneration);
            let before = if ours {
                now
            } else {
                ReaderWord::empty(me.generation) // the one before is dead: we have its slot
            };
            let Some(new) = before.entered() else {
                return false;
            };
            let both = total(Bug::UnorderedReader, AcqRel);
            // (D); lost: another thread of ours, or a writer that marks or clears it
            match word.compare_exchange(now.0, new.0, both, Relaxed) {
                Ok(_) => return true,
                Err(changed) => now = ReaderWord(changed),
            }
        }
        false
    }

    /// Takes a reader off; false where the word does not know it, which only a hostile process brings about.
    pub fn leave(&self, me: Identity) -> bool {
        let Some(word) = self.words.get(me.slot as usize) else {
            return false;
        };
        let mut announced = false;
        let mut now = ReaderWord(word.load(Acquire)); // (M)
        for _ in 0..PATIENCE {
            if now.generation() != me.generation || now.count() == 0 {
                return false;
            }
            let wakes = now.is_awaited() && !announced && !seeded(Bug::LeaveSilently);
            let leaving = now.leaving().filter(|_| wakes);
            let new = leaving.unwrap_or_else(|| now.left(announced));
            // (R); (M) of a mark that it finds
            match word.compare_exchange(now.0, new.0, AcqRel, Acquire) {
                Ok(_) if leaving.is_some() => {
                    announced = true;
                    self.left.ring(&self.kernel);
                    now = new;
                }
                Ok(_) => return true,
                Err(changed) => now = ReaderWord(changed),
            }
        }
        false
    }

    fn words(&self) -> impl Iterator<Item = (u32, &AtomicU64, ReaderWord)> {
        let all = total(Bug::UnorderedLookForReaders, Acquire);
        let load = move |word: &Padded<AtomicU64>| ReaderWord(word.load(all)); // (D), (R)
        (0..)
            .zip(self.words)
            .map(move |(slot, word)| (slot, &word.0, load(word)))
    }

    /// Whether there are no readers; the caller has the lock's word.
    pub fn is_clear(&self) -> bool {
        self.words().all(|(_, _, now)| now.count() == 0)
    }

    /// Clears the words of the dead.
    pub fn sweep(&self) {
        for (slot, word, now) in self.words() {
            if now.count() > 0 && !self.lives(slot, now) {
                let empty = ReaderWord::empty(now.generation());
                // Relaxed: the dead read nothing any more. Lost: somebody moved into the slot and reads
                let _ = word.compare_exchange(now.0, empty.0, Relaxed, Relaxed);
            }
        }
    }

    fn lives(&self, slot: u32, word: ReaderWord) -> bool {
        let generation = word.generation();
        self.owners.lives(Identity { slot, generation }) || seeded(Bug::NoSweep)
    }

    /// Asks those who read to wake the writer when they leave.
    fn await_all(&self) {
        for (_, word, mut now) in self.words() {
            for _ in 0..PATIENCE {
                if now.count() == 0 || now.is_awaited() {
                    break;
                }
                // (M)
                match word.compare_exchange(now.0, now.0 | AWAITED, AcqRel, Relaxed) {
                    Ok(_) => break,
                    Err(changed) => now = ReaderWord(changed), // a reader came or left
                }
            }
        }
    }

    /// Whether somebody reads who will wake the writer: not one who came behind the mark, and leaves
    /// unmarked.
    fn is_kept_up(&self) -> bool {
        let marked = |now: ReaderWord| now.is_awaited() || seeded(Bug::SleepUnmarked);
        self.words()
            .any(|(_, _, now)| now.count() > 0 && marked(now))
    }

    /// One round of waiting until there are no readers.
    pub fn wait_round(&self, left: Duration) {
        self.left.wait_round(
            &self.kernel,
            left.min(WATCH),
            || {
                self.sweep();
                self.await_all();
            },
            || self.words().any(|(_, _, now)| now.is_leaving()),
            || self.is_kept_up(),
        );
    }

    /// How many there are, the dead one's included: for people.
    pub fn count(&self) -> usize {
        self.words().map(|(_, _, now)| now.count() as usize).sum()
    }

    /// Whether readers of a dead participant are counted; for models.
    #[cfg(test)]
    pub fn has_dead(&self, is_dead: impl Fn(Identity) -> bool) -> bool {
        self.words().any(|(slot, _, now)| {
            let generation = now.generation();
            now.count() > 0 && is_dead(Identity { slot, generation })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_word_has_its_parts(generation: u32, count in 1_u64..=COUNT, leaving in 0_u64..0x8000, awaited: bool) {
            let mark = if awaited { AWAITED } else { 0 };
            let word = ReaderWord((generation as u64) << 32 | mark | leaving << 16 | count);
            prop_assert_eq!((word.generation(), word.count()), (generation, count));
            prop_assert_eq!((word.is_leaving(), word.is_awaited()), (leaving > 0, awaited));
            match word.entered() {
                Some(entered) => prop_assert_eq!(entered.left(false).0, word.0),
                None => prop_assert_eq!(count, COUNT),
            }
            match word.leaving() {
                Some(more) => prop_assert!(more.is_leaving() && more.count() == count),
                None => prop_assert_eq!(leaving, 0x7FFF),
            }
            let left = word.left(true);
            prop_assert_eq!((left.generation(), left.count()), (generation, count - 1));
            prop_assert_eq!(left.is_awaited(), awaited && count > 1);
            if count == 1 {
                prop_assert_eq!(left, ReaderWord::empty(generation), "the last one takes the marks along");
            }
        }
    }
}
