//! Exclusive roles: an attachment has one until it gives it back, and it is taken over only from the dead.
//!
//! The word names its holder. A claim is one exchange of the very word whose holder was found dead, or of zero. What
//! the role protects is handed over with it; nothing is repaired here.
//!
//! # Ordering
//!
//! (H) `drop`, death -> `claim`: what the former holder did is visible to the next. From the dead, the question
//! whether they live is the edge: see `Attachment::alive`.

use crate::memory::atomic::{
    AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed},
};
use crate::memory::attachment::Attachment;
use crate::memory::participant::Identity;
use crate::memory::site::Site;
use crate::seeded::{Bug, order, seeded};
use core::fmt;

/// How often a role is tried that changes hands meanwhile.
const TRIES: usize = 64;

/// A role is held by somebody alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleTaken {
    /// The role.
    pub role: &'static str,
    /// The structure's table name.
    pub field: String,
    /// The process that has it, in its own PID namespace; zero where that cannot be told.
    pub pid: u32,
}

impl fmt::Display for RoleTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "process {} is the {} of `{}`; there is one at a time, and it is taken over only from the dead",
            self.pid, self.role, self.field
        )
    }
}

impl std::error::Error for RoleTaken {}

/// Claims the role of `word` for `own`; else who has it and lives, or nobody where it changes hands all the time.
pub(crate) fn claim(
    word: &AtomicU64,
    own: u64,
    lives: impl Fn(Identity) -> bool,
) -> Result<(), Option<Identity>> {
    for _ in 0..TRIES {
        let holder = word.load(Relaxed); // the exchange compares it, and is the end of (H)
        if let Some(identity) = Identity::from_word(holder)
            && lives(identity)
            && !seeded(Bug::RoleOfTheLiving)
        {
            return Err(Some(identity));
        }
        let claimed = word.compare_exchange(holder, own, AcqRel, Relaxed); // (H)
        if claimed.is_ok() {
            return Ok(());
        }
    }
    Err(None)
}

/// Gives back the role of `word`, if it still is `own`'s.
pub(crate) fn give_back(word: &AtomicU64, own: u64) {
    let over = order(Bug::RelaxedRole, AcqRel);
    let _ = word.compare_exchange(own, 0, over, Relaxed); // (H)
}

/// A role that this attachment holds; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Role {
    /// Who has it: [`Identity::word`], or zero.
    word: Site<AtomicU64>,
    own: u64,
    stamp: u64,
}

impl Role {
    /// Claims the role, which is called `role`, for this attachment.
    pub(crate) fn claim(word: Site<AtomicU64>, role: &'static str) -> Result<Self, RoleTaken> {
        word.assert_writable();
        let attachment = word.attachment();
        let taken = |pid| RoleTaken {
            role,
            field: word.name().to_owned(),
            pid,
        };
        let own = attachment.register().map_err(|_| taken(0))?.word();
        match claim(&word, own, |holder| attachment.alive(holder)) {
            Ok(()) => {
                let stamp = attachment.local().stamp.load(Relaxed);
                Ok(Self { word, own, stamp })
            }
            Err(holder) => {
                let slot = holder.and_then(|holder| attachment.slots().get(holder.slot as usize));
                Err(taken(slot.map_or(0, |slot| slot.pid.load(Relaxed)))) // for people
            }
        }
    }

    /// Whether this process still holds the role: not in a forked child, whose parent has it.
    #[inline(always)]
    pub(crate) fn is_held(&self) -> bool {
        let same = self.word.attachment().local().stamp.load(Relaxed) == self.stamp;
        same || seeded(Bug::GuardOutlivesFork)
    }

    /// Whether somebody alive has the role of `word`.
    pub(crate) fn is_taken(word: &AtomicU64, attachment: &Attachment) -> bool {
        let holder = Identity::from_word(word.load(Acquire)); // (H)
        holder.is_some_and(|holder| attachment.alive(holder))
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        if self.is_held() {
            give_back(&self.word, self.own);
        }
    }
}
