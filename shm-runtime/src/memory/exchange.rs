//! The one primitive: a private node is exchanged for the node of a word, by one compare-and-swap.
//!
//! Nodes lie beside the words. Each word holds one, each lane owns one as its *spare*, and each lane has
//! one more on its *shelf*, a word of its own for an element that is returned. To publish, a lane
//! fills its spare at leisure and swaps it into a word; what comes out is its next spare. There is no
//! state "being written", so it is harmless to be killed or stopped anywhere.
//!
//! Words are numbered: `0 .. N` are the structure's own, `N + l` is the shelf of lane `l`. Nodes, with `L` lanes:
//! word `i` is the home of node `i`, lane `l`'s spare of node `N + l`, its shelf of `N + L + l`. A reference to a
//! node is stored as its difference from the home of the place that holds it, so all-zero is empty. A structure
//! from which nothing is taken on approval has no nodes for shelves, and its shelves stay zero.
//!
//! | killed | what is in memory | who repairs it |
//! |---|---|---|
//! | filling the spare | nothing that others see | nobody needs to |
//! | `Push`/`Take`/`Return`, before the exchange | an intent; the word is as it was, or moved on without us | recovery: not done |
//! | after the exchange, before the spare is stored | the element is in the word; the lane names the wrong spare | recovery: done, spare := what came out |
//! | spare stored, phase open | finished | recovery: closes the phase |
//! | stopped anywhere | at most its spare is withheld | nobody needs to; it may put off a recovery |
//!
//! # Ordering
//!
//! (A) `swap -> word`: the node's content is visible to whoever sees the word that names it.
//! (B) `filling -> still`: whoever reads bytes of a node's next life sees that the word has moved on.
//! (S) `settle.spare -> evidence`: whoever sees the new spare also sees the phase that was open.

use super::atomic::{
    AtomicU64, Ordering,
    Ordering::{Acquire, Relaxed, Release},
    fence,
};
use super::lane::{Intent, LaneRecord, Phase, Place, announced};
use super::pace::Pace;
use super::shared::impl_shared;
use super::signals::Signals;
use super::word::{MAX_LANES, NODES_PER_LANE, Packing, Word};
use crate::seeded::{Bug, linearized, order, seeded};
use core::fmt::Debug;
use zerocopy::FromZeros;

/// A structure's part of a lane: 128 bytes, written by the lane's owner.
#[derive(Debug, FromZeros)]
#[repr(C, align(128))]
pub struct Line {
    /// The lane's spare node, as the difference from its home.
    pub(super) spare: AtomicU64,
    /// The lane's shelf: an exchange word for an element that was taken and came back.
    shelf: AtomicU64,
    /// Where the lane met the end of the structure last, when it emptied and when it filled: see
    /// [`Pace`].
    ends: [AtomicU64; 2],
    reserved: [AtomicU64; 12],
}

impl_shared!(impl[] Line { spare, shelf, ends, reserved });
static_assertions::const_assert_eq!(size_of::<Line>(), 128);
static_assertions::const_assert_eq!(core::mem::offset_of!(Words<1>, words), 128); // as `Place` says

/// Signals and words, as they lie in the segment. Behind them, at a multiple of 128, lie the lines.
#[derive(Debug, FromZeros)]
#[repr(C)]
pub struct Words<const N: usize> {
    /// What operations signal to each other.
    pub signals: Signals,
    /// The structure's own words.
    pub words: [AtomicU64; N],
}

impl_shared!(impl[const N: usize] Words[N] { signals, words });

/// How many words there are: in the type, where it is known; so that a mask is a constant.
pub trait Capacity: Copy + Debug {
    /// The words themselves.
    type Words: ?Sized + Debug;
    /// As a slice whose length the compiler knows where the type does.
    fn slice(words: &Self::Words) -> &[AtomicU64];
}

/// A capacity in the type.
#[derive(Clone, Copy, Debug)]
pub struct Fixed<const N: usize>;

impl<const N: usize> Capacity for Fixed<N> {
    type Words = [AtomicU64; N];

    #[inline(always)]
    fn slice(words: &[AtomicU64; N]) -> &[AtomicU64] {
        words
    }
}

/// A capacity known at run time only.
#[derive(Clone, Copy, Debug)]
pub struct Dynamic;

impl Capacity for Dynamic {
    type Words = [AtomicU64];

    #[inline(always)]
    fn slice(words: &[AtomicU64]) -> &[AtomicU64] {
        words
    }
}

/// Reads a word in a way that works on read-only mappings too: there, only relaxed loads are promised.
#[inline(always)]
pub fn look(word: &AtomicU64) -> u64 {
    let value = word.load(Relaxed); // ordered by the fence
    fence(Acquire); // (A)
    value
}

/// The one step in which an exchange takes effect: `old` becomes `new`, or nothing happens.
#[inline(always)]
pub fn replace(word: &AtomicU64, old: u64, new: u64, both: Ordering) -> bool {
    if seeded(Bug::TornExchange) && word.load(Acquire) == old {
        word.store(new, Release);
        return true;
    }
    let both = order(Bug::RelaxedExchange, both); // (A)
    word.compare_exchange(old, new, both, Relaxed).is_ok()
}

/// Something in shared memory that no program of ours leaves there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt;

/// The words and lanes of one structure.
#[derive(Debug)]
pub struct Exchange<'a, C: Capacity> {
    /// The structure's own words.
    pub words: &'a C::Words,
    /// What operations signal to each other.
    pub signals: &'a Signals,
    /// The structure's lines, one per lane.
    pub lines: &'a [Line],
    /// The segment's lane records.
    pub records: &'a [LaneRecord],
    /// Where this is, for intents.
    pub place: Place,
}

/// A word that is to be exchanged.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// How.
    pub phase: Phase,
    /// [`super::lane::State::number`].
    pub number: u64,
    /// Its number.
    pub word: usize,
    /// Where it is.
    pub at: &'a AtomicU64,
    /// What it holds.
    pub old: u64,
}

/// A lane's parts, found once per operation.
#[derive(Clone, Copy, Debug)]
pub struct Own<'a> {
    /// The lane's number.
    pub lane: usize,
    /// Its record in the segment.
    pub record: &'a LaneRecord,
    line: &'a Line,
    spare_home: usize,
}

impl Own<'_> {
    /// How many processor pauses an operation that meets the end of the structure at `ticket` does well to make
    /// before it looks once more.
    pub fn pauses_at_end(&self, filling: bool, ticket: u64) -> u64 {
        let end = &self.line.ends[usize::from(filling)];
        let pace = Pace::from_word(end.load(Relaxed)).meets(ticket); // only the lane writes it
        end.store(pace.word(), Relaxed); // as above
        pace.pauses()
    }

    /// A number that the lane kept, where it does not meet ends.
    pub fn hint(&self) -> u64 {
        self.line.ends[0].load(Relaxed) // only the lane writes it
    }

    /// Keeps a number for [`Self::hint`].
    pub fn set_hint(&self, hint: u64) {
        self.line.ends[0].store(hint, Relaxed); // as above
    }
}

impl<C: Capacity> Clone for Exchange<'_, C> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<C: Capacity> Copy for Exchange<'_, C> {}

impl<'a, C: Capacity> Exchange<'a, C> {
    /// How many words, shelves not counted.
    #[inline(always)]
    pub fn capacity(&self) -> usize {
        C::slice(self.words).len()
    }

    /// How the words are packed.
    #[inline(always)]
    pub fn packing(&self) -> Packing {
        Packing::for_capacity(self.capacity())
    }

    /// How many nodes there are at most: those of shelves included.
    #[inline(always)]
    pub fn nodes(&self) -> usize {
        self.capacity() + NODES_PER_LANE * self.lines.len()
    }

    /// The word numbered `word`: the structure's own, or a shelf.
    #[inline(always)]
    pub fn word(&self, word: usize) -> Option<&'a AtomicU64> {
        match C::slice(self.words).get(word) {
            Some(own) => Some(own),
            None => Some(&self.lines.get(word - self.capacity())?.shelf),
        }
    }

    /// The number of lane `lane`'s shelf.
    #[inline(always)]
    pub fn shelf(&self, lane: usize) -> usize {
        self.capacity() + lane
    }

    /// The home node of a word.
    #[inline(always)]
    fn home(&self, word: usize) -> usize {
        if word < self.capacity() {
            word
        } else {
            word + self.lines.len()
        }
    }

    /// The home node of a lane's spare.
    #[inline(always)]
    fn spare_home(&self, lane: usize) -> usize {
        self.capacity() + lane
    }

    /// The number that the value `value` of word `word` gives for its node: an input, which whoever takes it for
    /// an index checks first.
    #[inline(always)]
    pub fn named(&self, word: usize, value: u64) -> usize {
        self.packing().unpack(value).node as usize ^ self.home(word)
    }

    /// The node that the value `value` of word `word` names.
    #[inline(always)]
    pub fn node_in(&self, word: usize, value: u64) -> Result<usize, Corrupt> {
        self.check(self.named(word, value))
    }

    /// How word `word` names node `node`.
    #[inline(always)]
    pub fn name(&self, word: usize, node: usize) -> u64 {
        (node ^ self.home(word)) as u64
    }

    /// What an exchange makes of its word, if it puts `spare` there.
    #[inline(always)]
    pub fn after(&self, target: &Target<'_>, spare: usize) -> u64 {
        let (packing, node) = (self.packing(), self.name(target.word, spare));
        let Word { lap, .. } = packing.unpack(target.old);
        let (lap, full) = match target.phase {
            Phase::Take | Phase::Reclaim | Phase::Publish | Phase::Reserve => {
                (packing.lap(lap + 1), false)
            }
            _ => (lap, true),
        };
        packing.pack(Word { lap, full, node })
    }

    /// The exchange that an intent names.
    fn target(&self, intent: &Intent) -> Option<Target<'a>> {
        let &Intent { phase, number, old } = intent;
        let word = match phase {
            Phase::Return | Phase::Reclaim | Phase::Reserve => {
                self.shelf(number as usize % MAX_LANES)
            }
            _ => number as usize & (self.capacity() - 1), // a power of two: the place says so
        };
        let at = self.word(word)?;
        Some(Target {
            phase,
            number,
            word,
            at,
            old,
        })
    }

    /// The parts of lane `lane`.
    #[inline(always)]
    pub fn own(&self, lane: usize) -> Result<Own<'a>, Corrupt> {
        Ok(Own {
            lane,
            record: self.records.get(lane).ok_or(Corrupt)?,
            line: self.lines.get(lane).ok_or(Corrupt)?,
            spare_home: self.spare_home(lane),
        })
    }

    /// The lane's spare node.
    #[inline(always)]
    pub fn spare(&self, own: &Own<'_>) -> Result<usize, Corrupt> {
        self.check(self.spare_named(own))
    }

    /// The number that the lane's line gives for its spare: an input, as [`Self::named`].
    #[inline(always)]
    pub fn spare_named(&self, own: &Own<'_>) -> usize {
        own.line.spare.load(Relaxed) as usize ^ own.spare_home // own, or settled (S)
    }

    /// Refuses a node that does not exist: every number from shared memory is an input.
    #[inline(always)]
    pub fn check(&self, node: usize) -> Result<usize, Corrupt> {
        if node < self.nodes() {
            Ok(node)
        } else {
            Err(Corrupt)
        }
    }

    /// Goes before the first store into a spare.
    #[inline(always)]
    pub fn filling(&self) {
        if !seeded(Bug::RelaxedRefill) {
            fence(Release); // (B) the node left its word before its bytes change
        }
    }

    /// Whether `word` still holds `value`, behind a copy of the node's content: then the copy is whole.
    #[inline(always)]
    pub fn still(&self, word: &AtomicU64, value: u64) -> bool {
        fence(Acquire); // (B)
        word.load(Relaxed) == value // ordered by the fence
    }

    /// Exchanges the lane's spare for the node in the target's word, if that still holds what it did.
    ///
    /// `spare` is the lane's and `out` is the node that the word names. `announced` runs between the intent,
    /// which announces the operation, and the exchange: it wakes sleepers. Returns whether the exchange
    /// happened. The phase stays open in either case: the caller closes it.
    #[inline(always)]
    pub fn swap(
        &self,
        own: &Own<'_>,
        target: &Target<'_>,
        (spare, out): (usize, usize),
        announced: impl FnOnce(),
    ) -> bool {
        let new = self.after(target, spare);
        self.swap_to(own, target, (new, out), announced)
    }

    /// As [`Self::swap`], where the structure says what the word becomes: `new` names the lane's spare, and no
    /// word has held it before.
    #[inline(always)]
    pub fn swap_to(
        &self,
        own: &Own<'_>,
        target: &Target<'_>,
        (new, out): (u64, usize),
        announced: impl FnOnce(),
    ) -> bool {
        self.swap_if(own, target, (new, out), || {
            announced();
            true
        })
    }

    /// As [`Self::swap_to`], if `ready` says so when the operation is announced; else nothing is exchanged.
    #[inline(always)]
    pub fn swap_if(
        &self,
        own: &Own<'_>,
        target: &Target<'_>,
        (new, out): (u64, usize),
        ready: impl FnOnce() -> bool,
    ) -> bool {
        own.record.open(target.phase, target.number, target.old);
        let Target { word, at, old, .. } = *target;
        // (A), both ways; a constant, wherever this is inlined
        let done = ready() && replace(at, old, new, target.phase.order());
        if done {
            linearized(own.lane, word, old, new);
            self.set_spare(own, out);
        }
        done
    }

    #[inline(always)]
    fn set_spare(&self, own: &Own<'_>, node: usize) {
        own.line
            .spare
            .store((node ^ own.spare_home) as u64, Release); // (S)
    }

    /// Whether any lane but those of the dead announces an operation of `phase` or an exchange that
    /// belongs to it, on this structure.
    pub fn announced(&self, filling: bool) -> bool {
        announced(self.records, self.place, filling)
    }

    // ---- recovery -----------------------------------------------------------------------------

    /// Settles the open exchange of a dead lane: whether it happened, and whose the two nodes are.
    ///
    /// The caller holds the right to sweep the lane. Returns `None` where a process that is stopped in the
    /// middle of an exchange holds the answer: it is tried again later.
    pub fn settle(&self, lane: usize, intent: &Intent) -> Option<bool> {
        let (Some(target), Ok(own)) = (self.target(intent), self.own(lane)) else {
            return Some(false); // a hostile number: nothing of it can be believed
        };
        let Target { word, at, old, .. } = target;
        let (Ok(spare), Ok(get)) = (self.spare(&own), self.node_in(word, old)) else {
            return Some(false); // as above
        };
        if seeded(Bug::RecoverAsNotDone) {
            return Some(false);
        }
        if seeded(Bug::RecoverAsDone) {
            self.set_spare(&own, get);
            return Some(true);
        }
        if spare == get {
            return Some(true); // the owner, or a recoverer before us, came that far
        }
        let give = spare;
        let now = at.load(Acquire); // (A)
        if now == old {
            return Some(false);
        }
        if word == self.shelf(lane) && !self.packing().unpack(old).full {
            self.set_spare(&own, get); // nobody but the lane changes an empty shelf: it moved, so it did
            return Some(true);
        }
        let mut done = (self.node_in(word, now) == Ok(give)).then_some(true);
        for _ in 0..4 {
            // a node that moves while we look can be missed: look again, but not for ever
            done = done.or_else(|| self.evidence(lane, give, get));
        }
        if done == Some(true) {
            self.set_spare(&own, get);
        }
        done
    }

    /// Looks for `give` (then the exchange happened) or `get` (then it did not) in somebody else's hands.
    /// They cannot both be there: one of the two is the dead lane's.
    fn evidence(&self, dead: usize, give: usize, get: usize) -> Option<bool> {
        let verdict = |node: Result<usize, Corrupt>| match node {
            Ok(node) if node == give => Some(true),
            Ok(node) if node == get => Some(false),
            _ => None,
        };
        for word in 0..self.capacity() + self.lines.len() {
            let value = self.word(word)?.load(Acquire); // (A)
            if let Some(done) = verdict(self.node_in(word, value)) {
                return Some(done);
            }
        }
        for lane in (0..self.lines.len()).filter(|&lane| lane != dead) {
            if let Some(done) = self.owned(lane).and_then(|node| verdict(Ok(node))) {
                return Some(done);
            }
        }
        None
    }

    /// A node that lane `lane` owns for certain, if that can be told now.
    ///
    /// Between exchanges it is the spare. In the middle of one the spare may be stale, but the word tells: while it
    /// holds `old` the lane owns what it gives; while it names what the lane gives, which nobody else can have
    /// put there, the lane owns what it got.
    fn owned(&self, lane: usize) -> Option<usize> {
        let record = self.records.get(lane)?;
        let before = record.state();
        let spare = {
            let line = self.lines.get(lane)?;
            self.check(line.spare.load(Acquire) as usize ^ self.spare_home(lane))
                .ok() // (S)
        };
        let owned = if before.phase().is_exchange()
            && record.place() == self.place
            && !seeded(Bug::StaleEvidence)
        {
            let target = self.target(&record.intent(before))?;
            let now = target.at.load(Acquire); // (A)
            let (spare, get) = (spare?, self.node_in(target.word, target.old).ok()?);
            match now {
                _ if spare == get => Some(get), // the exchange happened, and the spare says so already
                now if now == target.old => Some(spare),
                now if self.node_in(target.word, now) == Ok(spare) => Some(get),
                _ => None,
            }
        } else {
            spare
        };
        fence(Acquire); // the loads above come before the state is looked at again (S)
        (record.state() == before).then_some(owned).flatten()
    }
}
