//! `Signal`: a count of events that anybody raises and anybody waits for.
//!
//! # Bytes
//!
//! ```text
//! 0x000  raised  event, 8 bytes           sleepers
//! 0x008  count   8 bytes, to 64           {count, raising}
//!
//! 63                                 1 0
//! +-----------------------------------+---------+
//! | count                             | raising |    zero: never raised
//! +-----------------------------------+---------+
//! ```
//!
//! # The algorithm
//!
//! Waking must come before counting, or a kill between the two loses a wake-up; and a sleeper must be able to
//! see that somebody is about to count, or it falls asleep between the two (see [`crate::memory::signals`]).
//! So raising is three steps: announce it by the `raising` bit, wake the sleepers, then count and clear the
//! bit by one exchange. Who meets the bit of another one wakes the sleepers and counts for it: a raise that
//! was announced needs nobody in particular to be finished, so no owner is named, nobody is waited for, and
//! nothing is left to recover. An announcement is taken back by nothing but its count, and the count only
//! grows, so the exchange that counts it succeeds once, whoever does it.
//!
//! # If a process dies here
//!
//! | step | what survivors see | who repairs it |
//! |---|---|---|
//! | before it announces | it was not raised | nobody needs to |
//! | announced, not counted | it was not raised yet; it counts with the next raise or wait, once | who comes next |
//! | counted | it was raised, and the sleepers were woken before | nobody needs to |
//! | waiting | nothing | nobody needs to |
//! | stopped anywhere | as above: nobody is held up | - |
//!
//! # Ordering
//!
//! (C) `announce`, `complete` -> `count`: who sees the count sees what was done before the raise. Every
//! change of the word is an exchange, so the release of an announcement goes on through the exchange of a
//! helper.

use super::ownership::note_corrupt;
use crate::error::Timeout;
use crate::layout::bind::{BindError, Binder};
use crate::layout::node::{Node, StructureNode};
use crate::layout::{Field, Represent, Structure};
use crate::memory::atomic::{
    AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed},
};
use crate::memory::kernel::Linux;
use crate::memory::patience::PATIENCE;
use crate::memory::shared::impl_shared;
use crate::memory::signals::{Event, Kernel, SLICE, wait_until};
use crate::memory::site::Site;
use crate::seeded::{Bug, linearized, order, seeded};
use core::fmt;
use core::time::Duration;
use zerocopy::FromZeros;

const RAISING: u64 = 1;

/// The signal's bytes: see the module's picture.
#[derive(Debug, FromZeros)]
#[repr(C, align(64))]
pub struct Repr {
    raised: Event,
    word: AtomicU64,
    reserved: [AtomicU64; 6],
}

impl_shared!(impl[] Repr { raised, word, reserved });

impl Represent for Repr {
    const HOT: usize = size_of::<Self>();
    const NODE: Node = Node::Structure(StructureNode {
        kind: "Signal",
        capacity: &[],
        lanes: 0,
    });
}

/// An event count, and how its sleepers are woken.
#[derive(Clone, Copy, Debug)]
pub struct Raising<'a, K> {
    repr: &'a Repr,
    kernel: K,
}

impl<'a, K: Kernel> Raising<'a, K> {
    /// The algorithm over a signal's bytes.
    pub const fn new(repr: &'a Repr, kernel: K) -> Self {
        Self { repr, kernel }
    }

    fn load(&self) -> u64 {
        self.repr.word.load(Acquire) // (C)
    }

    /// How often it was raised.
    pub fn count(&self) -> u64 {
        self.load() >> 1
    }

    /// Counts one more; false where the word changes all the time without making sense.
    pub fn raise(&self) -> bool {
        for _ in 0..PATIENCE {
            let now = self.load();
            if now & RAISING != 0 {
                self.repr.raised.ring(&self.kernel); // for the one whose raise is counted here
            }
            let mine = counted(now) | RAISING;
            if seeded(Bug::WakeAfterPublish) || seeded(Bug::NotAnnounced) {
                return self.careless();
            }
            // (C); lost: somebody else announced or counted
            if self.exchange(now, mine) {
                self.repr.raised.ring(&self.kernel);
                let _ = self.exchange(mine, counted(mine)); // lost: somebody else counted it
                return true;
            }
        }
        false
    }

    /// The mistakes that the model must catch.
    fn careless(&self) -> bool {
        if seeded(Bug::NotAnnounced) {
            self.repr.raised.ring(&self.kernel);
        }
        let now = self.load() & !RAISING;
        let raised = self.exchange(now, counted(now | RAISING));
        if seeded(Bug::WakeAfterPublish) {
            self.repr.raised.ring(&self.kernel);
        }
        raised || self.careless()
    }

    fn exchange(&self, now: u64, new: u64) -> bool {
        let both = order(Bug::RelaxedRaise, AcqRel); // (C)
        let done = self.repr.word.compare_exchange(now, new, both, Relaxed);
        if done.is_ok() {
            linearized(0, 0, now, new);
        }
        done.is_ok()
    }

    /// Counts what somebody else has announced, who may be dead or stopped.
    fn complete(&self) {
        let now = self.load();
        if now & RAISING != 0 {
            if !seeded(Bug::SweepSilently) {
                self.repr.raised.ring(&self.kernel);
            }
            let _ = self.exchange(now, counted(now)); // (C); lost: somebody else did
        }
    }

    /// One round of waiting for another count than `since`.
    pub fn wait_round(&self, since: u64, left: Duration) {
        self.repr.raised.wait_round(
            &self.kernel,
            left,
            || self.complete(),
            || self.load() & RAISING != 0,
            || self.count() == since,
        );
    }
}

/// The word once what is announced is counted.
const fn counted(word: u64) -> u64 {
    (word & !RAISING).wrapping_add((word & RAISING) << 1)
}

/// A count of events in shared memory: raised by anybody, waited for by anybody.
///
/// ```
/// use shm_runtime::prelude::*;
/// use std::time::Duration;
///
/// #[derive(ShmLayout)]
/// struct News {
///     changed: sync::Signal,
/// }
///
/// # let name = format!("doc-signal-{}", std::process::id());
/// let news = News::create(&name)?;
/// let seen = news.changed.count();
/// // … look at what there is; meanwhile, in some other process:
/// news.changed.raise();
/// // nothing is missed, although it was raised before anybody waited
/// let seen = news.changed.wait(seen, Duration::from_secs(1))?;
/// assert_eq!(seen, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Progress
///
/// Raising is lock-free, and safe in a signal handler; nobody who is killed or stopped holds anybody up, and
/// no wake-up is lost to one. The raise of a process that dies in it counts once or never, and may count only
/// when somebody else raises or waits. Waiting blocks. Without sleepers, raising costs two exchanges.
#[derive(Clone)]
pub struct Signal {
    site: Site<Repr>,
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal")
            .field("name", &self.site.name())
            .finish_non_exhaustive()
    }
}

impl Field for Signal {
    type Element = ();
    type Repr<const L: usize> = Repr;

    fn bind<const L: usize>(binder: &mut Binder<'_>) -> Result<Self, BindError> {
        let site = binder.site()?;
        Ok(Self { site })
    }
}

impl Structure for Signal {}

static_assertions::assert_impl_all!(Signal: Send, Sync, Clone);

impl Signal {
    fn raising(&self) -> Raising<'_, Linux> {
        Raising::new(&self.site, Linux)
    }

    /// Attaches, in a forked child that did not yet: no owner is named, but a sleeper's barrier has to reach
    /// all who raise.
    fn attach(&self) {
        let _ = self.site.attachment().own();
    }

    /// Counts one more, and wakes all who wait.
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    ///
    /// # Progress
    ///
    /// Lock-free.
    #[track_caller]
    pub fn raise(&self) {
        self.site.assert_writable();
        self.attach();
        if !self.raising().raise() {
            note_corrupt(&self.site);
        }
    }

    /// How often it was raised; wraps around at 2⁶³. Works on read-only attachments.
    ///
    /// # Progress
    ///
    /// Wait-free.
    pub fn count(&self) -> u64 {
        self.raising().count()
    }

    /// Waits up to `timeout` until the count is another one than `since`, and says which. Works on read-only
    /// attachments, which look every millisecond.
    ///
    /// # Errors
    ///
    /// [`Timeout`] where it was not raised in time.
    ///
    /// # Progress
    ///
    /// Blocking, until somebody raises it or the time is up.
    pub fn wait(&self, since: u64, timeout: Duration) -> Result<u64, Timeout> {
        let read_only = self.site.attachment().is_read_only();
        if !read_only {
            self.attach();
        }
        let attempt = || Some(self.count()).filter(|&count| count != since);
        let count = wait_until(timeout, attempt, |left| {
            if read_only {
                std::thread::sleep(left.min(SLICE)); // it can set no flag
            } else {
                self.raising().wait_round(since, left);
            }
            true
        });
        count.ok_or(Timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn zeroed_is_empty() {
        let repr = Repr::new_zeroed();
        assert_eq!(Raising::new(&repr, Linux).count(), 0);
        assert_eq!(size_of::<Repr>(), 64);
    }

    /// The raise of one who died in it counts with the next, and both count once.
    #[test]
    fn what_was_announced_counts_once() {
        let repr = Repr::new_zeroed();
        repr.word.store(5 << 1 | RAISING, Relaxed);
        let signal = Raising::new(&repr, Linux);
        assert_eq!(signal.count(), 5);
        assert!(signal.raise());
        assert_eq!(signal.count(), 7);
        repr.word.store(7 << 1 | RAISING, Relaxed);
        signal.wait_round(7, Duration::from_secs(9));
        assert_eq!(signal.count(), 8, "who would sleep counts it");
    }

    proptest! {
        #[test]
        fn a_word_has_its_parts(count in 0_u64..1 << 63) {
            let word = count << 1;
            prop_assert_eq!(counted(word), word);
            prop_assert_eq!(counted(word | RAISING) >> 1, (count + 1) % (1 << 63));
            prop_assert_eq!(counted(word | RAISING) & RAISING, 0);
        }
    }
}
