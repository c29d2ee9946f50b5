//! The algorithm: one exchange word, and a stamp on every node.
//!
//! The word is `{version, updated, node}`: how often a value was published, whether the last one came from an
//! update, and where it is. A writer fills its spare, stamps it with the version that it would be, and exchanges it
//! for the word's node. A reader copies the node that the word names and compares the node's stamp with the word's
//! version: it is thrown back only if, during its copy, the lane that took that node out has begun to fill it again.
//!
//! A *store* that loses the exchange to another store is done: it took effect just before the winner, inside of its
//! own interval, and was overwritten. So it needs one attempt, if nobody updates. A store that loses to an *update*
//! is not done, because the update has read the value before it; it tries again. For the same reason the word is
//! read inside of the operation: a store must not be overwritten by one that was over before it began.
//!
//! | killed | what is in memory | who repairs it |
//! |---|---|---|
//! | filling the spare, stamping it | nothing that others see | nobody needs to |
//! | intent written, word not exchanged | the value before | recovery: not done |
//! | word exchanged, spare not stored | the new value | recovery: done, spare := what came out |
//! | stopped anywhere | its spare is withheld | nobody needs to |
//!
//! # Ordering
//!
//! (A) exchange -> word: see `memory::exchange`. (D) refill -> validated copy: see `memory::stamp`.

use crate::memory::atomic::{AtomicU64, Ordering::Relaxed};
use crate::memory::exchange::{Corrupt, Exchange, Fixed, Own, Target, look};
use crate::memory::lane::Phase;
use crate::memory::nodes::StampedNode;
use crate::memory::patience::PATIENCE;
use crate::memory::signals::Kernel;
use crate::memory::word::Word;
use crate::seeded::{Bug, seeded};
use bytemuck::Pod;

/// Why an operation ended without a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The value was replaced while it was copied.
    Outrun,
    /// The bytes make no sense.
    Corrupt,
}

impl From<Corrupt> for Stop {
    fn from(_: Corrupt) -> Self {
        Self::Corrupt
    }
}

/// The parts of a versioned value: of a handle, of a test's memory, of a model's.
pub trait Parts {
    /// The value's type.
    type Element: Pod;
    /// Word and lanes.
    fn exchange(&self) -> Exchange<'_, Fixed<1>>;
    /// One node, and one for each lane; `None` out of range.
    fn node(&self, index: usize) -> Option<impl StampedNode<Value = Self::Element>>;
    /// How sleepers are woken.
    fn kernel(&self) -> impl Kernel;
}

/// How a reader copies.
trait Copying<T> {
    type Copied;

    fn copy(&mut self, node: &impl StampedNode<Value = T>) -> Self::Copied;
}

/// Into registers, or wherever the compiler wants it.
struct ByValue;

impl<T> Copying<T> for ByValue {
    type Copied = T;

    #[inline(always)]
    fn copy(&mut self, node: &impl StampedNode<Value = T>) -> T {
        node.load()
    }
}

/// To a place of the caller's.
struct To<'a, T>(&'a mut T);

impl<T> Copying<T> for To<'_, T> {
    type Copied = ();

    #[inline(always)]
    fn copy(&mut self, node: &impl StampedNode<Value = T>) {
        node.load_into(self.0);
    }
}

/// The algorithm over a value's parts.
#[derive(Debug)]
pub struct Latest<'a, P>(pub &'a P);

impl<P> Clone for Latest<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<P> Copy for Latest<'_, P> {}

/// A whole value, and the word that named it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen<T> {
    /// The word: what an update exchanges.
    pub word: u64,
    /// The value's version.
    pub version: u64,
    /// The value.
    pub value: T,
}

impl<'a, P: Parts> Latest<'a, P> {
    #[inline(always)]
    fn exchange(self) -> Exchange<'a, Fixed<1>> {
        self.0.exchange()
    }

    #[inline(always)]
    fn at(self) -> &'a AtomicU64 {
        &self.exchange().words[0]
    }

    #[inline(always)]
    fn unpack(self, word: u64) -> Word {
        self.exchange().packing().unpack(word)
    }

    #[inline(always)]
    fn node(self, index: usize) -> Result<impl StampedNode<Value = P::Element>, Stop> {
        self.0.node(index).ok_or(Stop::Corrupt)
    }

    /// How often a value was published; zero: never.
    #[inline(always)]
    pub fn version(self) -> u64 {
        self.unpack(look(self.at())).lap
    }

    /// As many attempts to copy the value with `copy`. Only loads. What is made of it is the caller's: a value that is
    /// wrapped is copied once more.
    #[inline(always)]
    fn read<C: Copying<P::Element>, R>(
        self,
        attempts: usize,
        mut copying: C,
        then: impl Fn(u64, u64, C::Copied) -> R,
        failed: impl FnOnce(Stop) -> R,
    ) -> R {
        for _ in 0..attempts {
            let word = look(self.at());
            let version = self.unpack(word).lap;
            let node = match self.node(self.exchange().named(0, word)) {
                Ok(node) => node,
                Err(stop) => return failed(stop),
            };
            let value = copying.copy(&node);
            if node.stamp().is_still(version) {
                return then(word, version, value);
            }
            // A node is marked only once it has left the word, and who sees the mark sees that (B).
            if self.exchange().still(self.at(), word) {
                return failed(Stop::Corrupt);
            }
            // somebody has published and begun another value: progress
        }
        failed(Stop::Outrun)
    }

    /// One attempt to copy the value. Only loads.
    #[inline(always)]
    pub fn try_load(self) -> Result<Seen<P::Element>, Stop> {
        self.read(1, ByValue, Self::seen, Err)
    }

    /// Copies the value. Only loads.
    #[inline(always)]
    pub fn load(self) -> Result<Seen<P::Element>, Stop> {
        let loaded = self.read(PATIENCE, ByValue, Self::seen, Err);
        loaded.map_err(|_| Stop::Corrupt) // so many are not outrun in good faith
    }

    fn seen(word: u64, version: u64, value: P::Element) -> Result<Seen<P::Element>, Stop> {
        Ok(Seen {
            word,
            version,
            value,
        })
    }

    /// As [`Latest::load`], the value alone; where there is none, what `failed` gives.
    #[inline(always)]
    pub fn value_or(self, failed: impl FnOnce() -> P::Element) -> P::Element {
        self.read(PATIENCE, ByValue, |_, _, value| value, |_| failed())
    }

    /// As [`Latest::load`], to a place of the caller's, which holds anything where it failed; gives the version.
    #[inline(always)]
    pub fn load_into(self, out: &mut P::Element) -> Result<u64, Stop> {
        let loaded = self.read(PATIENCE, To(out), |_, version, ()| Ok(version), Err);
        loaded.map_err(|_| Stop::Corrupt) // as above
    }

    /// Publishes `value`, over whatever is there.
    #[inline(always)]
    pub fn store(self, lane: usize, value: &P::Element) -> Result<(), Stop> {
        self.store_over(lane, value, None)
    }

    /// As [`Latest::store`]; a model says which word is taken for the one that is there.
    #[inline(always)]
    pub fn store_over(
        self,
        lane: usize,
        value: &P::Element,
        remembered: Option<u64>,
    ) -> Result<(), Stop> {
        let own = self.exchange().own(lane)?;
        let spare = self.fill(&own, value)?;
        own.record.enter(self.exchange().place);
        let old = remembered.unwrap_or_else(|| self.at().load(Relaxed)); // the exchange compares it: (A)
        let done = self.store_filled(&own, spare, old);
        own.record.close(Phase::Idle);
        done
    }

    #[inline(always)]
    fn store_filled(self, own: &Own<'_>, spare: usize, mut old: u64) -> Result<(), Stop> {
        for _ in 0..PATIENCE {
            if self.publish(own, spare, old, false)? {
                return Ok(());
            }
            let now = self.at().load(Relaxed); // as above
            if !self.unpack(now).full || seeded(Bug::LostToUpdate) {
                return Ok(()); // published by a store since we read the word: that one has overwritten ours
            }
            own.record.close(Phase::Filling);
            old = now; // an update won: progress
        }
        Err(Stop::Corrupt)
    }

    /// Publishes `value` in the place of `seen`, if nothing was published since.
    #[inline(always)]
    pub fn replace(self, lane: usize, seen: u64, value: &P::Element) -> Result<bool, Stop> {
        let own = self.exchange().own(lane)?;
        let spare = self.fill(&own, value)?;
        own.record.enter(self.exchange().place);
        let done = self.publish(&own, spare, seen, true);
        own.record.close(Phase::Idle);
        done
    }

    /// Writes `value` into the lane's spare, where nobody looks; says which node that is.
    #[inline(always)]
    fn fill(self, own: &Own<'_>, value: &P::Element) -> Result<usize, Stop> {
        self.exchange().filling();
        let spare = self.exchange().spare_named(own); // `node` checks it
        self.node(spare)?.fill(value);
        Ok(spare)
    }

    /// One attempt to put the node `spare` into the word, which held `old`.
    #[inline(always)]
    fn publish(self, own: &Own<'_>, spare: usize, old: u64, updated: bool) -> Result<bool, Stop> {
        let (exchange, packing) = (self.exchange(), self.exchange().packing());
        let out = exchange.named(0, old);
        self.node(out)?; // it becomes the lane's
        let version = packing.lap(self.unpack(old).lap + 1);
        self.node(spare)?.stamp().set(version);
        let new = packing.pack(Word {
            lap: version,
            full: updated,
            node: exchange.name(0, spare),
        });
        let target = Target {
            phase: Phase::Publish,
            number: version,
            word: 0,
            at: self.at(),
            old,
        };
        let ring = || exchange.signals.filled.ring(&self.0.kernel());
        let done = if seeded(Bug::WakeAfterPublish) {
            let done = exchange.swap_to(own, &target, (new, out), || {});
            ring();
            done
        } else {
            exchange.swap_to(own, &target, (new, out), ring)
        };
        Ok(done)
    }

    /// Whether a publication is announced, by somebody who is not known to be dead.
    pub fn is_announced(self) -> bool {
        self.exchange().announced(true)
    }
}

const _: () = assert!(
    crate::memory::word::Packing::for_capacity(1).lap_bits() >= 48,
    "versions do not come back in years"
);
