//! How long an operation that meets the end of a structure, or somebody else, does well to pause.
//!
//! Who looks at a word that somebody is about to change takes its line away from him, so two who follow on each
//! other's heels send it to and fro for every single element. A pause at the end lets the other get ahead,
//! and the next elements are had without a meeting. It pays only where they come fast. So a pause in which as
//! many came as the processor paused is followed by a longer one, one that brought few by a shorter, and
//! the shortest by none; once in a while the shortest is tried.
//!
//! Who loses against another pauses as well, once for each loss: else the two go on taking the line from each other, while
//! one alone does several operations with it in the time of a transfer.
//!
//! Nothing depends on it but speed: it may be any number, and a hostile one costs at most the longest pause.

/// Processor pauses for somebody who was faster: about three transfers of a line, in which one alone does ten operations.
/// Half as many gain half as much; many more are slow where others were faster just once.
const WAY: u64 = 32;
/// Processor pauses in the shortest pause.
const SHORTEST: u64 = 16;
/// Levels: none, then the shortest times 1, 2, 4, 8, 16.
const LEVELS: u64 = 5;
/// Meetings with the end without a pause, before one is tried again.
const PROBE: u64 = 64;

/// Lets others get ahead who were faster.
#[cold]
#[inline(never)]
pub fn give_way() {
    let mut left = if cfg!(any(test, loom)) { 0 } else { WAY };
    while left > 0 {
        core::hint::spin_loop();
        left -= 1;
    }
}

/// What one side learned at one end: `ticket << 16 | level << 8 | count`. Zero: nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace(u64);

impl Pace {
    /// As it was kept in a word.
    #[inline(always)]
    pub const fn from_word(word: u64) -> Self {
        Self(word)
    }

    /// To be kept in a word.
    #[inline(always)]
    pub const fn word(self) -> u64 {
        self.0
    }

    const fn level(self) -> u64 {
        let level = self.0 >> 8 & 0xFF;
        if level > LEVELS { 0 } else { level } // no program of ours writes a larger one
    }

    /// How many processor pauses to make now.
    pub const fn pauses(self) -> u64 {
        match self.level() {
            0 => 0,
            level => SHORTEST << (level - 1),
        }
    }

    /// Meets the end at `ticket`, and pauses there; whether it did.
    #[cold]
    #[inline(never)]
    pub fn pause(&mut self, ticket: u64) -> bool {
        *self = self.meets(ticket);
        (0..self.pauses()).for_each(|_| core::hint::spin_loop());
        self.pauses() > 0
    }

    /// What follows from meeting the end at `ticket`, which grows by one with every element.
    pub const fn meets(self, ticket: u64) -> Self {
        let ticket = ticket << 16 >> 16;
        let came = ticket.wrapping_sub(self.0 >> 16) << 16 >> 16;
        let (level, count, pauses) = (self.level(), self.0 & 0xFF, self.pauses());
        let (level, count) = if level == 0 && came == 0 {
            (0, count) // nobody is there: polling
        } else if level == 0 {
            ((count + 1) / PROBE, (count + 1) % PROBE)
        } else if came >= pauses && level < LEVELS {
            (level + 1, 0)
        } else if came < pauses / 4 {
            (level - 1, 0)
        } else {
            (level, 0)
        };
        Self(ticket << 16 | level << 8 | count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Meetings with the end where `each` elements come per processor pause and `between` besides.
    fn run(meetings: usize, each: f64, between: u64) -> Pace {
        let (mut pace, mut ticket) = (Pace::default(), 0);
        for _ in 0..meetings {
            ticket += (pace.pauses() as f64 * each) as u64 + between;
            pace = pace.meets(ticket);
        }
        pace
    }

    #[test]
    fn a_fast_stream_gets_the_longest_pause() {
        assert_eq!(run(64 + 5, 2.0, 1).pauses(), SHORTEST << (LEVELS - 1));
    }

    #[test]
    fn a_slow_one_gets_none_but_for_a_try_now_and_then() {
        let tries = (0..1000).filter(|&n| run(n, 0.01, 1).pauses() > 0).count();
        assert!((10..20).contains(&tries), "{tries}");
    }

    #[test]
    fn polling_gets_none() {
        assert_eq!(run(1000, 0.0, 0).pauses(), 0);
        let idle = (0..10).fold(run(100, 2.0, 1), |pace, _| pace.meets(pace.0 >> 16));
        assert_eq!(idle.pauses(), 0, "the stream has ended");
    }

    #[test]
    fn any_word_gives_a_bounded_pause() {
        for level in 0..=255 {
            let pace = Pace::from_word(level << 8 | 255);
            assert!(pace.pauses() <= SHORTEST << (LEVELS - 1));
            assert!(pace.meets(7).pauses() <= SHORTEST << (LEVELS - 1));
        }
    }
}
