//! `Barrier`: nobody is through before enough are there, and of each round one leads.
//!
//! Waiting is two calls of the history: the arrival, written down before it happens, and the leaving. A leaving must
//! find a round of its own: parties that were there at the same time, the dead only until they were known to be dead.
//! At the barrier for two everybody waits as long as it takes, at the one for three for a moment.

use super::super::battle::Field;
use super::super::history::Actor;
use super::super::spec::{Call, DIED, SETTLED, Spec};
use super::mutex::LONG;
use crate::assert_lanes_are_back;
use shm_runtime::sync::Barrier;
use shm_runtime::{Segment, ShmLayout};
use std::time::Duration;

/// At the barrier for `with[0]` parties.
const ARRIVE: u32 = 0;
/// Answers [`THROUGH`], [`LEADS`] or [`LATE`].
const LEAVE: u32 = 1;

const THROUGH: u64 = 1;
const LEADS: u64 = 2;
/// The time was up.
const LATE: u64 = 3;

/// The segment.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 64)]
pub struct Solver {
    two: Barrier<2>,
    three: Barrier<3>,
}

/// Parties that went on together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Round {
    /// Those who have not left.
    members: Vec<u32>,
    led: bool,
    /// Whether one died, who may have been the leader.
    mourns: bool,
}

/// Who is there, in order, and the rounds that some have not left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct State {
    parties: usize,
    there: Vec<u32>,
    rounds: Vec<Round>,
}

impl State {
    /// Each round that `who` may be part of: the one it is in, or any that those who are there can make.
    fn opened(&self, who: u32) -> Vec<Self> {
        if !self.there.contains(&who) {
            return vec![self.clone()];
        }
        let others: Vec<_> = self
            .there
            .iter()
            .copied()
            .filter(|&other| other != who)
            .collect();
        let chosen = |choice: &u32| choice.count_ones() as usize + 1 == self.parties;
        let choices = (0..1_u32 << others.len()).filter(chosen);
        let open = |choice: u32| {
            let with = (0..others.len()).filter(|at| choice >> at & 1 == 1);
            let mut members: Vec<_> = with.map(|at| others[at]).chain([who]).collect();
            members.sort_unstable();
            let mut after = self.clone();
            after.there.retain(|other| !members.contains(other));
            after.rounds.push(Round {
                members,
                led: false,
                mourns: false,
            });
            after
        };
        choices.map(open).collect()
    }

    /// `who` goes out of its round; `None` where it has none, or where that leaves a round without a leader.
    fn left(mut self, who: u32, leads: bool, dies: bool) -> Option<Self> {
        let at = |round: &Round| round.members.contains(&who);
        let index = self.rounds.iter().position(at)?;
        let round = &mut self.rounds[index];
        round.members.retain(|&member| member != who);
        if leads && round.led {
            return None;
        }
        round.led |= leads;
        round.mourns |= dies;
        if round.members.is_empty() {
            let round = self.rounds.remove(index);
            if !round.led && !round.mourns {
                return None;
            }
        }
        self.rounds.sort_unstable();
        Some(self)
    }
}

/// Two barriers.
#[derive(Debug)]
pub struct Gates;

impl Spec for Gates {
    type State = State;

    fn start(&self) -> State {
        State::default()
    }

    fn step(&self, state: &State, call: &Call, next: &mut Vec<State>) {
        let answer = call.got.map(|got| got[0]);
        match call.what {
            ARRIVE => {
                let mut after = state.clone();
                after.parties = call.with[0] as usize;
                after.there.push(call.who);
                after.there.sort_unstable();
                next.push(after);
            }
            LEAVE => match answer {
                Some(LATE) if state.there.contains(&call.who) => {
                    let mut after = state.clone();
                    after.there.retain(|&who| who != call.who);
                    next.push(after);
                }
                Some(answer @ (THROUGH | LEADS)) => {
                    let rounds = state.opened(call.who).into_iter();
                    next.extend(
                        rounds.filter_map(|state| state.left(call.who, answer == LEADS, false)),
                    );
                }
                Some(_) => {}
                None => next.push(state.clone()), // its death says the rest
            },
            DIED => {
                let who = call.with[0] as u32;
                let rounds = state.opened(who).into_iter();
                next.extend(rounds.filter_map(|state| state.left(who, false, true)));
                let mut after = state.clone();
                after.there.retain(|&there| there != who);
                if !after
                    .rounds
                    .iter()
                    .any(|round| round.members.contains(&who))
                {
                    next.push(after);
                }
            }
            SETTLED => next.push(state.clone()),
            _ => {}
        }
    }

    fn name(&self, what: u32) -> &'static str {
        let names = ["arrive", "leave"];
        names.get(what as usize).unwrap_or(&"(referee)")
    }
}

/// Waits at one of the barriers.
fn wait<const PARTIES: usize>(barrier: &Barrier<PARTIES>, timeout: Duration, actor: &mut Actor) {
    let object = PARTIES as u32 - 2;
    actor.call((object, ARRIVE), [PARTIES as u64, 0], || (), |()| [0; 2]);
    let wait = || barrier.wait(timeout);
    let result = actor.call((object, LEAVE), [0; 2], wait, |result| {
        let leads = result.map(|result| result.is_leader());
        [
            leads.map_or(LATE, |leads| if leads { LEADS } else { THROUGH }),
            0,
        ]
    });
    assert!(result.is_ok() || timeout < LONG, "slept through");
}

impl Field for Gates {
    type Schema = Solver;
    const NAME: &'static str = "barrier";
    const HELPS: bool = true;
    const BLOCKS: bool = true;

    fn objects(&self) -> u32 {
        2
    }

    fn act(&self, solver: &Solver, actor: &mut Actor) {
        actor.dither();
        if actor.random.below(2) == 0 {
            wait(&solver.two, LONG, actor);
        } else {
            let moment = Duration::from_micros(actor.random.below(2_000));
            wait(&solver.three, moment, actor);
        }
    }

    /// Keeps company with one who is alone.
    fn help(&self, solver: &Segment<Solver>, referee: &mut Actor, alive: &[u32]) {
        if alive.len() == 1 && !referee.is_full() {
            wait(&solver.two, Duration::from_millis(1), referee);
        }
    }

    fn drain(&self, solver: &Segment<Solver>, referee: &mut Actor) {
        wait(&solver.two, Duration::ZERO, referee);
        wait(&solver.three, Duration::ZERO, referee);
    }

    fn examine(&self, solver: &Segment<Solver>) {
        assert_lanes_are_back(solver);
    }
}
