//! The operations of the queue's scripts, what each must have found, and how the dead are settled.

use super::queue_world::World;
use super::scheduler::{now, pause, quietly};
use crate::memory::lane::Phase;
use crate::memory::recovery::{Settled, settle_lane};
use crate::structures::queue::ring::Stop;
use core::time::Duration;

/// An operation of a script.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    Push,
    Pop,
    Take,
    TakeAndDrop,
    Peek,
    PushWait,
    PopWait,
}

pub(super) fn run_op(world: &World, lane: usize, op: Op) {
    match op {
        Op::Push => drop(push(world, lane)),
        Op::Pop => drop(pop(world, lane)),
        Op::Take | Op::TakeAndDrop => take(world, lane, matches!(op, Op::Take)),
        Op::Peek => peek(world),
        Op::PushWait => push_wait(world, lane),
        Op::PopWait => pop_wait(world, lane),
    }
}

pub(super) fn push(world: &World, lane: usize) -> Result<(), Stop> {
    let begun = now();
    let value = world.next_value.get() + 1;
    world.next_value.set(value);
    let done = if world.ring().push_at_once(lane, [value, value]) {
        Ok(())
    } else {
        world.ring().push(lane, [value, value], true)
    };
    quietly(|| {
        let mut ghost = world.ghost.borrow_mut();
        match done {
            Ok(()) if !ghost.pushed.contains(&value) => ghost.violate("acknowledged, not pushed"),
            Ok(()) => drop(ghost.acknowledged.insert(value)),
            Err(Stop::Corrupt) => ghost.violate("push: corrupt"),
            Err(Stop::None) if ghost.queue.len() < world.capacity && ghost.room_since <= begun => {
                ghost.violate("full although there was room throughout");
            }
            Err(Stop::None) => {}
        }
    });
    done
}

fn delivered(world: &World, lane: usize, begun: u64, got: Result<[u64; 2], Stop>) {
    let mut ghost = world.ghost.borrow_mut();
    match got {
        Ok([value, twice]) => {
            if value != twice {
                ghost.violate("torn");
            } else if ghost.last.get(&lane) != Some(&value) {
                ghost.violate("another element than the one that left");
            }
        }
        Err(Stop::Corrupt) => ghost.violate("pop: corrupt"),
        Err(Stop::None) if !ghost.queue.is_empty() && ghost.some_since <= begun => {
            ghost.violate("empty although an element was there throughout");
        }
        Err(Stop::None) => {}
    }
}

pub(super) fn pop(world: &World, lane: usize) -> Result<[u64; 2], Stop> {
    let begun = now();
    let got = match world.ring().pop_at_once(lane) {
        Some(value) => Ok(value),
        None => world.ring().pop(lane, true),
    };
    quietly(|| delivered(world, lane, begun, got));
    got
}

fn take(world: &World, lane: usize, acknowledge: bool) {
    let begun = now();
    let ring = world.ring();
    let taken = ring.take(lane);
    let got = taken.and_then(|()| ring.spare_value(lane));
    quietly(|| delivered(world, lane, begun, got));
    let Ok([value, _]) = got else { return };
    for _ in 0..3 {
        pause(); // the program works on the element in place
    }
    if ring.spare_value(lane) != Ok([value, value]) {
        quietly(|| world.ghost.borrow_mut().violate("a taken element changed"));
    }
    if acknowledge {
        ring.done(lane);
        quietly(|| settle_done(world, lane));
    } else {
        ring.put_back(lane);
    }
}

/// A held element whose lane is idle again, without a return, was acknowledged.
fn settle_done(world: &World, lane: usize) {
    let mut ghost = world.ghost.borrow_mut();
    if let Some(value) = ghost.held.remove(&lane) {
        *ghost.consumed.entry(value).or_default() += 1;
    }
}

fn peek(world: &World) {
    let got = world.ring().peek();
    quietly(|| {
        let mut ghost = world.ghost.borrow_mut();
        match got {
            Ok([value, twice]) if value != twice || !ghost.pushed.contains(&value) => {
                ghost.violate("peek: torn or never pushed");
            }
            Err(Stop::Corrupt) => ghost.violate("peek: corrupt"),
            _ => {}
        }
    });
}

fn wait(world: &World, filling: bool) {
    let ring = world.ring();
    let signals = ring.exchange().signals;
    let event = if filling {
        &signals.emptied
    } else {
        &signals.filled
    };
    event.wait_round(
        &world,
        Duration::from_secs(9),
        || recover_all(world),
        || ring.exchange().announced(!filling),
        || ring.is_blocked(filling),
    );
}

fn push_wait(world: &World, lane: usize) {
    while push(world, lane) == Err(Stop::None) {
        wait(world, true);
    }
}

fn pop_wait(world: &World, lane: usize) {
    while pop(world, lane) == Err(Stop::None) {
        wait(world, false);
    }
}

/// The right to sweep a lane: it comes back when its holder is killed.
struct Sweep<'a> {
    world: &'a World,
    lane: usize,
    settled: bool,
}

impl Drop for Sweep<'_> {
    fn drop(&mut self) {
        if !self.settled {
            self.world.dead.borrow_mut().insert(self.lane);
        }
    }
}

/// Settles the lanes of the dead, as a sleeper does.
pub(super) fn recover_all(world: &World) {
    let dead: Vec<_> = world.dead.borrow().iter().copied().collect();
    for lane in dead {
        recover(world, lane);
    }
}

/// Settles one lane; true where there is nothing left to do.
pub(super) fn recover(world: &World, lane: usize) -> bool {
    if !world.dead.borrow_mut().remove(&lane) {
        return true;
    }
    let mut sweep = Sweep {
        world,
        lane,
        settled: false,
    };
    let records = &world.memory.records[..world.lanes];
    let phase = quietly(|| records[lane].state().phase());
    sweep.settled = settle_lane(&world, records, lane, &world) == Settled::Clean;
    if sweep.settled
        && matches!(
            phase,
            Phase::Held | Phase::Take | Phase::Reclaim | Phase::Return
        )
    {
        let mut ghost = world.ghost.borrow_mut();
        if ghost.held.contains_key(&lane) {
            ghost.violate("a held element did not come back");
        }
    } else if sweep.settled {
        settle_done(world, lane);
    }
    sweep.settled
}
