//! Words that change in the middle of an operation, as under a peer that never stops: what an operation just read
//! is gone when it looks again, and a loop that ends because words stay as they are does not end.
//!
//! *Noise* damages any word at one access in 2, 8 or 32. A *flicker* has one word alternate between two values in a
//! pattern of a few accesses: a loop as long as the pattern is shown the same contradiction each time round,
//! which noise would do for one or two rounds at most.

use super::Target;
use crate::memory::atomic::Ordering::Relaxed;
use crate::memory::patience;
use crate::models::scheduler::Random;
use core::cell::RefCell;
use std::rc::Rc;

/// How many times as many accesses an operation may need: as often as it may lose a race.
pub const PATIENCE: u64 = 2 * patience::PATIENCE as u64;

/// Longest pattern of a flicker, in accesses.
const PATTERN: usize = 12;

thread_local! {
    static LIVE: RefCell<Option<Live>> = const { RefCell::new(None) };
}

struct Live {
    target: Rc<Target>,
    random: Random,
    kind: Kind,
}

enum Kind {
    /// Any word, at one access in so many.
    Noise(usize),
    /// The word at `place` has the one value or the other, by the bit of `pattern` whose turn it is.
    Flicker {
        place: usize,
        values: [u64; 2],
        pattern: usize,
        length: usize,
        turn: usize,
    },
}

/// Words of `target` change from now on, in a way that `random` chooses.
pub fn begin(target: &Rc<Target>, random: &mut Random) {
    let kind = if random.below(2) == 0 {
        Kind::Noise([2, 8, 32][random.below(3)])
    } else {
        let place = target.any(random);
        let word = &target.all()[place];
        let now = word.load(Relaxed);
        let length = 1 + random.below(PATTERN);
        Kind::Flicker {
            place,
            values: [now, target.other(now, random)],
            pattern: random.below(1 << length),
            length,
            turn: 0,
        }
    };
    let (target, random) = (Rc::clone(target), Random::new(random.next()));
    LIVE.set(Some(Live {
        target,
        random,
        kind,
    }));
}

/// Words stay as they are again.
pub fn end() {
    LIVE.set(None);
}

/// An access to shared memory is about to happen.
pub fn change() {
    LIVE.with_borrow_mut(|live| {
        let Some(Live {
            target,
            random,
            kind,
        }) = live
        else {
            return;
        };
        match kind {
            Kind::Noise(every) => {
                if random.below(*every) == 0 {
                    target.damage(random);
                }
            }
            Kind::Flicker {
                place,
                values,
                pattern,
                length,
                turn,
            } => {
                *turn = (*turn + 1) % *length;
                target.all()[*place].store(values[*pattern >> *turn & 1], Relaxed);
            }
        }
    });
}
