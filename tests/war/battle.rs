//! The war: processes on one segment that are killed, stopped and replaced while they operate.
//!
//! A round is one history. Eight processes are forked and let loose at once; most are killed by a timer of
//! their own, which fires at an instruction that nobody chose, and succeeded by another; some are stopped while
//! the others go on; a signal makes them give their processor away in the middle of operations. When all have ended or
//! died, the referee recovers what they left, empties the structure, and checks the history.
//!
//! What is tried follows from the seed, and so does when a process is killed after it began; how the
//! processes interleave is the machine's.

use super::common::Random;
use super::history::{Actor, Log, REFEREE};
use super::spec::{Call, DIED, SETTLED, Spec};
use super::system::{self, Ended};
use super::wgl::{self, Verdict};
use shm_runtime::{Segment, ShmLayout};
use std::sync::atomic::Ordering::Relaxed;

/// Processes at a time.
const SEATS: u32 = 8;
/// Processes of one round, successors included.
const FORKS: u32 = 20;
/// Rounds after which the structure is examined for what it may have leaked.
const EXAMINED: u64 = 16;
/// Visits after which a history is given up as undecided.
const VISITS: u64 = 2_000_000;

/// A structure at war.
pub trait Field: Spec {
    /// Its segment.
    type Schema: ShmLayout;
    /// For messages and names.
    const NAME: &'static str;
    /// Whether processes may wait for what only the referee can give in the end.
    const HELPS: bool = false;

    /// Whether one who is stopped may hold up all others, so that nothing happens until it goes on.
    const BLOCKS: bool = false;

    /// How many objects the segment has.
    fn objects(&self) -> u32 {
        1
    }

    /// One operation, or a few, of the process `actor`.
    fn act(&self, schema: &Self::Schema, actor: &mut Actor);

    /// Helps those in the seats `alive`, which may all wait for something.
    fn help(&self, _: &Segment<Self::Schema>, _: &mut Actor, _alive: &[u32]) {}

    /// Empties the structure, or reads what is in it, on record.
    fn drain(&self, segment: &Segment<Self::Schema>, referee: &mut Actor);

    /// Brings the structure back to its first state, if [`drain`](Self::drain) did not.
    fn restore(&self, _: &Segment<Self::Schema>) {}

    /// Makes sure that nothing leaked.
    fn examine(&self, _: &Segment<Self::Schema>) {}
}

/// What a war was like.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Tally {
    pub kills: u64,
    pub stops: u64,
    pub forks: u64,
    pub histories: u64,
    pub calls: u64,
    /// Calls whose process died in them.
    pub pending: u64,
    pub visited: u64,
    pub undecided: u64,
}

impl Tally {
    fn words(&mut self) -> [&mut u64; 8] {
        [
            &mut self.kills,
            &mut self.stops,
            &mut self.forks,
            &mut self.histories,
            &mut self.calls,
            &mut self.pending,
            &mut self.visited,
            &mut self.undecided,
        ]
    }

    fn save(mut self, log: Log) {
        for (place, word) in self.words().into_iter().enumerate() {
            log.note(place).store(*word, Relaxed);
        }
    }

    /// What the war's process left in its log.
    pub fn load(log: Log) -> Self {
        let mut tally = Self::default();
        for (place, word) in tally.words().into_iter().enumerate() {
            *word = log.note(place).load(Relaxed);
        }
        tally
    }
}

/// A process of the round that has not ended.
struct Fighter {
    pid: i32,
    who: u32,
    seat: u32,
    stopped: bool,
}

struct Round<'a, F: Field> {
    field: &'a F,
    segment: &'a Segment<F::Schema>,
    name: &'a str,
    log: Log,
    seed: u64,
    random: Random,
    next: u32,
    alive: Vec<Fighter>,
    deaths: Vec<(u32, u64)>,
    tally: &'a mut Tally,
}

impl<F: Field> Round<'_, F> {
    fn spawn(&mut self, seat: u32) {
        let who = self.next;
        self.next += 1;
        self.tally.forks += 1;
        let seed = self.random.below(u64::MAX);
        let pid = system::fork(|| self.live(who, seat, seed));
        self.alive.push(Fighter {
            pid,
            who,
            seat,
            stopped: false,
        });
    }

    /// The life of a process, up to its end or its violent death.
    fn live(&self, who: u32, seat: u32, seed: u64) {
        let mut actor = Actor::new(self.log, who, seat, seed);
        let random = &mut actor.random;
        let doomed = random.below(4) > 0;
        let pace = [3, 8, 20, 60][random.below(4) as usize];
        let delay = 1 + random.below(1000 * pace);
        let early = random.below(8) == 0;
        let by_name = random.below(8) == 0;
        let calls = 4 + random.below(16) as usize;
        if !early {
            system::wait_at(self.log.gate());
        }
        if doomed && early {
            system::in_nanoseconds(delay, libc::SIGKILL);
        }
        let opened = by_name.then(|| F::Schema::open(self.name).expect("it is there"));
        let segment = opened.as_ref().unwrap_or(self.segment);
        Segment::reattach(segment).expect("a slot and a lane");
        system::wait_at(self.log.gate());
        if doomed && !early {
            system::in_nanoseconds(delay, libc::SIGKILL);
        }
        if actor.random.below(8) == 0 {
            system::in_nanoseconds(1 + actor.random.below(20_000), libc::SIGSTOP);
        }
        if actor.random.below(2) == 0 {
            system::yield_every(30 + actor.random.below(150));
        }
        while !actor.is_full() && (doomed || actor.count() < calls) {
            self.field.act(segment, &mut actor);
        }
        if doomed {
            system::await_death(); // its timer is running
        }
    }

    fn fight(&mut self) {
        (0..SEATS).for_each(|seat| self.spawn(seat));
        system::open(self.log.gate());
        let mut referee = Actor::new(self.log, REFEREE, 0, self.seed);
        while !self.alive.is_empty() {
            let Some((pid, ended)) = system::wait(!F::HELPS && !F::BLOCKS) else {
                if F::BLOCKS && self.random.below(64) == 0 {
                    self.release();
                }
                let awake = self.alive.iter().filter(|fighter| !fighter.stopped);
                let seats: Vec<_> = awake.map(|fighter| fighter.seat).collect();
                if !seats.is_empty() {
                    self.field.help(self.segment, &mut referee, &seats);
                }
                system::rest();
                continue;
            };
            let at = self.alive.iter().position(|fighter| fighter.pid == pid);
            self.mourn(at.expect("a process of this round"), ended);
            self.release();
        }
        while Segment::recover(self.segment).later > 0 {
            std::thread::yield_now(); // nobody is stopped any more: the alarm ends the war if this does not end
        }
        let settled = self.log.tick();
        self.field.drain(self.segment, &mut referee);
        self.judge(settled);
    }

    fn mourn(&mut self, at: usize, ended: Ended) {
        let fighter = &mut self.alive[at];
        match ended {
            Ended::Stopped => {
                fighter.stopped = true;
                self.tally.stops += 1;
            }
            Ended::Well => _ = self.alive.swap_remove(at),
            Ended::Killed => {
                let Fighter { who, seat, .. } = self.alive.swap_remove(at);
                self.deaths.push((who, self.log.tick()));
                self.tally.kills += 1;
                if self.next < FORKS {
                    self.spawn(seat);
                }
            }
            Ended::Badly(status) => panic!("seed {}: a process ended with {status:#x}", self.seed),
        }
    }

    /// Lets stopped processes go on, or kills them: now and then, and when nobody else is left.
    fn release(&mut self) {
        let all = self.alive.iter().all(|fighter| fighter.stopped);
        for fighter in self.alive.iter_mut().filter(|fighter| fighter.stopped) {
            match self.random.below(8) {
                0 => system::signal(fighter.pid, libc::SIGKILL),
                1 => {}
                _ if !all => continue,
                _ => {}
            }
            system::signal(fighter.pid, libc::SIGCONT);
            fighter.stopped = false;
        }
    }

    fn judge(&mut self, settled: u64) {
        let mut calls = Vec::new();
        for who in (0..self.next).chain([REFEREE]) {
            let death = self.deaths.iter().find(|(dead, _)| *dead == who);
            self.log
                .collect(who, death.map(|(_, time)| *time), &mut calls);
        }
        self.tally.calls += calls.len() as u64;
        self.tally.pending += calls.iter().filter(|call| call.got.is_none()).count() as u64;
        for object in 0..self.field.objects() {
            let referee = |what, with, time| Call {
                who: REFEREE,
                object,
                what,
                with: [with, 0],
                got: Some([0; 2]),
                began: time,
                ended: time,
            };
            let deaths = self
                .deaths
                .iter()
                .map(|&(who, time)| referee(DIED, u64::from(who), time));
            let own = calls.iter().copied().filter(|call| call.object == object);
            let history: Vec<_> = own
                .chain(deaths)
                .chain([referee(SETTLED, 0, settled)])
                .collect();
            let (verdict, cost) = wgl::check(self.field, &history, VISITS);
            self.tally.histories += 1;
            self.tally.visited += cost.visited;
            match verdict {
                Verdict::Linearizable => {}
                Verdict::Undecided => self.tally.undecided += 1,
                Verdict::Refused(why) => panic!("{}, seed {}: {why}", F::NAME, self.seed),
            }
        }
    }
}

/// Fights on a segment called `name` until so many were killed; the tally is in the log, whatever happens.
pub fn wage<F: Field>(field: &F, name: &str, log: Log, seed: u64, kills: u64) {
    system::prepare();
    let segment = F::Schema::create(name).expect("the name is new");
    let mut tally = Tally::default();
    let mut dice = Random::from_seed(seed);
    let mut rounds = 0;
    while tally.kills < kills {
        system::alarm(120);
        let seed = dice.below(u64::MAX);
        log.clear(FORKS);
        let mut round = Round {
            field,
            segment: &segment,
            name,
            log,
            seed,
            random: Random::from_seed(seed),
            next: 0,
            alive: Vec::new(),
            deaths: Vec::new(),
            tally: &mut tally,
        };
        round.fight();
        tally.save(log);
        field.restore(&segment);
        rounds += 1;
        if rounds % EXAMINED == 0 {
            field.examine(&segment);
        }
    }
    field.examine(&segment);
}
