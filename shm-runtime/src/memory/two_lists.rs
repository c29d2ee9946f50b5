//! Two lists of nodes in one word: an operation puts its lane's node in front of one list and takes the first
//! node of the other out, by one compare-and-swap.
//!
//! A stack is such a pair, the filled and the free nodes. To push is to give a filled node and to take a free one;
//! to pop is the reverse. The whole state is a function of one word, so every operation takes effect there and
//! nowhere else, "full" and "empty" are exact (no node is free; none is filled), and each lane owns one node
//! before and after, the *spare*. There is no state between, so it is harmless to be killed or stopped anywhere.
//!
//! Nodes `0 .. L` are the spares of the `L` lanes at first, the others are free, each linked to the next; a number
//! that is no node's ends a list. References are stored as their difference from a home, so that all-zero is empty.
//!
//! It is Treiber's stack ("Systems programming: coping with parallelism", IBM RJ 5118, 1986), its count included,
//! with the free list in the same word. The count is the *number* of the operation that left the word so, cut to
//! 33 bits. It protects from one thing: a process that reads the word, is stopped, and finds the same word again
//! although others have worked in between. It would have to sleep for a multiple of 2³³ operations exactly.
//!
//! # Who did it, when the doer is dead
//!
//! Killed behind its exchange, a lane names the wrong spare. Whether the exchange happened shows while the word
//! says so. Afterwards the *rows* tell: a node bears a stamp, the number of the operation that gave it
//! and its lane, and whoever is about to move the word on notes the stamp of the node that was given last, in
//! his own row, in that lane's column. He notes it before his exchange, so who sees a later word sees the
//! note too; and he has made sure that the word is still the one, so the note is true even if he loses. A recoverer
//! decides at once, whoever is stopped. The idea is that of the era matrix in CXL-SHM (Zhang et al., "Partial
//! failure resilient memory management system for (CXL-based) distributed shared memory", SOSP 2023).
//!
//! | killed | what is in memory | who repairs it |
//! |---|---|---|
//! | filling the spare, linking it | nothing that others see | nobody needs to |
//! | row written, before the exchange | a true note; an intent | recovery: not done |
//! | after the exchange, before the spare is stored | it took effect; the lane names the wrong spare | recovery: done, spare := what came out |
//! | spare stored, phase open | finished | recovery: closes the phase |
//! | popped, before the value is copied | the element was taken by the dead | nothing to repair |
//! | stopped anywhere | its spare is withheld, and no capacity | nobody needs to |
//!
//! # Ordering
//!
//! (A) exchange -> load of the word: links, stamp and content of what it names are visible; and the rows of all who
//! moved it on.
//! (B) `begin` -> `still`: whoever reads bytes of a node's next life sees that the word has moved on.

use super::atomic::{
    AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
    fence,
};
use super::exchange::{Corrupt, Dynamic, Exchange, Line, look};
use super::lane::{Intent, LaneRecord, Phase, Place, announced};
use super::pace::give_way;
use super::patience::PATIENCE;
use super::shared::impl_shared;
use super::signals::{Kernel, Signals};
use super::word::MAX_LANES;
use crate::seeded::{Bug, linearized, order, seeded};
use zerocopy::FromZeros;

/// Bits of a node's number.
const NODE_BITS: u32 = 15;
const NODE: usize = (1 << NODE_BITS) - 1;
/// Bits of the count in the word.
const COUNT_BITS: u32 = u64::BITS - 1 - 2 * NODE_BITS;
/// Bits of a lane in a stamp.
const LANE_BITS: u32 = MAX_LANES.trailing_zeros();

/// Most nodes, those of the lanes included: the number behind the last one ends the free list.
pub const MOST_NODES: usize = NODE;

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Gives to the free list, takes from the filled one.
    Pop,
    /// Gives to the filled list, takes from the free one.
    Push,
}

impl Way {
    const fn phase(self) -> Phase {
        match self {
            Self::Pop => Phase::StackPop,
            Self::Push => Phase::StackPush,
        }
    }

    /// What an intent of that phase was about to do.
    pub const fn of(phase: Phase) -> Option<Self> {
        match phase {
            Phase::StackPop => Some(Self::Pop),
            Phase::StackPush => Some(Self::Push),
            _ => None,
        }
    }
}

/// The word's parts.
///
/// ```text
///  63        31   30   29        15 14         0
/// +------------+------+------------+------------+
/// |   count    | push |   !first   | first ^ L  |
/// |            |      |  filled    |   free     |    zero: nothing filled, free from node L on
/// +------------+------+------------+------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    /// Operations so far.
    count: u64,
    /// The last of them.
    last: Way,
    /// The first filled node, or no node's number.
    filled: usize,
    /// The first free node, or no node's number.
    free: usize,
}

impl Heads {
    #[inline(always)]
    const fn read(word: u64, lanes: usize) -> Self {
        Self {
            count: word >> (u64::BITS - COUNT_BITS),
            last: if word >> (2 * NODE_BITS) & 1 == 0 {
                Way::Pop
            } else {
                Way::Push
            },
            filled: (word >> NODE_BITS) as usize & NODE ^ NODE,
            free: (word as usize ^ lanes) & NODE,
        }
    }

    #[inline(always)]
    const fn word(self, lanes: usize) -> u64 {
        self.count << (u64::BITS - COUNT_BITS)
            | (self.last as u64) << (2 * NODE_BITS)
            | ((self.filled ^ NODE) as u64) << NODE_BITS
            | (self.free ^ lanes) as u64
    }

    /// The node that an operation would take.
    #[inline(always)]
    const fn source(self, way: Way) -> usize {
        match way {
            Way::Pop => self.filled,
            Way::Push => self.free,
        }
    }

    /// The node that an operation would link its own to, and find in front if it was the last.
    #[inline(always)]
    const fn target(self, way: Way) -> usize {
        match way {
            Way::Pop => self.free,
            Way::Push => self.filled,
        }
    }

    /// The node that the last operation gave.
    #[inline(always)]
    const fn given(self) -> usize {
        self.target(self.last)
    }

    /// What `way` makes of it, which gives `spare` and takes the first node of the other list, which is
    /// followed by `next`.
    #[inline(always)]
    fn after(self, way: Way, spare: usize, next: usize) -> Self {
        let (filled, free) = match way {
            Way::Pop => (next, spare),
            Way::Push => (spare, next),
        };
        let count = if seeded(Bug::NoCount) {
            self.count
        } else {
            self.count + 1
        };
        Self {
            count,
            last: way,
            filled,
            free,
        }
    }
}

/// What belongs to a node: written by the lane whose spare it is, read by all while it is in a list.
#[derive(Debug, FromZeros)]
#[repr(C)]
pub struct Link {
    /// `number << 10 | lane`: which operation gave it.
    stamp: AtomicU64,
    /// `len << 32 | next ^ (own number + 1)`: how many were filled behind that operation, and the node behind it.
    next: AtomicU64,
}

impl_shared!(impl[] Link { stamp, next });

/// A link, as it was read or is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Given {
    number: u64,
    lane: usize,
    len: u64,
    next: usize,
}

impl Link {
    /// Reads the link of node `node`: an input, and true only while the node is in its list.
    #[inline(always)]
    fn read(&self, node: usize) -> Given {
        let (stamp, next) = (self.stamp.load(Relaxed), self.next.load(Relaxed)); // ordered by (A), and by (B)
        Given {
            number: stamp >> LANE_BITS,
            lane: stamp as usize % MAX_LANES,
            len: next >> 32,
            next: (next as usize ^ (node + 1)) & NODE,
        }
    }

    #[inline(always)]
    fn write(&self, node: usize, given: Given) {
        let next = given.len << 32 | ((given.next ^ (node + 1)) & NODE) as u64;
        self.next.store(next, Relaxed); // published by the exchange (A)
        if !seeded(Bug::NoStamp) {
            let stamp = given.number << LANE_BITS | given.lane as u64;
            self.stamp.store(stamp, Relaxed); // as above
        }
    }
}

/// Why an operation did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A push found no free node; a pop no filled one.
    None,
    /// The words make no sense.
    Corrupt,
}

impl From<Corrupt> for Stop {
    fn from(_: Corrupt) -> Self {
        Self::Corrupt
    }
}

/// The parts of two lists.
#[derive(Clone, Copy, Debug)]
pub struct TwoLists<'a> {
    /// The word.
    pub heads: &'a AtomicU64,
    /// What operations signal to each other.
    pub signals: &'a Signals,
    /// The structure's lines, one per lane.
    pub lines: &'a [Line],
    /// As many words for each lane: in the row of one lane, the last operation of each other that it moved past.
    pub rows: &'a [AtomicU64],
    /// The nodes' links.
    pub links: &'a [Link],
    /// The segment's lane records.
    pub records: &'a [LaneRecord],
    /// Where this is, for intents.
    pub place: Place,
}

/// A lane's parts, found once per operation.
#[derive(Clone, Copy, Debug)]
pub struct Own<'a> {
    lane: usize,
    record: &'a LaneRecord,
    line: &'a Line,
    row: &'a [AtomicU64],
    link: &'a Link,
    /// Its spare node.
    pub spare: usize,
}

impl<'a> TwoLists<'a> {
    /// How many nodes can be filled.
    #[inline(always)]
    pub const fn capacity(&self) -> usize {
        self.links.len().saturating_sub(self.lines.len())
    }

    /// Begins an operation on lane `lane`, whose spare may be filled from here on.
    #[inline(always)]
    pub fn begin(&self, lane: usize) -> Result<Own<'a>, Corrupt> {
        let record = self.records.get(lane).ok_or(Corrupt)?;
        let line = self.lines.get(lane).ok_or(Corrupt)?;
        let spare = line.spare.load(Relaxed) as usize ^ lane; // own, or settled
        let row = lane * self.lines.len()..(lane + 1) * self.lines.len();
        let own = Own {
            lane,
            record,
            line,
            row: self.rows.get(row).ok_or(Corrupt)?,
            link: self.links.get(spare).ok_or(Corrupt)?,
            spare,
        };
        record.enter(self.place);
        if !seeded(Bug::RelaxedBegin) {
            fence(Release); // (B) the node left its list before its bytes change
        }
        Ok(own)
    }

    /// Whether the word is still `word`, behind a look at a node that it names: then what was seen is whole.
    #[inline(always)]
    fn still(&self, word: u64) -> bool {
        fence(Acquire); // (B)
        self.heads.load(Relaxed) == word // ordered by the fence
    }

    /// Gives the lane's spare, as it is, and says which node it took: the lane's next spare.
    #[inline(always)]
    pub fn exchange(&self, own: &Own<'_>, way: Way, kernel: &impl Kernel) -> Result<usize, Stop> {
        for _ in 0..PATIENCE {
            if let Some(taken) = self.try_exchange(own, way, kernel)? {
                return Ok(taken);
            }
            give_way(); // somebody else's exchange happened: system-wide progress
        }
        Err(Stop::Corrupt)
    }

    #[inline(always)]
    fn try_exchange(
        &self,
        own: &Own<'_>,
        way: Way,
        kernel: &impl Kernel,
    ) -> Result<Option<usize>, Stop> {
        let old = self.heads.load(Acquire); // (A)
        let heads = Heads::read(old, self.lines.len());
        let taken = heads.source(way);
        let next = self.links.get(taken).ok_or(Stop::None)?.read(taken).next;
        let given = heads.given();
        let last = self.links.get(given).ok_or(Stop::Corrupt)?.read(given);
        if !seeded(Bug::StampNotRechecked) && !self.still(old) {
            return Ok(None);
        }
        if !seeded(Bug::RowAfterExchange) {
            own.testify(last)?;
        }
        let number = last.number + 1;
        let link = Given {
            number,
            lane: own.lane,
            len: match way {
                Way::Pop => last.len.wrapping_sub(1),
                Way::Push => last.len.wrapping_add(1),
            },
            next: heads.target(way),
        };
        own.link.write(own.spare, link);
        let new = heads.after(way, own.spare, next).word(self.lines.len());
        if !self.swap(own, way, (number, old, new), kernel) {
            own.record.close(Phase::Idle);
            return Ok(None);
        }
        if seeded(Bug::RowAfterExchange) {
            own.testify(last)?;
        }
        own.line.spare.store((taken ^ own.lane) as u64, Relaxed); // published with the phase
        own.record.close(Phase::Idle);
        Ok(Some(taken))
    }

    /// The exchange of the word, announced and with its intent.
    #[inline(always)]
    fn swap(
        &self,
        own: &Own<'_>,
        way: Way,
        (number, old, new): (u64, u64, u64),
        kernel: &impl Kernel,
    ) -> bool {
        let event = match way {
            Way::Pop => &self.signals.emptied,
            Way::Push => &self.signals.filled,
        };
        if seeded(Bug::NotAnnounced) {
            event.ring(kernel);
        }
        own.record.open(way.phase(), number, old);
        if !seeded(Bug::WakeAfterPublish) && !seeded(Bug::NotAnnounced) {
            event.ring(kernel);
        }
        // (A), both ways: who sees it sees the links, the content and the row
        let both = order(Bug::RelaxedHeads, AcqRel);
        let done = self.heads.compare_exchange(old, new, both, Relaxed);
        if done.is_ok() {
            linearized(own.lane, 0, old, new);
        }
        if seeded(Bug::WakeAfterPublish) {
            event.ring(kernel);
        }
        done.is_ok()
    }

    /// What `read` finds behind the word, whole and of one moment; works on read-only mappings.
    #[inline(always)]
    fn look<R>(&self, read: impl Fn(Heads) -> Result<R, Stop>) -> Result<R, Stop> {
        for _ in 0..PATIENCE {
            let word = look(self.heads); // (A)
            let found = read(Heads::read(word, self.lines.len()))?;
            if self.still(word) {
                return Ok(found);
            }
            // somebody's exchange happened meanwhile: system-wide progress
        }
        Err(Stop::Corrupt)
    }

    /// What `read` finds in the first filled node; works on read-only mappings.
    #[inline(always)]
    pub fn peek<R>(&self, read: impl Fn(usize) -> Option<R>) -> Result<R, Stop> {
        self.look(|heads| read(heads.filled).ok_or(Stop::None))
    }

    /// How many are filled; works on read-only mappings.
    #[expect(
        clippy::len_without_is_empty,
        reason = "`is_blocked` says it for either way"
    )]
    pub fn len(&self) -> Result<usize, Stop> {
        let last = self.look(|heads| self.last_given(heads))?;
        Ok((last.len as usize).min(self.capacity()))
    }

    /// How many pops and how many pushes there were so far, at one moment; works on read-only mappings.
    pub fn positions(&self) -> Result<(u64, u64), Stop> {
        let last = self.look(|heads| self.last_given(heads))?;
        // Every operation was one or the other, and what is filled was pushed and not popped.
        let pushed = last.number.wrapping_add(last.len) / 2;
        Ok((pushed.wrapping_sub(last.len), pushed))
    }

    #[inline(always)]
    fn last_given(&self, heads: Heads) -> Result<Given, Stop> {
        let given = heads.given();
        let link = self.links.get(given).ok_or(Stop::Corrupt)?;
        Ok(link.read(given))
    }

    /// Whether an operation would find nothing to take, exactly; works on read-only mappings.
    #[inline(always)]
    pub fn is_blocked(&self, way: Way) -> bool {
        let heads = Heads::read(look(self.heads), self.lines.len());
        heads.source(way) >= self.links.len()
    }

    /// What the value `word` says: the first node that `way` would take, and the one that was given last. For models.
    #[cfg(test)]
    pub fn named(&self, word: u64, way: Way) -> (usize, usize) {
        let heads = Heads::read(word, self.lines.len());
        (heads.source(way), heads.given())
    }

    /// The way that the operation which left `word` went. For models.
    #[cfg(test)]
    pub fn last(&self, word: u64) -> Way {
        Heads::read(word, self.lines.len()).last
    }

    /// The nodes that `way` would take, in order; at most one too many. For models.
    #[cfg(test)]
    pub fn nodes(&self, way: Way) -> Vec<usize> {
        let (first, _) = self.named(self.heads.load(Relaxed), way);
        let next = |&node: &usize| Some(self.links.get(node)?.read(node).next);
        let nodes = core::iter::successors(Some(first), next);
        nodes
            .take_while(|&node| node < self.links.len())
            .take(self.links.len() + 1)
            .collect()
    }

    /// Whether any lane but those of the dead announces an operation that goes that way.
    pub fn announced(&self, way: Way) -> bool {
        announced(self.records, self.place, way == Way::Push)
    }
}

impl Own<'_> {
    /// Notes the operation that left the word as it is, before the word is moved on.
    #[inline(always)]
    fn testify(&self, last: Given) -> Result<(), Stop> {
        if last.lane != self.lane && !seeded(Bug::NoRow) {
            let note = self.row.get(last.lane).ok_or(Stop::Corrupt)?;
            note.store(last.number, Relaxed); // published by the exchange (A)
        }
        Ok(())
    }
}

/// Settles the open operation of lane `lane`, whose owner is dead. The caller holds the right to sweep it, and
/// closes the phase.
///
/// `exchange` says where the word and the lines are, which lie as those of one exchange word do, and `rows` what
/// lies behind them. It never has to be put off.
pub fn settle(
    exchange: &Exchange<'_, Dynamic>,
    rows: &[AtomicU64],
    lane: usize,
    way: Way,
    intent: &Intent,
) {
    let lanes = exchange.lines.len();
    let (Some(word), Some(line)) = (exchange.words.first(), exchange.lines.get(lane)) else {
        return; // a hostile place: nothing of it can be believed
    };
    let spare = line.spare.load(Relaxed) as usize ^ lane; // what the dead stored is visible: see `alive`
    let taken = Heads::read(intent.old, lanes).source(way);
    if spare == taken || seeded(Bug::RecoverAsNotDone) {
        return; // the owner, or a recoverer before us, came that far
    }
    let now = word.load(order(Bug::RelaxedSettle, Acquire)); // (A)
    let is_there = || Heads::read(now, lanes).given() == spare; // nobody else can have given it
    let column = || rows.iter().skip(lane).step_by(lanes);
    // who moved the word on noted it before; it was the lane's last operation, so nothing else stands there
    let was_there = || column().any(|note| note.load(Relaxed) == intent.number); // ordered by (A)
    if now != intent.old && (is_there() || was_there()) || seeded(Bug::RecoverAsDone) {
        line.spare.store((taken ^ lane) as u64, Relaxed); // published with the phase
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn zero_is_nothing_filled_and_all_but_the_spares_free() {
        let heads = Heads::read(0, 64);
        let empty = Heads {
            count: 0,
            last: Way::Pop,
            filled: NODE,
            free: 64,
        };
        assert_eq!(heads, empty);
        let link = Link::new_zeroed();
        assert_eq!(link.read(64).next, 65);
        assert_eq!((link.read(64).len, link.read(64).number), (0, 0));
    }

    #[test]
    fn the_count_has_at_least_32_bits() {
        assert_eq!(COUNT_BITS, 33);
        assert_eq!(MOST_NODES + 1, 1 << 15);
        assert_eq!(1 << LANE_BITS, MAX_LANES);
    }

    proptest! {
        #[test]
        fn parts_survive(
            count in 0_u64..1 << COUNT_BITS,
            is_push: bool,
            nodes in (0..=NODE, 0..=NODE),
            lanes in 1..=MAX_LANES,
        ) {
            let last = if is_push { Way::Push } else { Way::Pop };
            let heads = Heads { count, last, filled: nodes.0, free: nodes.1 };
            prop_assert_eq!(Heads::read(heads.word(lanes), lanes), heads);
        }

        #[test]
        fn a_link_survives(
            number in 0_u64..1 << 54,
            lane in 0..MAX_LANES,
            len in 0_u64..1 << 32,
            next in 0..=NODE,
            node in 0..NODE,
        ) {
            let link = Link::new_zeroed();
            let given = Given { number, lane, len, next };
            link.write(node, given);
            prop_assert_eq!(link.read(node), given);
        }

        #[test]
        fn the_count_wraps_around_alone(way: bool) {
            let way = if way { Way::Push } else { Way::Pop };
            let heads = Heads { count: (1 << COUNT_BITS) - 1, last: Way::Pop, filled: 3, free: 4 };
            let after = Heads::read(heads.after(way, 5, 6).word(2), 2);
            prop_assert_eq!((after.count, after.last, after.given()), (0, way, 5));
        }
    }
}
