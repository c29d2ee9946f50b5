//! Histories in memory that outlives the processes which write them.
//!
//! A record is written in this order: the operation, the time of its begin, the answer, the time of its end.
//! So a process may be killed anywhere: a record without a begin did not happen, one without an end is pending.
//! Times are tickets of one shared counter. Taking a ticket is a full barrier, so a call that ended before
//! another began came before it for every processor.

use super::common::Random;
use super::spec::Call;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicU32, AtomicU64};

/// Words of a record: operation, two arguments, two answers, begin, end.
const WORDS: usize = 8;
/// Records that one process has room for.
pub const RECORDS: usize = 160;
/// Processes of one history; the last one is the referee.
pub const PROCESSES: usize = 48;
/// The referee's number.
pub const REFEREE: u32 = PROCESSES as u32 - 1;
/// Records that the referee has room for.
const REFEREE_RECORDS: usize = 8 * RECORDS;
/// Words before the records, two lines apart.
const HEAD: usize = 32;
/// Words behind them: the gate has the last.
const TAIL: usize = 16;

/// Records that a process has room for.
const fn room(who: u32) -> usize {
    if who == REFEREE {
        REFEREE_RECORDS
    } else {
        RECORDS
    }
}

/// The log of one round, shared by the referee and the processes that it forks.
#[derive(Clone, Copy, Debug)]
pub struct Log {
    words: &'static [AtomicU64],
    gate: &'static [AtomicU32],
}

impl Log {
    /// A log of zeros. It is never unmapped: there is one per war.
    pub fn new() -> Self {
        let len = HEAD + (PROCESSES * RECORDS + REFEREE_RECORDS) * WORDS + TAIL;
        let (protection, flags) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_ANONYMOUS,
        );
        // SAFETY: without MAP_FIXED the kernel picks addresses that nothing else uses.
        let start = unsafe { libc::mmap(core::ptr::null_mut(), 8 * len, protection, flags, -1, 0) };
        assert_ne!(start, libc::MAP_FAILED);
        // SAFETY: `len` words, page-aligned, zeroed, never unmapped, touched through atomics only.
        let words = unsafe { core::slice::from_raw_parts(start.cast::<AtomicU64>(), len) };
        let last = start.wrapping_byte_add(8 * (len - 1)).cast::<AtomicU32>();
        // SAFETY: in bounds: the last of `len` words, of which no record and no note is part.
        let gate = unsafe { core::slice::from_raw_parts(last, 1) };
        Self { words, gate }
    }

    /// Takes the next ticket.
    pub fn tick(&self) -> u64 {
        1 + self.words[0].fetch_add(1, SeqCst)
    }

    /// The gate that the processes of a round wait at.
    pub fn gate(&self) -> &'static AtomicU32 {
        &self.gate[0]
    }

    /// What the referee and its parent tell each other.
    pub fn note(&self, place: usize) -> &'static AtomicU64 {
        &self.words[16 + place]
    }

    /// Forgets the records of the first `processes` processes and of the referee.
    pub fn clear(&self, processes: u32) {
        for who in (0..processes).chain([REFEREE]) {
            for record in 0..room(who) {
                let record = self.record(who, record);
                if record[5].load(Relaxed) == 0 {
                    break;
                }
                record.iter().for_each(|word| word.store(0, Relaxed));
            }
        }
        self.words[0].store(0, Relaxed);
        self.gate().store(0, Release);
    }

    fn record(&self, who: u32, index: usize) -> &'static [AtomicU64] {
        let start = HEAD + (who as usize * RECORDS + index) * WORDS;
        &self.words[start..start + WORDS]
    }

    /// Adds the calls of process `who` to a history; it died at `death`, if it did.
    pub fn collect(&self, who: u32, death: Option<u64>, calls: &mut Vec<Call>) {
        for index in 0..room(who) {
            let record = self.record(who, index);
            let word = |place: usize| record[place].load(Acquire);
            let (began, ended) = (word(5), word(6));
            if began == 0 {
                return;
            }
            let got = (ended != 0).then(|| [word(3), word(4)]);
            let died = || death.expect("who lives ends its calls");
            calls.push(Call {
                who,
                object: (word(0) >> 32) as u32,
                what: word(0) as u32,
                with: [word(1), word(2)],
                got,
                began,
                ended: if ended != 0 { ended } else { died() },
            });
        }
    }
}

/// A process that writes its calls down.
#[derive(Debug)]
pub struct Actor {
    log: Log,
    /// Which process of the round.
    pub who: u32,
    /// Which seat it has: successors have the seat of the dead.
    pub seat: u32,
    count: usize,
    /// Its own dice, so that what it tries follows from the seed.
    pub random: Random,
    values: u64,
    /// Whether it never gives its processor away between operations.
    pub is_calm: bool,
}

impl Actor {
    /// Process `who`, whose dice are seeded.
    pub fn new(log: Log, who: u32, seat: u32, seed: u64) -> Self {
        let mut random = Random::from_seed(seed);
        Self {
            log,
            who,
            seat,
            count: 0,
            is_calm: random.below(3) > 0,
            random,
            values: 0,
        }
    }

    /// Whether there is no room for another few calls.
    pub fn is_full(&self) -> bool {
        self.count + 8 > room(self.who)
    }

    /// Lets another process run now and then: so that more histories are unusual.
    pub fn dither(&mut self) {
        if !self.is_calm && self.random.below(4) == 0 {
            std::thread::yield_now();
        }
    }

    /// How many calls it has made.
    pub fn count(&self) -> usize {
        self.count
    }

    /// A value that nobody else of this round has.
    pub fn value(&mut self) -> u64 {
        self.values += 1;
        u64::from(self.who + 1) << 32 | self.values
    }

    /// Runs an operation and writes down what it was and what it gave.
    pub fn call<R>(
        &mut self,
        (object, what): (u32, u32),
        with: [u64; 2],
        run: impl FnOnce() -> R,
        got: impl FnOnce(&R) -> [u64; 2],
    ) -> R {
        let record = self.log.record(self.who, self.count);
        self.count += 1;
        record[0].store(u64::from(object) << 32 | u64::from(what), Relaxed);
        record[1].store(with[0], Relaxed);
        record[2].store(with[1], Relaxed);
        record[5].store(self.log.tick(), Release); // it has begun
        let result = run();
        let got = got(&result);
        record[3].store(got[0], Relaxed);
        record[4].store(got[1], Relaxed);
        record[6].store(self.log.tick(), Release); // it is over
        result
    }
}
