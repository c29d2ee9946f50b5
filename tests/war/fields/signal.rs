//! `Signal`: raises that count once, and sleepers that none passes by.
//!
//! Even seats raise, odd ones wait. A raise that was announced and not counted needs nobody in particular: it
//! counts with the next raise or wait, whoever dies.

use super::super::battle::Field;
use super::super::history::Actor;
use super::super::spec::{Call, DIED, SETTLED, Spec};
use super::mutex::LONG;
use super::{weighted, zero};
use crate::assert_lanes_are_back;
use shm_runtime::sync::Signal;
use shm_runtime::{Array, Segment, ShmLayout};

const RAISE: u32 = 0;
/// Answers with the count.
const COUNT: u32 = 1;
/// Waits until the count is above `with[0]`, and answers with it.
const WAIT: u32 = 2;

/// The segment.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 64)]
pub struct Alarm {
    signal: Signal,
    /// By seat, for the referee: the count that is waited for.
    awaited: Array<u64, 8>,
}

/// The count, and whether a raise of one who died is announced.
pub type State = (u64, bool);

/// A count of raises.
#[derive(Debug)]
pub struct Raised;

impl Spec for Raised {
    type State = State;

    fn start(&self) -> State {
        (0, false)
    }

    fn step(&self, &(count, announced): &State, call: &Call, next: &mut Vec<State>) {
        let whole = count + u64::from(announced);
        match call.what {
            RAISE => {
                next.push((whole + 1, false));
                if call.got.is_none() {
                    next.extend([(whole, false), (whole, true)]);
                }
            }
            COUNT if call.got.is_none_or(|got| got[0] == count) => next.push((count, announced)),
            WAIT => {
                let above = |count: &u64| *count > call.with[0];
                match call.got {
                    None => next.extend([(count, announced), (whole, false)]),
                    Some([got, _]) if got == count && above(&got) => next.push((count, announced)),
                    Some([got, _]) if got == whole && above(&got) => next.push((whole, false)),
                    Some(_) => {}
                }
            }
            DIED | SETTLED => next.push((count, announced)),
            _ => {}
        }
    }

    fn name(&self, what: u32) -> &'static str {
        let names = ["raise", "count", "wait"];
        names.get(what as usize).unwrap_or(&"(referee)")
    }
}

fn raise(alarm: &Alarm, actor: &mut Actor) {
    let raise = || alarm.signal.raise();
    actor.call((0, RAISE), [0; 2], raise, |()| [0; 2]);
}

fn count(alarm: &Alarm, actor: &mut Actor) -> u64 {
    let count = || alarm.signal.count();
    actor.call((0, COUNT), [0; 2], count, |&count| [count, 0])
}

fn wait(alarm: &Alarm, since: u64, actor: &mut Actor) {
    let wait = || alarm.signal.wait(since, LONG).expect("slept through");
    actor.call((0, WAIT), [since, 0], wait, |&count| [count, 0]);
}

impl Field for Raised {
    type Schema = Alarm;
    const NAME: &'static str = "signal";
    const HELPS: bool = true;

    fn act(&self, alarm: &Alarm, actor: &mut Actor) {
        actor.dither();
        if actor.seat.is_multiple_of(2) {
            let what = weighted(&mut actor.random, &[(4, RAISE), (1, COUNT)]);
            if what == RAISE {
                raise(alarm, actor);
            } else {
                count(alarm, actor);
            }
        } else {
            let since = count(alarm, actor);
            actor.dither();
            alarm.awaited.set(actor.seat as usize, since + 1);
            wait(alarm, since, actor);
        }
    }

    /// Raises for those who wait, once all do, and nobody else can.
    fn help(&self, alarm: &Segment<Alarm>, referee: &mut Actor, alive: &[u32]) {
        let next = alarm.signal.count() + 1;
        let waits = |&seat: &u32| seat % 2 == 1 && alarm.awaited.get(seat as usize) == next;
        if alive.iter().all(waits) && !referee.is_full() {
            raise(alarm, referee);
        }
    }

    fn drain(&self, alarm: &Segment<Alarm>, referee: &mut Actor) {
        let since = count(alarm, referee);
        raise(alarm, referee);
        wait(alarm, since, referee);
        count(alarm, referee);
    }

    fn restore(&self, alarm: &Segment<Alarm>) {
        zero(alarm, "signal");
        zero(alarm, "awaited");
    }

    fn examine(&self, alarm: &Segment<Alarm>) {
        assert_lanes_are_back(alarm);
    }
}
