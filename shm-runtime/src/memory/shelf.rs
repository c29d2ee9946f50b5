//! Elements that were taken and come back: the owner gave them up, or died.
//!
//! Giving back is a push onto the lane's own shelf: an exchange like any other, so that it may be killed
//! anywhere. The lane is whole again at once; whoever takes or pops next looks at the shelves first.

use super::atomic::Ordering::Acquire;
use super::exchange::{Capacity, Exchange, Target};
use super::lane::{LaneRecord, Phase};
use super::signals::Kernel;
use super::word::MAX_LANES;
use crate::seeded::{Bug, seeded};

/// Puts the element that lane `lane` holds on its shelf. The caller owns the lane, or may sweep it.
///
/// The lane's phase is [`Phase::Held`] before and [`Phase::Idle`] behind it.
pub fn put_back<C: Capacity>(
    exchange: &Exchange<'_, C>,
    record: &LaneRecord,
    lane: usize,
    kernel: &impl Kernel,
) {
    if seeded(Bug::DropHeld) {
        return record.close(Phase::Idle);
    }
    let shelf = exchange.shelf(lane);
    let (Some(at), Ok(own)) = (exchange.word(shelf), exchange.own(lane)) else {
        return record.close(Phase::Idle);
    };
    let Ok(held) = exchange.spare(&own) else {
        return record.close(Phase::Idle);
    };
    let old = at.load(Acquire); // (A)
    let word = exchange.packing().unpack(old);
    let Some(free) = exchange.node_in(shelf, old).ok().filter(|_| !word.full) else {
        // a lane takes only while its shelf is empty, so a full one is another program's doing
        return record.close(Phase::Idle);
    };
    let target = Target {
        phase: Phase::Return,
        number: word.lap * MAX_LANES as u64 + lane as u64,
        word: shelf,
        at,
        old,
    };
    exchange.swap(&own, &target, (held, free), || {
        exchange.signals.set_returned(); // before it is there: nobody takes the hint back meanwhile
        exchange.signals.filled.ring(kernel);
    });
    record.close(Phase::Idle);
}

/// Whether an element is on its way to a shelf: then the hint stays, whatever the shelves show.
///
/// A returner opens its phase, sets the hint, fills the shelf, closes the phase. Who has seen its hint and
/// then sees no open phase will find the element on the shelf; who has not seen its hint cannot clear
/// it, because the hint counts.
pub fn is_under_way<C: Capacity>(exchange: &Exchange<'_, C>) -> bool {
    !seeded(Bug::IgnoreReturning)
        && exchange.records.iter().any(|record| {
            record.state().phase() == Phase::Return && record.place() == exchange.place
        })
}
