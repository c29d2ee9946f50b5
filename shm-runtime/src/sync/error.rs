//! What locking can meet, in the style of std's `PoisonError` and `TryLockError`: the guard is inside.

use core::fmt;
use std::error::Error;

/// An owner died or panicked with the lock, and nobody has said since that all is well.
///
/// The lock is held all the same: by the guard inside. What the lock protects may be half changed. Look at
/// it, or overwrite it, and say so with the guard's `mark_consistent`; until somebody does, everybody who
/// locks is told.
///
/// ```
/// # use shm_runtime::{prelude::*, sync::OwnerDied};
/// # #[derive(ShmLayout)]
/// # struct Bank { total: sync::Mutex<u64> }
/// # let name = format!("doc-owner-died-{}", std::process::id());
/// # let bank = Bank::create(&name)?;
/// let total = bank.total.lock().unwrap_or_else(|died| {
///     let mut guard = died.into_inner();
///     guard.set(0);
///     guard.mark_consistent();
///     guard
/// });
/// # assert_eq!(total.get(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct OwnerDied<G> {
    guard: G,
}

impl<G> OwnerDied<G> {
    pub(super) const fn new(guard: G) -> Self {
        Self { guard }
    }

    /// The guard.
    pub fn into_inner(self) -> G {
        self.guard
    }

    /// The guard, which stays in the error.
    pub const fn get_ref(&self) -> &G {
        &self.guard
    }

    /// The guard, which stays in the error.
    pub const fn get_mut(&mut self) -> &mut G {
        &mut self.guard
    }
}

impl<G> fmt::Debug for OwnerDied<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnerDied").finish_non_exhaustive()
    }
}

impl<G> fmt::Display for OwnerDied<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "an owner died or panicked with the lock, and what it protects may be half changed",
        )
    }
}

impl<G> Error for OwnerDied<G> {}

/// Why there is no plain guard, where nobody waits.
pub enum TryLockError<G> {
    /// Locked; see [`OwnerDied`].
    OwnerDied(OwnerDied<G>),
    /// Somebody who lives has the lock.
    WouldBlock,
}

/// Why there is no plain guard, where somebody waits for a time.
pub enum LockWaitError<G> {
    /// Locked; see [`OwnerDied`].
    OwnerDied(OwnerDied<G>),
    /// The time was up.
    Timeout,
}

macro_rules! with_guard {
    ($name:ident, $other:ident, $says:literal) => {
        impl<G> $name<G> {
            /// The guard, where there is one.
            pub fn into_inner(self) -> Option<G> {
                match self {
                    Self::OwnerDied(died) => Some(died.into_inner()),
                    Self::$other => None,
                }
            }
        }

        impl<G> fmt::Debug for $name<G> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    Self::OwnerDied(_) => "OwnerDied(..)",
                    Self::$other => stringify!($other),
                })
            }
        }

        impl<G> fmt::Display for $name<G> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    Self::OwnerDied(died) => died.fmt(f),
                    Self::$other => f.write_str($says),
                }
            }
        }

        impl<G> Error for $name<G> {}

        impl<G> From<OwnerDied<G>> for $name<G> {
            fn from(died: OwnerDied<G>) -> Self {
                Self::OwnerDied(died)
            }
        }
    };
}

with_guard!(TryLockError, WouldBlock, "somebody has the lock");
with_guard!(LockWaitError, Timeout, "timed out");
