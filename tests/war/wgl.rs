//! Is there an order of a history's calls, each somewhere between its begin and its end, that a sequential
//! specification allows?
//!
//! The search is Wing and Gong's ("Testing and verifying concurrent objects", JPDC 1993) with the memory of
//! Lowe ("Testing for linearizability", CCPE 2017): a set of calls done and the state that they lead to are
//! tried once. Among the calls that may come next, the one that ended first is tried first; so that a search
//! goes straight on where nothing is unusual.
//!
//! A call whose process died took effect once, before the death was known, or never: this is strict
//! linearizability (Aguilera and Frølund, "Strict linearizability and the power of aborting", 2003).

use super::spec::{Call, Spec};
use core::hash::{BuildHasher, Hasher};
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, RandomState};

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is such an order.
    Linearizable,
    /// There is none: the calls around the point that no order gets beyond.
    Refused(String),
    /// There were too many orders to try.
    Undecided,
}

/// What a search cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Pairs of calls done and state that were visited.
    pub visited: u64,
}

/// Keys are hashes already.
#[derive(Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {}
    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64;
    }
}

/// One decision of the search.
struct Step<S> {
    state: S,
    /// Calls that may come next, the last to be tried first.
    candidates: Vec<usize>,
    /// States that the call under trial leads to.
    next: Vec<S>,
    /// The call under trial.
    call: usize,
    /// The first call that is not done.
    first: usize,
}

struct Search<'a, P: Spec> {
    spec: &'a P,
    calls: Vec<Call>,
    done: Vec<bool>,
    /// A random number per call: their sum over the calls done stands for the set.
    names: Vec<u128>,
    seen: HashSet<u128, BuildHasherDefault<Identity>>,
    keys: [RandomState; 2],
    limit: u64,
}

impl<P: Spec> Search<'_, P> {
    fn key(&self, set: u128, state: &P::State) -> u128 {
        let [high, low] = [0, 1].map(|half| self.keys[half].hash_one((half, state)));
        set ^ (u128::from(high) << 64 | u128::from(low))
    }

    /// The calls that may come next: begun before any that is not done has ended.
    fn candidates(&self, first: usize) -> Vec<usize> {
        let mut found: Vec<usize> = Vec::new();
        let mut end = u64::MAX;
        for index in (first..self.calls.len()).filter(|&index| !self.done[index]) {
            let call = &self.calls[index];
            if call.began >= end {
                break; // it comes behind that end, and so do all behind it
            }
            end = end.min(call.ended);
            found.push(index);
        }
        let calls = &self.calls;
        found.sort_by_key(|&index| {
            core::cmp::Reverse((calls[index].got.is_none(), calls[index].ended))
        });
        found
    }

    /// What `call` may lead to, the likeliest last.
    fn outcomes(&self, state: &P::State, call: &Call) -> Vec<P::State> {
        let mut next = Vec::new();
        self.spec.step(state, call, &mut next);
        if call.got.is_none() && !next.contains(state) {
            next.push(state.clone()); // it never took effect
        }
        next
    }

    fn run(mut self) -> (Verdict, Cost) {
        let mut cost = Cost::default();
        let mut set = 0;
        let mut deepest = (0, self.spec.start(), 0);
        let mut steps = vec![Step {
            state: self.spec.start(),
            candidates: self.candidates(0),
            next: Vec::new(),
            call: usize::MAX,
            first: 0,
        }];
        loop {
            let depth = steps.len();
            if depth > self.calls.len() {
                return (Verdict::Linearizable, cost);
            }
            let Some(step) = steps.last_mut() else {
                return (Verdict::Refused(self.around(&deepest)), cost);
            };
            let Some(state) = step.next.pop() else {
                if step.call != usize::MAX {
                    self.done[step.call] = false;
                    set ^= self.names[step.call];
                }
                let Some(call) = step.candidates.pop() else {
                    steps.pop();
                    continue;
                };
                step.call = call;
                self.done[call] = true;
                set ^= self.names[call];
                let (state, call) = (step.state.clone(), self.calls[call]);
                let next = self.outcomes(&state, &call);
                steps.last_mut().expect("it is there").next = next;
                continue;
            };
            let first = step.first;
            if !self.seen.insert(self.key(set, &state)) {
                continue;
            }
            cost.visited += 1;
            if cost.visited > self.limit {
                return (Verdict::Undecided, cost);
            }
            let first = (first..self.calls.len()).find(|&index| !self.done[index]);
            let first = first.unwrap_or(self.calls.len());
            if depth > deepest.0 {
                deepest = (depth, state.clone(), first);
            }
            let candidates = self.candidates(first);
            steps.push(Step {
                state,
                candidates,
                next: Vec::new(),
                call: usize::MAX,
                first,
            });
        }
    }

    /// The calls around the point that no order gets beyond.
    fn around(&self, (depth, state, first): &(usize, P::State, usize)) -> String {
        let from = self.calls.get(*first).map_or(0, |call| call.began);
        let near = |call: &&Call| call.ended + 40 > from && call.began < from + 40;
        let lines: Vec<_> = self
            .calls
            .iter()
            .filter(near)
            .map(|call| self.line(call))
            .collect();
        format!(
            "{depth} of {} calls go in some order, up to state {state:?}; around time {from}:\n{}",
            self.calls.len(),
            lines.join("\n")
        )
    }

    fn line(&self, call: &Call) -> String {
        let Call {
            who,
            object,
            what,
            with,
            got,
            began,
            ended,
        } = call;
        let name = self.spec.name(*what);
        let got = got.map_or("died".to_owned(), |got| format!("{got:x?}"));
        format!("{began:>7}..{ended:<7} process {who:<3} object {object} {name}{with:x?} -> {got}")
    }
}

/// Looks for an order of `calls`, in at most `limit` visits.
pub fn check<P: Spec>(spec: &P, calls: &[Call], limit: u64) -> (Verdict, Cost) {
    let mut calls = calls.to_vec();
    calls.sort_by_key(|call| call.began);
    let keys = [RandomState::new(), RandomState::new()];
    let name = |index: usize| {
        let [high, low] = [0_usize, 1].map(|half| keys[half].hash_one((index, half)));
        u128::from(high) << 64 | u128::from(low)
    };
    let search = Search {
        spec,
        done: vec![false; calls.len()],
        names: (0..calls.len()).map(name).collect(),
        calls,
        seen: HashSet::default(),
        keys,
        limit,
    };
    search.run()
}
