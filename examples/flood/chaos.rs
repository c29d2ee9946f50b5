//! `--chaos`: kills a role every second, as hard as it goes.
//!
//! The victim and the moment within the second are random, so that over time every role dies at
//! every place of its work: inside an operation, between commit and send, while it starts again.

use std::io;
use std::process::Child;
use std::time::{Duration, Instant, SystemTime};

use crate::flood::cli::Role;

const SECOND: Duration = Duration::from_secs(1);

/// Who kills, and how often it did.
#[derive(Debug)]
pub(crate) struct Chaos {
    /// State of a xorshift generator; never zero.
    random: u64,
    /// When the second began in which the next one dies.
    second: Instant,
    /// When in it.
    next: Instant,
    end: Instant,
    kills: [u32; Role::ALL.len()],
}

impl Chaos {
    /// Kills for `duration` from now on.
    pub(crate) fn new(duration: Duration) -> Self {
        let now = Instant::now();
        let clock = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let mut chaos = Self {
            random: clock.as_nanos() as u64 | 1,
            second: now,
            next: now,
            end: now + duration,
            kills: [0; Role::ALL.len()],
        };
        chaos.choose_moment();
        chaos
    }

    /// Kills one of the crew if its moment has come.
    pub(crate) fn strike(&mut self, crew: &mut [(Role, Child)]) -> io::Result<()> {
        let now = Instant::now();
        if now < self.next || now > self.end || crew.is_empty() {
            return Ok(());
        }
        let victim = self.below(crew.len() as u64) as usize;
        let (role, child) = &mut crew[victim];
        child.kill()?;
        self.kills[*role as usize] += 1;
        self.second += SECOND;
        self.choose_moment();
        Ok(())
    }

    fn choose_moment(&mut self) {
        self.next = self.second + Duration::from_millis(self.below(1000));
    }

    /// A random number below `limit`.
    fn below(&mut self, limit: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % limit
    }

    /// How often which role was killed.
    pub(crate) fn report(&self) -> String {
        let kills = Role::ALL.map(|role| format!("{} {}", role.name(), self.kills[role as usize]));
        let all: u32 = self.kills.iter().sum();
        format!("{all} kills: {}", kills.join(", "))
    }
}
