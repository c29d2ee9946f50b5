//! The books of a war: every element counted, against what was acknowledged and against the queue's own numbers.
//!
//! What is pushed is a prefix of each batch, so a batch whose producer died adds as many elements as its push got to; what a
//! dead consumer had popped and not counted is gone, at most a batch each. How many these are is not guessed: the queue
//! counts what goes in and out, so the books must balance to the element.

use super::war::{BATCH, LIMIT, Plan, SIDES, War};
use core::fmt;
use shm_runtime::{Array, Segment, dynamic};
use std::ops::Range;

/// What is unknown because somebody was killed.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Per kill of a producer: its seat, and the batch that it was at.
    open: Vec<(usize, Range<u64>)>,
    consumers: u64,
}

/// What the consumers' rows say.
#[derive(Debug, Default)]
struct Count {
    seen: u64,
    /// Acknowledged and not seen, or pushed before something that was seen.
    missing: u64,
}

/// What happened.
#[derive(Debug, Clone, Copy)]
pub struct Tally {
    pub acknowledged: u64,
    /// Pushed by the dead, who were not told.
    pub unannounced: u64,
    pub seen: u64,
    /// Popped by the dead, who had not counted it.
    pub swallowed: u64,
    pub producers_killed: u64,
    pub consumers_killed: u64,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} pushes acknowledged, {} more by {} dead; {} elements seen once each, {} popped by {} dead",
            self.acknowledged,
            self.unannounced,
            self.producers_killed,
            self.seen,
            self.swallowed,
            self.consumers_killed
        )
    }
}

impl Ledger {
    /// Notes what cannot be known of a process that was killed, before its successor begins.
    pub fn bury(&mut self, war: &War, seat: usize) {
        if seat < SIDES {
            let batch = war.done.get(seat)..war.next.get(seat);
            war.done.set(seat, batch.end);
            self.open.push((seat, batch));
        } else {
            self.consumers += 1;
        }
    }

    /// Counts everything; all is popped, and nobody is at work.
    pub fn check(&self, war: &Segment<War>, plan: &Plan) -> Result<Tally, String> {
        let (torn, late) = (war.torn.load(), war.late.load());
        if (torn, late) != (0, 0) {
            return Err(format!("{torn} elements are torn, {late} out of order"));
        }
        let rows = &war.seen[..plan.consumers.len()];
        let ends: Vec<u64> = war.done.iter().collect();
        let count = self.walk(rows, &ends)?;
        self.balance(war, &ends, count)
    }

    /// Looks at every number.
    fn walk(&self, rows: &[Array<u8, LIMIT>], ends: &[u64]) -> Result<Count, String> {
        let end = ends.iter().max().map_or(0, |&end| end as usize * SIDES) + BATCH * SIDES;
        let mut found = Count::default();
        let (mut sum, mut part) = (vec![0_u8; 1 << 16], vec![0_u8; 1 << 16]);
        for from in (0..end).step_by(sum.len()) {
            sum.fill(0);
            for row in rows {
                row.read_into(from, &mut part);
                let both = sum.iter_mut().zip(&part);
                both.for_each(|(sum, part)| *sum = sum.saturating_add(*part));
            }
            for (number, &count) in (from..).zip(&sum) {
                let (seat, sequence) = (number % SIDES, (number / SIDES) as u64);
                let is_pushed = sequence < ends[seat];
                match count {
                    0 if is_pushed && !self.is_open(seat, sequence) => found.missing += 1,
                    0 => {}
                    1 if is_pushed => found.seen += 1,
                    1 => return Err(format!("{number} was seen and never pushed")),
                    _ => return Err(format!("{number} was seen {count} times")),
                }
            }
        }
        for (seat, batch) in &self.open {
            let is_seen = |i: u64| rows.iter().any(|row| row.get(place(i, *seat)) > 0);
            // what is pushed of a batch is a prefix of it
            if let Some(last) = batch.clone().rev().find(|&i| is_seen(i)) {
                let gaps = (batch.start..last).filter(|&i| !is_seen(i));
                found.missing += gaps.count() as u64;
            }
        }
        Ok(found)
    }

    fn is_open(&self, seat: usize, sequence: u64) -> bool {
        let mut open = self.open.iter();
        open.any(|(of, batch)| *of == seat && batch.contains(&sequence))
    }

    /// Compares with what the queue itself has counted.
    fn balance(&self, war: &Segment<War>, ends: &[u64], count: Count) -> Result<Tally, String> {
        let untyped = dynamic::Segment::open(Segment::name(war)).map_err(|why| why.to_string())?;
        let queue = untyped.queue("queue").map_err(|why| why.to_string())?;
        let (popped, pushed) = queue.positions();
        let open: u64 = self
            .open
            .iter()
            .map(|(_, batch)| batch.end - batch.start)
            .sum();
        let acknowledged = ends.iter().sum::<u64>() - open;
        let most = self.consumers * BATCH as u64;
        let Count { seen, missing } = count;
        // of what the dead consumers had popped, the numbers are known but for those that were not acknowledged
        let is_right = pushed == popped
            && (acknowledged..=acknowledged + open).contains(&pushed)
            && (seen + missing..=seen + most).contains(&popped);
        if !is_right {
            return Err(format!(
                "{pushed} were pushed, {acknowledged} of them acknowledged, {open} more may be; \
                 {popped} were popped, {seen} seen, {missing} are missing, {most} may be"
            ));
        }
        Ok(Tally {
            acknowledged,
            unannounced: pushed - acknowledged,
            seen,
            swallowed: popped - seen,
            producers_killed: self.open.len() as u64,
            consumers_killed: self.consumers,
        })
    }
}

fn place(sequence: u64, seat: usize) -> usize {
    sequence as usize * SIDES + seat
}
