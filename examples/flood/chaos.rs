//! `--chaos`: kills a role every second, as hard as it goes, and calls clouds and sends them away.
//!
//! The victim and the moment within the second are random, so that over time every role dies at
//! every place of its work: inside an operation, between commit and send, while it starts again.

use std::process::Child;
use std::time::{Duration, Instant, SystemTime};

use schemas::flood::{COLUMNS, Cloud, Flood, ROWS};

use crate::flood::Failure;
use crate::flood::cli::Role;
use crate::flood::orders::Order;

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
    pub(crate) fn strike(
        &mut self,
        crew: &mut [(Role, Child)],
        flood: &Flood,
    ) -> Result<(), Failure> {
        let now = Instant::now();
        if now < self.next || now > self.end || crew.is_empty() {
            return Ok(());
        }
        let victim = self.below(crew.len() as u64) as usize;
        let (role, child) = &mut crew[victim];
        child.kill()?;
        self.kills[*role as usize] += 1;
        // People may be quicker, and there is nothing left to undo.
        let _ = self.order(flood).give(flood);
        self.second += SECOND;
        self.choose_moment();
        Ok(())
    }

    /// What somebody wants.
    fn order(&mut self, flood: &Flood) -> Order {
        if self.below(2) == 0 && !flood.clouds.is_empty() {
            return Order::Undo;
        }
        Order::Cloud(Cloud {
            row: self.below(ROWS as u64) as u32,
            column: self.below(COLUMNS as u64) as u32,
            ..Cloud::USUAL
        })
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
