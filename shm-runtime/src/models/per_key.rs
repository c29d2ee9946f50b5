//! Histories of one key, and whether a sequential map could have given them.
//!
//! The search is Wing and Gong's with Lowe's memory, as in `tests/war/`. An operation whose process died took effect at
//! some time or never; its end is open, because an entry that a dead process was inserting may be decided by
//! somebody else until it is recovered.

use std::collections::HashSet;

/// An operation on a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Get,
    Insert(u64),
    Add(u64),
    Update(u64),
    Exchange(u64, u64),
    Remove,
}

/// What one gave: the value that the key had; for an exchange, whether it took place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Got {
    Value(Option<u64>),
    Exchanged(Option<bool>),
    Full,
}

/// An operation in a history.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    pub began: u64,
    /// `None`: the process died, or is stopped.
    pub ended: Option<(u64, Got)>,
    pub key: u64,
    pub op: Op,
}

/// What an operation does to a key with the value `now`, and what it gives.
fn step(now: Option<u64>, op: Op) -> (Option<u64>, Got) {
    match op {
        Op::Get => (now, Got::Value(now)),
        Op::Insert(value) => (Some(value), Got::Value(now)),
        Op::Add(value) => (now.or(Some(value)), Got::Value(now)),
        Op::Update(value) => (now.map(|_| value), Got::Value(now)),
        Op::Exchange(old, new) => {
            let after = now.map(|now| if now == old { new } else { now });
            (after, Got::Exchanged(now.map(|now| now == old)))
        }
        Op::Remove => (None, Got::Value(now)),
    }
}

/// Whether there is an order of these calls, all on one key. "Full" is checked elsewhere.
pub fn is_linearizable(calls: &[Call]) -> bool {
    let full = |call: &&Call| !matches!(call.ended, Some((_, Got::Full)));
    let calls: Vec<_> = calls.iter().filter(full).copied().collect();
    assert!(calls.len() < 64, "a history of {} calls", calls.len());
    let must = |(i, call): (usize, &Call)| u64::from(call.ended.is_some()) << i;
    let needed = calls.iter().enumerate().map(must).sum();
    go(&calls, needed, 0, None, &mut HashSet::new())
}

type Seen = HashSet<(u64, Option<u64>)>;

fn go(calls: &[Call], needed: u64, done: u64, now: Option<u64>, seen: &mut Seen) -> bool {
    if done & needed == needed {
        return true;
    }
    if !seen.insert((done, now)) {
        return false;
    }
    let open = |i: &usize| done >> i & 1 == 0;
    let end = |i: usize| calls[i].ended.map_or(u64::MAX, |(end, _)| end);
    let first = (0..calls.len()).filter(open).map(end).min();
    let first = first.unwrap_or(u64::MAX);
    (0..calls.len()).filter(open).any(|i| {
        let (after, got) = step(now, calls[i].op);
        calls[i].began <= first
            && calls[i].ended.is_none_or(|(_, told)| told == got)
            && go(calls, needed, done | 1 << i, after, seen)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(began: u64, ended: u64, op: Op, value: Option<u64>) -> Call {
        Call {
            began,
            ended: Some((ended, Got::Value(value))),
            key: 1,
            op,
        }
    }

    #[test]
    fn a_stale_read_is_refused_and_a_dead_insertion_may_come_late() {
        let written = call(1, 2, Op::Insert(7), None);
        assert!(is_linearizable(&[written, call(3, 4, Op::Get, Some(7))]));
        assert!(!is_linearizable(&[written, call(3, 4, Op::Get, None)]));
        assert!(is_linearizable(&[written, call(1, 4, Op::Get, None)]));
        let dead = Call {
            ended: None,
            ..written
        };
        let reads = [call(3, 4, Op::Get, None), call(5, 6, Op::Get, Some(7))];
        assert!(is_linearizable(&[dead, reads[0], reads[1]]));
        let gone = call(7, 8, Op::Get, None);
        assert!(!is_linearizable(&[dead, reads[0], reads[1], gone]));
    }
}
