//! The checker itself: what it must refuse, what it must accept, and a slower checker that it must agree with.

use super::common::Random;
use super::fields::atomic::Number;
use super::fields::queue::Fifo;
use super::fields::spsc::Pair;
use super::spec::{Call, DIED, SETTLED, Spec};
use super::wgl::{Verdict, check};

const VISITS: u64 = 1_000_000;

/// A call of process `who` from `began` to `ended`; an answer of `None` is one that nobody heard.
fn call(who: u32, (began, ended): (u64, u64), what: u32, with: u64, got: Option<u64>) -> Call {
    Call {
        who,
        object: 0,
        what,
        with: [with, 0],
        got: got.map(|got| [got, 0]),
        began,
        ended,
    }
}

fn died(who: u64, at: u64) -> Call {
    call(47, (at, at), DIED, who, Some(0))
}

fn settled(at: u64) -> Call {
    call(47, (at, at), SETTLED, 0, Some(0))
}

fn is_linearizable<P: Spec>(spec: &P, calls: &[Call]) -> bool {
    match check(spec, calls, VISITS).0 {
        Verdict::Linearizable => true,
        Verdict::Refused(_) => false,
        Verdict::Undecided => panic!("undecided"),
    }
}

const PUSH: u32 = 0;
const POP: u32 = 1;
const TAKE: u32 = 3;
const DONE: u32 = 4;
const BACK: u32 = 5;

#[track_caller]
fn accepted(calls: &[Call]) {
    let (verdict, _) = check(&Fifo, calls, VISITS);
    assert_eq!(verdict, Verdict::Linearizable);
}

#[track_caller]
fn refused(calls: &[Call]) {
    let (verdict, _) = check(&Fifo, calls, VISITS);
    assert!(matches!(verdict, Verdict::Refused(_)), "{verdict:?}");
}

#[test]
fn a_queue_that_reorders_loses_doubles_or_invents_is_refused() {
    let push = |at: u64, value| call(0, (at, at + 1), PUSH, value, Some(1));
    let pop = |at: u64, value| call(1, (at, at + 1), POP, 0, Some(value));
    accepted(&[push(1, 7), push(3, 8), pop(5, 7), pop(7, 8), pop(9, 0)]);
    refused(&[push(1, 7), push(3, 8), pop(5, 8), pop(7, 7)]);
    refused(&[push(1, 7), pop(3, 0)]);
    refused(&[push(1, 7), pop(3, 7), pop(5, 7)]);
    refused(&[pop(1, 9)]);
    refused(&[push(1, 7), pop(3, u64::MAX)]); // torn
    // "full" although there is room
    refused(&[call(0, (1, 2), PUSH, 7, Some(0))]);
    let four = [1, 2, 3, 4].map(|value| push(2 * value, value));
    let full = call(0, (20, 21), PUSH, 5, Some(0));
    accepted(&[&four[..], &[full]].concat());
    refused(&[&four[..], &[push(20, 5)]].concat());
}

#[test]
fn calls_that_overlap_may_go_in_either_order_and_no_others() {
    let first = call(0, (1, 10), PUSH, 7, Some(1));
    let second = call(1, (2, 11), PUSH, 8, Some(1));
    let pops = |a, b| {
        [
            call(2, (12, 13), POP, 0, Some(a)),
            call(2, (14, 15), POP, 0, Some(b)),
        ]
    };
    accepted(&[&[first, second][..], &pops(7, 8)].concat());
    accepted(&[&[first, second][..], &pops(8, 7)].concat());
    let later = call(1, (11, 12), PUSH, 8, Some(1));
    let pops = [
        call(2, (13, 14), POP, 0, Some(8)),
        call(2, (15, 16), POP, 0, Some(7)),
    ];
    refused(&[&[first, later][..], &pops].concat());
    // An empty answer needs a moment at which it was true.
    let empty = call(2, (3, 9), POP, 0, Some(0));
    accepted(&[first, empty]);
    refused(&[call(0, (1, 2), PUSH, 7, Some(1)), empty]);
}

#[test]
fn a_call_of_the_dead_takes_effect_once_or_never_and_not_after_its_death() {
    let push = call(0, (1, 10), PUSH, 7, None);
    let pop = |at: u64, value| call(1, (at, at + 1), POP, 0, Some(value));
    accepted(&[push, pop(2, 7)]);
    accepted(&[push, pop(11, 7)]);
    accepted(&[push, pop(11, 0)]);
    refused(&[push, pop(11, 7), pop(13, 7)]);
    refused(&[push, pop(11, 0), pop(13, 7)]);
    accepted(&[push, pop(2, 0), pop(4, 7)]);
    // A pop that died takes one element at most, and the oldest.
    let pushes = [7, 8, 9].map(|value| call(0, (value, value), PUSH, value, Some(1)));
    let dead = call(2, (20, 30), POP, 0, None);
    accepted(&[&pushes[..], &[dead, pop(31, 8), pop(33, 9)]].concat());
    accepted(&[&pushes[..], &[dead, pop(31, 7), pop(33, 8)]].concat());
    refused(&[&pushes[..], &[dead, pop(31, 9)]].concat());
    refused(&[&pushes[..], &[dead, pop(31, 7), pop(33, 9)]].concat());
}

#[test]
fn what_is_taken_comes_back_unless_it_is_acknowledged() {
    let push = call(0, (1, 2), PUSH, 7, Some(1));
    let take = call(1, (3, 4), TAKE, 0, Some(7));
    let pop = |at: u64, value| call(2, (at, at + 1), POP, 0, Some(value));
    accepted(&[push, take, call(1, (5, 6), DONE, 7, Some(0)), pop(7, 0)]);
    refused(&[push, take, call(1, (5, 6), DONE, 7, Some(0)), pop(7, 7)]);
    accepted(&[push, take, call(1, (5, 6), BACK, 7, Some(0)), pop(7, 7)]);
    refused(&[push, take, call(1, (5, 6), BACK, 7, Some(0)), pop(7, 0)]);
    refused(&[push, take, pop(7, 7)]);
    // The dead give back what they hold, by the time that all is settled.
    accepted(&[push, take, died(1, 8), pop(9, 7)]);
    accepted(&[push, take, died(1, 8), pop(9, 0), settled(11), pop(12, 7)]);
    refused(&[push, take, died(1, 8), settled(11), pop(12, 0)]);
    refused(&[push, take, died(1, 8), pop(9, 7), settled(11), pop(12, 7)]);
    // A taker that died in the act holds one element, or none; an acknowledgement counts or does not.
    let dead = call(1, (3, 8), TAKE, 0, None);
    accepted(&[push, dead, pop(4, 0), died(1, 8), settled(9), pop(10, 7)]);
    accepted(&[push, dead, pop(4, 7), died(1, 8), settled(9), pop(10, 0)]);
    refused(&[push, dead, died(1, 8), settled(9), pop(10, 0)]);
    let done = call(1, (5, 8), DONE, 7, None);
    accepted(&[push, take, done, died(1, 8), settled(9), pop(10, 7)]);
    accepted(&[push, take, done, died(1, 8), settled(9), pop(10, 0)]);
}

#[test]
fn a_number_that_forgets_a_store_is_refused() {
    let step = |at: u64, what, with, got| call(0, (at, at + 1), what, with, Some(got));
    let history = |last| [step(1, 1, 5, 0), step(3, 4, 2, 5), step(5, 0, 0, last)];
    assert!(is_linearizable(&Number, &history(7)));
    assert!(!is_linearizable(&Number, &history(5)));
    // Two increments that both saw the same number.
    let adds = [
        call(0, (1, 5), 4, 1, Some(0)),
        call(1, (2, 6), 4, 1, Some(0)),
    ];
    assert!(!is_linearizable(&Number, &adds));
}

#[test]
fn a_pair_that_pops_a_slice_with_a_hole_is_refused() {
    let push = Call {
        with: [10, 3],
        ..call(0, (1, 2), 2, 0, Some(3))
    };
    let pop = |got| Call {
        got: Some(got),
        ..call(1, (3, 4), 3, 0, None)
    };
    assert!(is_linearizable(&Pair, &[push, pop([10, 11])]));
    assert!(is_linearizable(&Pair, &[push, pop([10, 0])]));
    assert!(!is_linearizable(&Pair, &[push, pop([10, 12])]));
    assert!(!is_linearizable(&Pair, &[push, pop([0, 0])]));
}

/// Every order of the calls, tried one after the other.
fn slowly<P: Spec>(spec: &P, state: &P::State, left: &[Call]) -> bool {
    if left.is_empty() {
        return true;
    }
    let is_next = |&i: &usize| {
        let mut others = (0..left.len()).filter(|&other| other != i);
        others.all(|other| left[i].began < left[other].ended)
    };
    (0..left.len()).filter(is_next).any(|i| {
        let mut rest = left.to_vec();
        let call = rest.remove(i);
        let mut next = Vec::new();
        spec.step(state, &call, &mut next);
        if call.got.is_none() {
            next.push(state.clone());
        }
        next.iter().any(|state| slowly(spec, state, &rest))
    })
}

/// A random history of four processes, most of whose answers are possible.
fn random_history(random: &mut Random) -> Vec<Call> {
    let mut state = Fifo.start();
    let mut free = [2; 4];
    (0..7)
        .map(|value| {
            let who = random.below(4) as usize;
            let began = free[who] + 2 * random.below(3);
            let ended = (began + random.below(12)) | 1; // odd, and begins are even
            free[who] = ended + 1;
            let what = random.below(2) as u32;
            // the answers are those of some order, so that many are right and many are not
            let mut answers = Vec::new();
            for got in (0..10).map(|got| if what == PUSH { got % 2 } else { got }) {
                let call = call(who as u32, (began, ended), what, value + 1, Some(got));
                let mut next = Vec::new();
                Fifo.step(&state, &call, &mut next);
                answers.extend(next.into_iter().map(|next| (got, next)));
            }
            let (got, next) = answers.swap_remove(random.below(answers.len() as u64) as usize);
            state = next;
            let heard = random.below(6) > 0;
            call(
                who as u32,
                (began, ended),
                what,
                value + 1,
                heard.then_some(got),
            )
        })
        .collect()
}

#[test]
fn it_agrees_with_trying_every_order() {
    let mut random = Random::new("checker");
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..4_000 {
        let history = random_history(&mut random);
        let expected = slowly(&Fifo, &Fifo.start(), &history);
        assert_eq!(is_linearizable(&Fifo, &history), expected, "{history:#?}");
        *if expected {
            &mut accepted
        } else {
            &mut refused
        } += 1;
    }
    assert!(
        accepted > 400 && refused > 400,
        "{accepted} accepted, {refused} refused"
    );
}
