//! Where a ring of words is: shared by structures whose tickets are claimed in order.
//!
//! # Ordering
//!
//! (H) `set_hint -> hint`: whoever reads a hint sees that the tickets before it are claimed. Who claims one goes by the
//! hint, or by a word that says the same; so whoever sees a ticket's word sees the words of all before it.

use crate::memory::atomic::{
    AtomicU64,
    Ordering::{Acquire, Release},
};
use crate::seeded::{Bug, order};

/// The next ticket, as far as the hint knows: it may be as stale as it likes.
#[inline(always)]
pub(super) fn hint(at: &AtomicU64) -> u64 {
    at.load(Acquire) // (H)
}

/// Says that `next` is the next ticket, by who has claimed the one before.
#[inline(always)]
pub(super) fn set_hint(at: &AtomicU64, next: u64) {
    at.store(next, order(Bug::RelaxedHint, Release)); // (H)
}

/// The first ticket that was not claimed, found by bisection over a ring of `capacity` words; `count` says how many
/// tickets of a word were claimed.
///
/// Claimed tickets are a prefix, so in each lap the words with one claim more come first. It never gives a ticket
/// whose predecessor was not claimed: it has seen that one's word. The ticket that it gives was the first unclaimed one
/// at some moment during the call.
pub(super) fn first_unclaimed(capacity: u64, count: impl Fn(u64) -> u64) -> u64 {
    let lap = count(0);
    // word `low` was claimed in this lap, word `high` (or the end) was not
    let (mut low, mut high) = (0, capacity);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if count(middle) >= lap {
            low = middle
        } else {
            high = middle
        }
    }
    lap.wrapping_sub(1)
        .wrapping_mul(capacity)
        .wrapping_add(high)
}
