//! `Once`: run to the end by one, whoever dies in it.
//!
//! A run writes two words, one after the other, and makes sure that nobody else writes them: so two runs at a time
//! show, and so does one who is told that it is done when it is half done.

use super::super::battle::Field;
use super::super::history::Actor;
use super::super::spec::{Call, DIED, SETTLED, Spec};
use super::mutex::LONG;
use super::zero;
use crate::assert_lanes_are_back;
use shm_runtime::sync::Once;
use shm_runtime::{Array, Segment, ShmLayout};

/// Answers [`RAN`], [`TOLD`] or [`DONE`].
const CALL: u32 = 0;
/// Answers 1, or 0 for not yet.
const IS_COMPLETED: u32 = 1;

/// It ran, and was the first.
const RAN: u64 = 1;
/// It ran, and was told that another one was interrupted.
const TOLD: u64 = 2;
/// Another one had run.
const DONE: u64 = 3;

/// Histories are short, for everything is over with the first one who lives: so there are several.
const OBJECTS: usize = 4;

/// The segment.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 64)]
pub struct Setup {
    first: Once,
    second: Once,
    third: Once,
    fourth: Once,
    values: Array<u64, { 2 * OBJECTS }>,
}

impl Setup {
    fn once(&self, object: usize) -> &Once {
        [&self.first, &self.second, &self.third, &self.fourth][object]
    }
}

/// Whether it is done, and whether a run was interrupted before.
pub type State = (bool, bool);

/// What is to be done once.
#[derive(Debug)]
pub struct Initialized;

impl Spec for Initialized {
    type State = State;

    fn start(&self) -> State {
        (false, false)
    }

    fn step(&self, &(done, doubt): &State, call: &Call, next: &mut Vec<State>) {
        let answer = call.got.map(|got| got[0]);
        match call.what {
            CALL => match answer {
                None if done => next.push((true, doubt)),
                None => next.extend([(true, doubt), (false, true)]),
                Some(RAN) if !done && !doubt => next.push((true, false)),
                Some(TOLD) if !done && doubt => next.push((true, true)),
                Some(DONE) if done => next.push((true, doubt)),
                Some(_) => {}
            },
            IS_COMPLETED if answer.is_none_or(|answer| answer == u64::from(done)) => {
                next.push((done, doubt));
            }
            DIED | SETTLED => next.push((done, doubt)),
            _ => {}
        }
    }

    fn name(&self, what: u32) -> &'static str {
        let names = ["call_once", "is_completed"];
        names.get(what as usize).unwrap_or(&"(referee)")
    }
}

fn call(setup: &Setup, object: usize, actor: &mut Actor) {
    let value = actor.value();
    let hesitates = actor.random.below(2) == 0;
    let [one, two] = [2 * object, 2 * object + 1];
    let run = || {
        let mut answer = DONE;
        let run = |state: &shm_runtime::sync::OnceState| {
            setup.values.set(one, value);
            if hesitates {
                std::thread::yield_now();
            }
            setup.values.set(two, value);
            assert_eq!(setup.values.get(one), value, "two ran at a time");
            answer = if state.is_interrupted() { TOLD } else { RAN };
        };
        let once = setup.once(object);
        once.call_once_wait(LONG, run).expect("slept through");
        let (one, two) = (setup.values.get(one), setup.values.get(two));
        assert_eq!(one, two, "half done, and said to be done");
        answer
    };
    actor.call((object as u32, CALL), [0; 2], run, |&answer| [answer, 0]);
}

fn is_completed(setup: &Setup, object: usize, actor: &mut Actor) {
    let look = || setup.once(object).is_completed();
    actor.call((object as u32, IS_COMPLETED), [0; 2], look, |&done| {
        [u64::from(done), 0]
    });
}

impl Field for Initialized {
    type Schema = Setup;
    const NAME: &'static str = "once";
    const BLOCKS: bool = true;

    fn objects(&self) -> u32 {
        OBJECTS as u32
    }

    fn act(&self, setup: &Setup, actor: &mut Actor) {
        actor.dither();
        let object = actor.random.below(OBJECTS as u64) as usize;
        if actor.random.below(3) == 0 {
            is_completed(setup, object, actor);
        } else {
            call(setup, object, actor);
        }
    }

    fn drain(&self, setup: &Segment<Setup>, referee: &mut Actor) {
        for object in 0..OBJECTS {
            is_completed(setup, object, referee);
            call(setup, object, referee);
            is_completed(setup, object, referee);
        }
    }

    fn restore(&self, setup: &Segment<Setup>) {
        for name in ["first", "second", "third", "fourth", "values"] {
            zero(setup, name);
        }
    }

    fn examine(&self, setup: &Segment<Setup>) {
        assert_lanes_are_back(setup);
    }
}
