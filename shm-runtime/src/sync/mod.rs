//! Robust blocking primitives: what programs expect beside lock-free structures.
//!
//! They are fields of a schema like the [structures](crate::structures), and recover from dead owners by the
//! same means: a word names its owner, and is taken from it once the kernel says that it is dead. A death is
//! an answer, not a hang. Who waits notices one within 50 ms, and no wake-up is lost to one.
//!
//! Unlike the structures they *block*: an owner who is stopped holds up all who wait for it, for as long as
//! it is stopped. That is what locking means; every call that waits has a form with a time-out. Where nobody
//! should be able to hold up anybody, use a lock-free structure: `Queue`, `Atomic`, `Pool`.
//!
//! In a forked child for which the segment has no place, waiting calls wait for one too, and the others say
//! that it would block.
//!
//! | type | what | when an owner dies |
//! |---|---|---|
//! | [`Mutex<T>`] | a value that one changes at a time | the next owner is told: [`OwnerDied`] |
//! | [`RwLock<T>`] | a value that many read, or one changes | a reader is forgotten; of a writer all are told |
//! | [`Semaphore<PERMITS>`] | permits | they come back |
//! | [`Barrier<PARTIES>`] | nobody goes on before all are there | its arrival is withdrawn |
//! | [`Once`] | what is done once | the next one runs, and is told |
//! | [`Signal`] | a count of events to wait for | it has none: nobody is held up by anybody |

pub(crate) mod access;
pub mod barrier;
mod error;
pub mod gate;
mod guard;
pub mod lock;
pub mod mutex;
pub mod once;
pub(crate) mod ownership;
pub(crate) mod passage;
pub mod readers;
pub mod rwlock;
pub mod semaphore;
pub mod signal;

pub use barrier::Barrier;
pub use error::{LockWaitError, OwnerDied, TryLockError};
pub use guard::Guard;
pub use mutex::{Mutex, MutexGuard};
pub use once::{Once, OnceRun, OnceState};
pub use passage::BarrierResult;
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use semaphore::{Permit, Semaphore};
pub use signal::Signal;
