//! The map's algorithm: open addressing in exchange words, with a bound on how far each home's keys may be.
//!
//! A key's *home* and *fingerprint* follow from its hash. It lies in some bucket on the home's probe sequence, within
//! the home's *bound*. An entry is complete in its node before a bucket names it, so there is no half-written
//! state. A bucket goes through `Empty → Inserting → Member → Empty`, or `Inserting → Collided → Empty`; each change
//! raises its version, and is one compare-and-swap.
//!
//! - *Look-up*: the home's line of buckets, and then, as far as the bound says, others; only one with the right fingerprint
//!   is looked into, and the word is looked at again behind the copy. One that changed meanwhile is looked at again:
//!   *never* passed by.
//! - *Insertion*: exchange the spare for the node of the first empty bucket, as `Inserting`; raise the bound; look at
//!   all buckets within it for rivals of the same key. A member defeats us. Of two that are inserting the one nearer to
//!   the home wins; the other gives way, and helps it. No rival left: `Member`. Defeated: `Collided`, and whoever
//!   claimed the bucket empties it.
//! - *Replacing* a value is one exchange in its bucket; *removal* one change, after which the bound is lowered if the
//!   entry was in its last step.
//! - *Lowering*: mark the bound, look from its end backwards for an entry of this home, and store the new one unless
//!   the bound was touched meanwhile. Raising clears the mark, so that a new entry is either seen or defeats it. Some
//!   bits of the home are in the fingerprint, so few others' keys are looked at.
//!
//! Bounds and promotion are Purcell and Harris's ("Non-blocking hashtables with open addressing", DISC 2005;
//! UCAM-CL-TR-639). What differs: nodes are exchanged, so nothing is ever "busy"; a value is replaced in place; the
//! version of the bound is in its own word; and a reader never leaves a bucket that changed under it.
//!
//! # Why it is right
//!
//! *One entry per key.* Let X be promoted before Y, both members. Y's promoter looked at X's bucket behind Y's claim and
//! saw no entry of the key there (it would have defeated one of the two, and after a defeat it looks again); so X
//! was claimed later than Y. Then X's promoter looked behind X's claim while Y was inserting, within the bound (Y's
//! promoter had raised it before): it defeats X or Y before it may promote. A contradiction.
//!
//! *Nothing is missed.* A key that is there throughout a look-up stays in *one* bucket, because it changes
//! buckets only through absence; that bucket is within the bound from its first raise on; and one that changes
//! is looked at again. So a miss means that the key was absent at some moment.
//!
//! *When.* An insertion takes effect at its promotion, a replacement and a removal at their exchange; a look-up that
//! finds at its first look at the word. An entry that is inserting is absent.
//!
//! # If a process dies here
//!
//! | step | what is in memory | who repairs it |
//! |---|---|---|
//! | filling the spare | nothing that others see | nobody needs to |
//! | `Insert`, `Publish` before the exchange | an intent; the word is as it was, or moved on without us | recovery: not done |
//! | behind it, the spare not stored | our node is in the bucket | recovery: done, and on as below |
//! | `Inserted`: inserting or collided | a bucket is occupied, the key absent | who inserts the same key decides it, and may promote it: it took effect. Else recovery empties the bucket |
//! | promoted, the phase open | finished | recovery closes the phase |
//! | removed, the bound not lowered | misses look further than they need | the next removal there, or insertion that finds its end empty |
//! | lowering | a mark; the bound is as it was | a raise clears it, another lowering takes over |
//! | stopped anywhere | a spare and a bucket are withheld | SIGCONT or death; nobody waits |
//!
//! # Ordering
//!
//! (A) claim, exchange -> word, (B) refill -> validated copy: see `memory::exchange`.
//! (V) removal -> insertion: what was done before a key was removed is visible to who inserts it next, because a look
//! for rivals finds its bucket. So a key can stand for a lock.
//!
//! Three pairs of a store and a later load of another word need one total order, so all claims, raises and marks, and
//! the looks behind them at buckets and bounds, are SeqCst: claim X, look at Y, against claim Y, look at X (two
//! inserters); claim, read the bound, against mark, look at buckets (inserter and lowerer); and claim, read the
//! bound, against raise, look at buckets (two inserters, one beyond the bound of the other). On x86 that costs nothing:
//! the loads are plain, and a compare-and-swap is a full barrier anyway. Promotions, defeats and removals are outside of
//! it, because each is an exchange of the word that was seen, and fails where that was not the latest. Look-ups by
//! readers need no such order. The models are `models::map`, and `weak::map` for the order.

use super::bound::Bound;
use crate::memory::atomic::{
    AtomicU64, Ordering,
    Ordering::{AcqRel, Acquire, Relaxed},
    fence,
};
use crate::memory::bucket::{self, Buckets, State};
use crate::memory::cell::prefetch_read;
use crate::memory::exchange::{Capacity, Corrupt, Exchange, Own, Target, look};
use crate::memory::glance::{LINE, Pattern, glance};
use crate::memory::lane::{Intent, Phase};
use crate::memory::nodes::Pairs;
use crate::memory::patience::PATIENCE;
use crate::seeded::{Bug, linearized, order, seeded, total};
use bytemuck::{Pod, bytes_of};
use core::ops::RangeInclusive;

mod insertion;
mod stock;

/// Nearest buckets of a home that a look-up looks at before it asks how far it has to look: nearly all entries are
/// there. In models only those that are within every bound, so that bounds matter in small maps.
const NEAR: usize = if cfg!(any(test, loom)) {
    super::bound::STEP
} else {
    LINE
};

/// Why an operation ended without doing what it was to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// There is no empty bucket.
    Full {
        /// Whether some bucket was occupied and undecided: by who is inserting, or died of it.
        pending: bool,
    },
    /// The words make no sense.
    Corrupt,
}

impl From<Corrupt> for Stop {
    fn from(_: Corrupt) -> Self {
        Self::Corrupt
    }
}

/// The parts of a map: of a handle, of a test's memory, of a model's.
pub trait Parts {
    /// The key type: keys are equal if their bytes are.
    type Key: Pod;
    /// The value type.
    type Value: Pod;
    /// The nodes' type.
    type Entries: Pairs<Key = Self::Key, Value = Self::Value> + ?Sized;
    /// How many buckets, in the type or not.
    type Capacity: Capacity;
    /// Buckets and lanes.
    fn exchange(&self) -> Exchange<'_, Self::Capacity>;
    /// The homes' bounds, as many as buckets.
    fn bounds(&self) -> &<Self::Capacity as Capacity>::Words;
    /// How many buckets come with a node: all of a map's, fewer of a large map's.
    fn stock(&self) -> usize;
    /// The nodes.
    fn entries(&self) -> &Self::Entries;
}

/// The algorithm over a map's parts.
#[derive(Debug)]
pub struct Table<'a, P>(pub &'a P);

impl<P> Clone for Table<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<P> Copy for Table<'_, P> {}

/// A key, and where to look for it.
#[derive(Clone, Copy, Debug)]
pub struct Sought<K> {
    key: K,
    home: usize,
    print: u64,
}

/// A bucket, as it was read.
#[derive(Clone, Copy, Debug)]
struct Place<'a> {
    /// From the home.
    distance: usize,
    slot: usize,
    at: &'a AtomicU64,
    word: u64,
}

/// An entry of the map, as it was read.
#[derive(Clone, Copy, Debug)]
struct Found<'a, V> {
    place: Place<'a>,
    value: V,
}

/// What a look into a bucket showed.
enum Seen<V> {
    /// The key that is sought.
    Same(V),
    /// Another one.
    Other,
    /// The word changed meanwhile.
    Changed,
}

/// Buckets that share a line of the cache.
#[derive(Clone, Copy, Debug)]
struct Line<'a> {
    home: usize,
    /// How many lines away from the home's.
    step: usize,
    /// Its first bucket.
    first: usize,
    words: &'a [AtomicU64],
}

impl<'a> Line<'a> {
    /// Which of them have a pattern: the nearest to the home as the lowest bit.
    #[inline(always)]
    fn glance(&self, pattern: Pattern, order: Ordering) -> u32 {
        let found = glance(self.words, pattern, order);
        let (count, first) = (self.words.len(), self.home & (self.words.len() - 1));
        (found | found << count) >> first & ((1 << count) - 1)
    }

    /// The one that a bit of [`Self::glance`] stands for, read for readers.
    #[inline(always)]
    fn place(&self, bit: u32) -> Place<'a> {
        let i = (self.home + bit as usize) & (self.words.len() - 1);
        let at = &self.words[i];
        Place {
            distance: self.step * LINE + bit as usize,
            slot: self.first + i,
            at,
            word: at.load(Relaxed), // ordered by a fence, where it is believed
        }
    }
}

impl<'a, P: Parts> Table<'a, P> {
    #[inline(always)]
    fn exchange(self) -> Exchange<'a, P::Capacity> {
        self.0.exchange()
    }

    #[inline(always)]
    fn buckets(self) -> Buckets {
        Buckets::for_capacity(self.capacity())
    }

    #[inline(always)]
    fn words(self) -> &'a [AtomicU64] {
        P::Capacity::slice(self.exchange().words)
    }

    #[inline(always)]
    fn bound(self, home: usize) -> &'a AtomicU64 {
        &P::Capacity::slice(self.0.bounds())[home & (self.capacity() - 1)]
    }

    /// A home's bound, read for writers, behind a claim or another's mark: see the module's text.
    #[inline(always)]
    fn bound_now(self, home: usize) -> Bound {
        Bound(self.bound(home).load(total(Bug::UnorderedBound, Acquire)))
    }

    /// How many buckets there are: a power of two.
    #[inline(always)]
    pub fn capacity(self) -> usize {
        self.exchange().capacity()
    }

    #[inline(always)]
    fn home(self, hash: u64) -> usize {
        hash as usize & (self.capacity() - 1)
    }

    /// Where to look for a key.
    #[inline(always)]
    pub fn seek(self, key: P::Key) -> Sought<P::Key> {
        let hash = self.0.entries().hash(&key);
        Sought {
            key,
            home: self.home(hash),
            print: self.buckets().print(hash),
        }
    }

    /// Asks for what a look-up will need first.
    #[inline(always)]
    pub fn prefetch(self, sought: &Sought<P::Key>) {
        prefetch_read(self.bound(sought.home));
        prefetch_read(&raw const self.words()[self.slot(sought.home, 0)]);
    }

    /// The line of buckets that is so many steps away from a home: all buckets where they are less than a line.
    #[inline(always)]
    fn line(self, home: usize, step: usize) -> Line<'a> {
        let words = self.words();
        let (lines, _) = words.as_chunks::<LINE>();
        if lines.is_empty() {
            let first = 0;
            return Line {
                home,
                step,
                first,
                words,
            };
        }
        let line = home / LINE + step * (step + 1) / 2; // triangular numbers visit every line
        let line = line & (lines.len() - 1);
        Line {
            home,
            step,
            first: line * LINE,
            words: &lines[line],
        }
    }

    /// Which buckets of a line have a pattern, looked at by writers: see the module's text.
    #[inline(always)]
    fn glance_now(self, line: &Line<'_>, pattern: Pattern) -> u32 {
        line.glance(pattern, total(Bug::UnorderedLooks, Acquire))
    }

    /// The bucket at a distance from a home: round the home's line, then lines further and further apart. A
    /// permutation of all buckets, whatever the home.
    #[inline(always)]
    pub(super) fn slot(self, home: usize, distance: usize) -> usize {
        let mask = self.capacity() - 1;
        if mask < LINE {
            return (home + distance) & mask;
        }
        let line = distance / LINE;
        let line = home / LINE + line * (line + 1) / 2; // as in `line`
        (line * LINE + (home + distance) % LINE) & mask
    }

    /// The bucket at a distance from a home, read for writers.
    #[inline(always)]
    fn place(self, home: usize, distance: usize) -> Place<'a> {
        let slot = self.slot(home, distance);
        let at = &self.words()[slot];
        let word = at.load(total(Bug::UnorderedLooks, Acquire)); // (A), and see the module's text
        Place {
            distance,
            slot,
            at,
            word,
        }
    }

    /// Copies what a bucket's node holds, if it is the key that is sought, and looks at the word again.
    #[inline(always)]
    fn examine<R>(
        self,
        place: &Place<'a>,
        key: &P::Key,
        copy: impl FnOnce(&Place<'a>, usize) -> Option<R>,
    ) -> Result<Seen<R>, Corrupt> {
        let node = self.index(self.exchange().named(place.slot, place.word)); // `has_key` checks it
        let same = self.0.entries().has_key(node, key).ok_or(Corrupt)?;
        let result = if same {
            Seen::Same(copy(place, node).ok_or(Corrupt)?)
        } else {
            Seen::Other
        };
        let still = self.exchange().still(place.at, place.word); // (B); also of an entry that is another
        Ok(if still || seeded(Bug::NoSecondLook) {
            result
        } else {
            Seen::Changed
        })
    }

    /// Looks for an entry of the map; `copy` makes something of its bucket and its node. Works on read-only mappings.
    #[inline(always)]
    fn find<R>(
        self,
        sought: &Sought<P::Key>,
        copy: impl Fn(&Place<'a>, usize) -> Option<R>,
    ) -> Result<Option<R>, Corrupt> {
        match self.find_in(sought, 0, 0..=NEAR - 1, &copy)? {
            None => self.find_beyond(sought, &copy),
            found => Ok(found),
        }
    }

    /// Looks behind the nearest buckets of a home, as far as its bound says.
    #[inline(never)]
    fn find_beyond<R>(
        self,
        sought: &Sought<P::Key>,
        copy: &impl Fn(&Place<'a>, usize) -> Option<R>,
    ) -> Result<Option<R>, Corrupt> {
        let reach = Bound(look(self.bound(sought.home))).reach(self.capacity());
        if reach < NEAR {
            return Ok(None);
        }
        for step in NEAR / LINE..=reach / LINE {
            let found = self.find_in(sought, step, NEAR..=reach, copy)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Looks at the buckets of a line that are at these distances.
    #[inline(always)]
    fn find_in<R>(
        self,
        sought: &Sought<P::Key>,
        step: usize,
        distances: RangeInclusive<usize>,
        copy: &impl Fn(&Place<'a>, usize) -> Option<R>,
    ) -> Result<Option<R>, Corrupt> {
        let members = self.buckets().members(sought.print);
        let line = self.line(sought.home, step);
        let mut seen = line.glance(members, Relaxed); // ordered by the fence, where it is believed
        let mut changes = 0;
        while seen != 0 {
            let place = line.place(seen.trailing_zeros());
            if place.distance > *distances.end() {
                break;
            }
            if place.distance < *distances.start() || !members.fits(place.word) {
                seen &= seen - 1;
                continue;
            }
            fence(Acquire); // (A)
            match self.examine(&place, &sought.key, copy)? {
                Seen::Same(found) => return Ok(Some(found)),
                Seen::Changed if !seeded(Bug::PassByChanged) => changes += 1, // the same bucket again
                _ => seen &= seen - 1,
            }
            if changes > PATIENCE {
                return Err(Corrupt);
            }
        }
        Ok(None)
    }

    #[inline(always)]
    fn find_value(self, sought: &Sought<P::Key>) -> Result<Option<Found<'a, P::Value>>, Corrupt> {
        self.find(sought, |&place, node| {
            let value = self.0.entries().value(node)?;
            Some(Found { place, value })
        })
    }

    /// A copy of the value of a key.
    #[inline(always)]
    pub fn get(self, sought: &Sought<P::Key>) -> Result<Option<P::Value>, Corrupt> {
        // Not by way of `find_value`: what is returned beside the value costs a copy of it.
        self.find(sought, |_, node| self.0.entries().value(node))
    }

    /// The entry in a bucket, if there is one.
    pub fn member(self, slot: usize) -> Option<(P::Key, P::Value)> {
        let (at, entries) = (self.words().get(slot)?, self.0.entries());
        for _ in 0..PATIENCE {
            let word = look(at);
            if self.buckets().state(word) != State::Member {
                return None;
            }
            let node = self.index(self.exchange().named(slot, word)); // `key` checks it
            let entry = entries.key(node).zip(entries.value(node));
            if self.exchange().still(at, word) || seeded(Bug::StepUnchecked) {
                return entry; // (B)
            }
        }
        None
    }

    /// How many entries there are; others may insert and remove meanwhile.
    #[expect(clippy::len_without_is_empty, reason = "the handle has it")]
    pub fn len(self) -> usize {
        let is_member = |word: &&AtomicU64| self.buckets().state(look(word)) == State::Member;
        self.words().iter().filter(is_member).count()
    }

    /// How often a bucket was changed so far; others may go on meanwhile. Each bucket forgets 2³² of its changes at a time,
    /// or more.
    pub fn changes(self) -> u64 {
        let version = |word: &AtomicU64| self.buckets().version(look(word));
        self.words().iter().map(version).fold(0, u64::wrapping_add)
    }

    /// Changes the state of a bucket, if it still is what it was.
    #[inline(always)]
    fn turn(self, place: &Place<'_>, state: State) -> bool {
        let new = self.buckets().turn(place.word, state);
        let both = order(Bug::RelaxedTurn, AcqRel); // (A), (V)
        let turned = place.at.compare_exchange(place.word, new, both, Relaxed);
        if turned.is_ok() {
            linearized(usize::MAX, place.slot, place.word, new);
        }
        turned.is_ok()
    }

    /// Removes a key; the value that it had. Needs no lane: nothing of it can be half done but the bound.
    pub fn remove(self, key: P::Key) -> Result<Option<P::Value>, Corrupt> {
        let sought = self.seek(key);
        for _ in 0..PATIENCE {
            let Some(found) = self.find_value(&sought)? else {
                return Ok(None);
            };
            if self.turn(&found.place, State::Empty) {
                let bound = self.bound_now(sought.home);
                if bound.ends_at(found.place.distance) {
                    self.lower(sought.home);
                }
                return Ok(Some(found.value));
            }
        }
        Err(Corrupt)
    }

    /// Lowers the bound of a home to what its entries need; gives up where somebody else touches it.
    #[cold]
    #[inline(never)]
    fn lower(self, home: usize) {
        let at = self.bound(home);
        let mut bound = self.bound_now(home);
        if bound.is_lowest() {
            return;
        }
        if !seeded(Bug::LowerSilently) {
            let marked = bound.marked();
            let both = total(Bug::UnorderedMark, AcqRel); // the mark before the looks
            let done = at.compare_exchange(bound.0, marked.0, both, Relaxed);
            if done.is_err() {
                return;
            }
            bound = marked;
        }
        let Some(last) = self.last_of(home, bound.reach(self.capacity())) else {
            return;
        };
        // Who raised it meanwhile, or marked it, takes over. Relaxed: no part of the one order, as the mark was one, and
        // nothing lies behind a bound.
        let _ = at.compare_exchange(bound.0, bound.lowered(last).0, Relaxed, Relaxed);
    }

    /// The last distance within `reach` at which there is an entry of `home`, or one that may become one.
    fn last_of(self, home: usize, reach: usize) -> Option<usize> {
        let of_home = self.buckets().of_home(home, self.capacity());
        let mut changes = 0;
        for step in (0..=reach / LINE).rev() {
            let mut seen = self.glance_now(&self.line(home, step), of_home);
            seen &= !0 >> (31 - (reach - step * LINE).min(LINE - 1)); // those within reach
            while seen != 0 {
                let last = seen.ilog2();
                let distance = step * LINE + last as usize;
                if distance < super::bound::STEP {
                    return Some(0);
                }
                let place = self.place(home, distance);
                if matches!(
                    self.buckets().state(place.word),
                    State::Inserting | State::Member
                ) {
                    let node = self.index(self.exchange().named(place.slot, place.word)); // `hash_at` checks it
                    let hash = self.0.entries().hash_at(node)?;
                    if !self.exchange().still(place.at, place.word) {
                        changes += 1;
                        if changes > PATIENCE {
                            return None;
                        }
                        continue; // (B): the same bucket again
                    }
                    if self.home(hash) == home {
                        return Some(distance);
                    }
                }
                seen &= !(1 << last);
            }
        }
        Some(0)
    }
}
