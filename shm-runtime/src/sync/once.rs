//! `Once`: what is done once, by whoever comes first.
//!
//! # Bytes
//!
//! ```text
//! 0x000  freed  event, 8 bytes       those who wait for the runner
//! 0x008  word   8 bytes, to 64       {generation, done, doubtful, leaving, owner}
//! ```
//!
//! # If a process dies here
//!
//! | step | what survivors see | who repairs it |
//! |---|---|---|
//! | before it runs | nothing | nobody needs to |
//! | running | the next one runs, and [`OnceState::is_interrupted`] says so | the next who comes, or waits |
//! | behind the run, before its last store | it is completed | as above |
//! | waiting | nothing | nobody needs to |
//! | stopped in the run | it is not completed | SIGCONT or death |
//!
//! The algorithm is in `sync::lock`, the model in `models::sync`.

use super::lock::{After, LockLine};
use super::ownership::{self, Ownership};
use crate::error::Timeout;
use crate::layout::bind::{BindError, Binder};
use crate::layout::node::{Node, StructureNode};
use crate::layout::{Field, Represent, Structure};
use crate::memory::shared::impl_shared;
use crate::memory::site::Site;
use crate::seeded::{Bug, seeded};
use core::fmt;
use core::time::Duration;
use zerocopy::FromZeros;

/// The once's bytes: see the module's picture.
#[derive(Debug, FromZeros)]
#[repr(C)]
pub struct Repr {
    line: LockLine,
}

impl_shared!(impl[] Repr { line });

impl Represent for Repr {
    const HOT: usize = size_of::<Self>();
    const NODE: Node = Node::Structure(StructureNode {
        kind: "Once",
        capacity: &[],
        lanes: 0,
    });
}

/// Something that is done once in the life of a segment, by whoever comes first.
///
/// ```
/// use shm_runtime::prelude::*;
///
/// #[derive(ShmLayout)]
/// struct Table {
///     filled: sync::Once,
///     squares: Array<u64, 100>,
/// }
///
/// # let name = format!("doc-once-{}", std::process::id());
/// let table = Table::open_or_create(&name)?;
/// table.filled.call_once(|_| {
///     for i in 0..100 {
///         table.squares.set(i, (i * i) as u64);
///     }
/// });
/// assert!(table.filled.is_completed());
/// assert_eq!(table.squares.get(9), 81);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// For what only the creator does, `options().init(…)` is simpler: nobody sees the segment before.
///
/// # When the runner dies
///
/// Or leaves, or panics: then the next one runs, and learns of it from [`OnceState::is_interrupted`]. So what
/// is run must be able to begin again on what a run before has left.
///
/// # Progress
///
/// Blocking: a runner who is stopped holds up all who wait. A death holds nobody up for longer than 50 ms.
/// Once it is completed, a call is one load.
#[derive(Clone)]
pub struct Once {
    line: Site<LockLine>,
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once")
            .field("name", &self.line.name())
            .field("completed", &self.is_completed())
            .finish_non_exhaustive()
    }
}

impl Field for Once {
    type Element = ();
    type Repr<const L: usize> = Repr;

    fn bind<const L: usize>(binder: &mut Binder<'_>) -> Result<Self, BindError> {
        let site = binder.site::<Repr>()?;
        Ok(Self {
            line: site.map(|repr| &repr.line),
        })
    }
}

impl Structure for Once {}

static_assertions::assert_impl_all!(Once: Send, Sync, Clone);

/// What a run finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnceState {
    interrupted: bool,
}

impl OnceState {
    /// Whether another one began to run before, and died or panicked in it.
    pub const fn is_interrupted(&self) -> bool {
        self.interrupted
    }
}

impl Once {
    /// Whether somebody has run to the end. What was done there is visible then. Works on read-only
    /// attachments.
    ///
    /// # Progress
    ///
    /// Wait-free.
    #[inline]
    pub fn is_completed(&self) -> bool {
        ownership::lock(&self.line).look().is_done()
    }

    /// Runs `run`, if nobody has run to the end yet; returns when somebody has.
    ///
    /// # Panics
    ///
    /// On a read-only attachment, unless it is completed; and if `run` panics, which hands the run to the
    /// next.
    ///
    /// # Progress
    ///
    /// Blocking, until the runner ends or dies. A thread that calls it inside of `run` waits for itself.
    #[track_caller]
    pub fn call_once(&self, run: impl FnOnce(&OnceState)) {
        let mut run = Some(run);
        while self.call(&mut run, Duration::MAX).is_err() {} // which is for ever, and ends
    }

    /// As [`call_once`](Self::call_once), and waits for another's run up to `timeout`.
    ///
    /// # Errors
    ///
    /// [`Timeout`] where another's run did not end in time.
    ///
    /// # Panics
    ///
    /// As [`call_once`](Self::call_once).
    ///
    /// # Progress
    ///
    /// Blocking, until the runner ends or dies, or the time is up.
    #[track_caller]
    pub fn call_once_wait(
        &self,
        timeout: Duration,
        run: impl FnOnce(&OnceState),
    ) -> Result<(), Timeout> {
        self.call(&mut Some(run), timeout)
    }

    #[track_caller]
    fn call<F: FnOnce(&OnceState)>(
        &self,
        run: &mut Option<F>,
        timeout: Duration,
    ) -> Result<(), Timeout> {
        let Some(begun) = self.begin_wait(timeout)? else {
            return Ok(());
        };
        if let Some(run) = run.take() {
            run(&begun.state());
        }
        begun.complete();
        Ok(())
    }

    /// Begins to run, if nobody has run to the end yet, for what does not fit into a closure: `None` where somebody
    /// has. Waits for another's run up to `timeout`.
    ///
    /// # Errors
    ///
    /// [`Timeout`] where another's run did not end in time.
    ///
    /// # Panics
    ///
    /// On a read-only attachment, unless it is completed.
    ///
    /// # Progress
    ///
    /// Blocking, until the runner ends or dies, or the time is up.
    #[track_caller]
    pub fn begin_wait(&self, timeout: Duration) -> Result<Option<OnceRun<'_>>, Timeout> {
        if self.is_completed() {
            return Ok(None);
        }
        self.line.assert_writable();
        let completed = || self.is_completed();
        match Ownership::acquire_wait(&self.line, timeout, completed) {
            Some(owner) => Ok(Some(OnceRun { owner: Some(owner) })),
            None if completed() => Ok(None),
            None => Err(Timeout),
        }
    }
}

/// A run that this attachment has begun. Dropping it without [`complete`](Self::complete) hands the run to the next one,
/// who learns of it. In a forked child it is void.
#[derive(Debug)]
#[must_use = "a run that is dropped is not completed"]
pub struct OnceRun<'a> {
    owner: Option<Ownership<'a>>, // until it is over
}

impl OnceRun<'_> {
    /// What the run finds.
    pub fn state(&self) -> OnceState {
        OnceState {
            interrupted: self.owner.as_ref().is_some_and(Ownership::is_doubtful),
        }
    }

    /// Says that it has run to the end.
    pub fn complete(mut self) {
        self.end(After::Done);
    }

    fn end(&mut self, after: After) {
        if let Some(owner) = self.owner.take() {
            owner.finish(after);
        }
    }
}

impl Drop for OnceRun<'_> {
    fn drop(&mut self) {
        self.end(match seeded(Bug::ForgetRun) {
            true => After::Sound,
            false => After::Doubtful,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::lock::LockWord;
    use core::sync::atomic::Ordering::Relaxed;

    #[test]
    fn zeroed_is_empty() {
        let repr = Repr::new_zeroed();
        let word = LockWord::from_bits(repr.line.word.load(Relaxed));
        assert!(!word.is_done() && word.owner().is_nobody());
        assert_eq!(size_of::<Repr>(), 64);
    }
}
