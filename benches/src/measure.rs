//! Cases: ours and the peers in turns, medians and ratios.
//!
//! A case has one row of ours and any number of peers. First each row is calibrated: the number of operations
//! that fill one round. Then all run in turns (A B C A B C …), so that a disturbance hits all alike; one
//! round before the first does not count. A ratio is the median, over the rounds, of the ratio within a
//! round; above 1 is better for ours.

use std::io::Write;
use std::time::{Duration, Instant};

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Rounds per row.
    pub rounds: usize,
    /// Of cases whose rounds cannot be short.
    pub slow_rounds: usize,
    /// What a round of one row is to take.
    pub round: Duration,
    /// Also what takes gigabytes.
    pub is_full: bool,
}

impl Scale {
    /// Less than five minutes.
    pub const QUICK: Self = Self {
        rounds: 11,
        slow_rounds: 5,
        round: Duration::from_millis(15),
        is_full: false,
    };
    /// Half an hour or so.
    pub const FULL: Self = Self {
        rounds: 21,
        slow_rounds: 11,
        round: Duration::from_millis(150),
        is_full: true,
    };
}

/// What a round found: one number for each of the case's statistics.
#[derive(Clone, Debug)]
pub struct Found(Vec<f64>);

impl From<f64> for Found {
    fn from(value: f64) -> Self {
        Self(vec![value])
    }
}

impl<const K: usize> From<[f64; K]> for Found {
    fn from(values: [f64; K]) -> Self {
        Self(values.to_vec())
    }
}

/// Runs so many operations, and says what it found.
type Measured<'a> = Box<dyn FnMut(u64) -> Found + 'a>;

/// What is asked of the ratio to a peer. It concerns the case's first statistic.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// Nothing.
    None,
    /// Ours is at least so many times as good.
    AtLeast(f64),
    /// Ours is at most `times × peer + more`; the ratio is allowed ÷ measured.
    Within { times: f64, more: f64 },
}

impl Goal {
    /// What the peer's figure allows.
    fn allowed(self, peer: f64) -> f64 {
        match self {
            Self::Within { times, more } => times * peer + more,
            _ => peer,
        }
    }

    fn figure(self) -> Option<f64> {
        match self {
            Self::None => None,
            Self::AtLeast(times) => Some(times),
            Self::Within { .. } => Some(1.0),
        }
    }
}

struct Row<'a> {
    name: String,
    goal: Goal,
    measured: Measured<'a>,
    /// Operations in a round.
    count: u64,
    /// Per round.
    found: Vec<Found>,
}

/// The whole run: what is wanted, and where it goes.
pub struct Bench {
    pub scale: Scale,
    wanted: Vec<String>,
    json: Option<std::fs::File>,
}

impl Bench {
    pub const fn new(scale: Scale, wanted: Vec<String>, json: Option<std::fs::File>) -> Self {
        Self {
            scale,
            wanted,
            json,
        }
    }

    /// A case, which is left out if nobody asked for it. Figures in a unit that ends in `/s` are better if
    /// greater.
    pub fn case<'b, 'a>(&'b mut self, group: &str, case: &str, unit: &'static str) -> Case<'b, 'a> {
        let full = format!("{group}: {case}");
        let is_wanted =
            self.wanted.is_empty() || self.wanted.iter().any(|name| full.contains(name.as_str()));
        Case {
            rounds: self.scale.rounds,
            bench: self,
            group: group.to_owned(),
            case: case.to_owned(),
            unit,
            statistics: &[""],
            fixed: None,
            least: 1,
            is_wanted,
            ours: None,
            peers: Vec::new(),
        }
    }

    /// Says why rows are missing.
    pub fn skip(&self, group: &str, why: &str) {
        if self.wanted.is_empty() || self.wanted.iter().any(|name| group.contains(name.as_str())) {
            println!("\n{group}: skipped, {why}");
        }
    }

    /// The first line of the file: what was measured, and where.
    pub fn about(&mut self, machine: &str, versions: &str) {
        println!("{machine}\n{versions}");
        if let Some(file) = &mut self.json {
            let date = date();
            writeln!(
                file,
                r#"{{"machine":{machine:?},"date":{date:?},"versions":{versions:?}}}"#
            )
            .expect("room in the file");
        }
    }
}

/// The day, in UTC.
fn date() -> String {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed();
    let seconds = since.map_or(0, |since| since.as_secs()).cast_signed();
    // SAFETY: all-zero is a valid date.
    let mut date: libc::tm = unsafe { core::mem::zeroed() };
    // SAFETY: two live values.
    unsafe { libc::gmtime_r(&raw const seconds, &raw mut date) };
    let (year, month) = (date.tm_year + 1900, date.tm_mon + 1);
    format!("{year}-{month:02}-{:02}", date.tm_mday)
}

/// What is compared.
pub struct Case<'b, 'a> {
    bench: &'b mut Bench,
    group: String,
    case: String,
    unit: &'static str,
    /// What each of the numbers of a round is; empty if there is one.
    statistics: &'static [&'static str],
    rounds: usize,
    /// Operations of each round, if not calibrated.
    fixed: Option<u64>,
    /// Operations of each round at least.
    least: u64,
    is_wanted: bool,
    ours: Option<Row<'a>>,
    peers: Vec<Row<'a>>,
}

impl<'a> Case<'_, 'a> {
    /// Each round finds several numbers, the first of which a goal concerns.
    pub const fn statistics(mut self, names: &'static [&'static str]) -> Self {
        self.statistics = names;
        self
    }

    /// Each round has so many operations at least: percentiles of a handful are none.
    pub const fn at_least(mut self, count: u64) -> Self {
        self.least = count;
        self
    }

    /// Each round has so many operations.
    pub const fn operations(mut self, count: u64) -> Self {
        self.fixed = Some(count);
        self
    }

    /// Each round has so many operations, and takes long: there are fewer rounds.
    pub const fn slow(mut self, operations: u64) -> Self {
        self.rounds = self.bench.scale.slow_rounds;
        self.fixed = Some(operations);
        self
    }

    /// Our row. `make` sets it up, and gives what runs a number of operations.
    pub fn ours<M, F>(mut self, make: impl FnOnce() -> M) -> Self
    where
        M: FnMut(u64) -> F + 'a,
        F: Into<Found>,
    {
        if self.is_wanted {
            self.ours = Some(row("ours", Goal::None, make()));
        }
        self
    }

    /// A peer's.
    pub fn peer<M, F>(mut self, name: &str, goal: Goal, make: impl FnOnce() -> M) -> Self
    where
        M: FnMut(u64) -> F + 'a,
        F: Into<Found>,
    {
        if self.is_wanted {
            self.peers.push(row(name, goal, make()));
        }
        self
    }

    /// A peer's, if it can be had.
    pub fn peer_if<M, F>(self, name: &str, goal: Goal, make: Option<impl FnOnce() -> M>) -> Self
    where
        M: FnMut(u64) -> F + 'a,
        F: Into<Found>,
    {
        match make {
            Some(make) => self.peer(name, goal, make),
            None => self,
        }
    }

    /// Runs the rows in turns and reports.
    pub fn run(mut self) {
        if !self.is_wanted {
            return;
        }
        let round = self.bench.scale.round;
        for row in self.ours.iter_mut().chain(&mut self.peers) {
            let count = self
                .fixed
                .unwrap_or_else(|| calibrate(row, self.unit, round));
            row.count = count.max(self.least);
        }
        for turn in 0..=self.rounds {
            for row in self.ours.iter_mut().chain(&mut self.peers) {
                let found = (row.measured)(row.count);
                if turn > 0 {
                    row.found.push(found);
                }
            }
        }
        self.report();
    }

    fn report(self) {
        println!("\n{}: {}", self.group, self.case);
        for (at, statistic) in self.statistics.iter().enumerate() {
            let case = match *statistic {
                "" => self.case.clone(),
                name => format!("{}, {name}", self.case),
            };
            let ours: Option<Vec<f64>> = self.ours.as_ref().map(|row| values(row, at));
            let mut lines = Vec::new();
            for peer in &self.peers {
                let goal = if at == 0 { peer.goal } else { Goal::None };
                lines.push(self.compare(
                    &case,
                    ours.as_deref(),
                    &values(peer, at),
                    &peer.name,
                    goal,
                ));
            }
            if let (Some(ours), true) = (&ours, self.peers.is_empty()) {
                lines.push(self.alone(&case, ours));
            }
            for line in lines {
                println!("{}", line.text);
                if let Some(file) = &mut self.bench.json.as_ref() {
                    writeln!(file, "{}", line.json).expect("room in the file");
                }
            }
        }
    }

    fn compare(
        &self,
        case: &str,
        ours: Option<&[f64]>,
        peer: &[f64],
        name: &str,
        goal: Goal,
    ) -> Line {
        let median_peer = median(peer);
        let Some(ours) = ours else {
            let json = self.json(
                case,
                None,
                Some((median_peer, name)),
                None,
                goal,
                &spread(peer),
            );
            return Line {
                text: format!("  {name:<40} {median_peer:>10.2} {}", self.unit),
                json,
            };
        };
        let ratios: Vec<f64> = ours
            .iter()
            .zip(peer)
            .map(|(&ours, &peer)| {
                let allowed = goal.allowed(peer);
                if self.unit.ends_with("/s") {
                    ours / allowed
                } else {
                    allowed / ours
                }
            })
            .collect();
        let ratio = median(&ratios);
        let verdict = match goal.figure() {
            Some(figure) if ratio < figure => format!("  below {figure}"),
            Some(figure) => format!("  at least {figure}"),
            None => String::new(),
        };
        let [low, high] = spread(&ratios);
        Line {
            text: format!(
                "  {:>10.2} : {median_peer:>10.2} {:<4} × {ratio:>6.2} ({low:.2} … {high:.2}) {name}{}{verdict}",
                median(ours),
                self.unit,
                case.strip_prefix(&self.case).unwrap_or_default(),
            ),
            json: self.json(
                case,
                Some(median(ours)),
                Some((median_peer, name)),
                Some(ratio),
                goal,
                &[low, high],
            ),
        }
    }

    fn alone(&self, case: &str, ours: &[f64]) -> Line {
        let [low, high] = spread(ours);
        Line {
            text: format!(
                "  {:>10.2} {:<4} ({low:.2} … {high:.2}){}",
                median(ours),
                self.unit,
                case.strip_prefix(&self.case).unwrap_or_default(),
            ),
            json: self.json(
                case,
                Some(median(ours)),
                None,
                None,
                Goal::None,
                &[low, high],
            ),
        }
    }

    fn json(
        &self,
        case: &str,
        ours: Option<f64>,
        peer: Option<(f64, &str)>,
        ratio: Option<f64>,
        goal: Goal,
        [low, high]: &[f64; 2],
    ) -> String {
        let number = |value: Option<f64>| match value {
            Some(value) if value.is_finite() => format!("{value:.4}"),
            _ => "null".to_owned(),
        };
        // no name here needs more escaping than a literal of Rust's
        format!(
            r#"{{"group":{:?},"case":{case:?},"ours":{},"peer":{},"peer_name":{},"unit":{:?},"ratio":{},"goal":{},"rounds":{},"spread":[{},{}]}}"#,
            self.group,
            number(ours),
            number(peer.map(|(value, _)| value)),
            peer.map_or("null".to_owned(), |(_, name)| format!("{name:?}")),
            self.unit,
            number(ratio),
            number(goal.figure()),
            self.rounds,
            number(Some(*low)),
            number(Some(*high)),
        )
    }
}

struct Line {
    text: String,
    json: String,
}

fn row<'a, M, F>(name: &str, goal: Goal, mut measured: M) -> Row<'a>
where
    M: FnMut(u64) -> F + 'a,
    F: Into<Found>,
{
    Row {
        name: name.to_owned(),
        goal,
        measured: Box::new(move |count| measured(count).into()),
        count: 0,
        found: Vec::new(),
    }
}

/// How many operations fill a round. Where the unit is a time per operation, what was timed counts, and not the
/// set-up of the round; what each operation takes beside it, such as a nap, counts for a quarter. A disturbance
/// makes a try longer, so the shortest of three says that it is enough.
fn calibrate(row: &mut Row<'_>, unit: &str, round: Duration) -> u64 {
    let nanoseconds = match unit {
        "ns" => 1.0,
        "µs" => 1000.0,
        _ => 0.0,
    };
    let mut attempt = |count: u64| {
        let start = Instant::now();
        let found = (row.measured)(count);
        let wall = start.elapsed().as_nanos() as f64;
        (nanoseconds * found.0[0] * count as f64, wall)
    };
    let set_up = attempt(1).1.min(attempt(1).1);
    let mut taken = |count| match attempt(count) {
        (0.0, wall) => wall,
        (timed, wall) => timed.max((wall - set_up) / 4.0),
    };
    let wanted = round.as_nanos() as f64;
    let mut count = 2_u64;
    loop {
        let mut shortest = f64::INFINITY;
        for _ in 0..3 {
            shortest = shortest.min(taken(count));
            if shortest < wanted / 4.0 {
                break;
            }
        }
        let times = (wanted / shortest).clamp(0.001, 16.0);
        count = ((count as f64 * times) as u64).max(1);
        if times < 4.0 || count > 1 << 32 {
            return count;
        }
    }
}

fn values(row: &Row<'_>, at: usize) -> Vec<f64> {
    row.found.iter().map(|found| found.0[at]).collect()
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn spread(values: &[f64]) -> [f64; 2] {
    [
        values.iter().copied().fold(f64::INFINITY, f64::min),
        values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    ]
}

/// The p50, p99, p99.9 and the greatest of some samples.
pub fn percentiles(mut samples: Vec<f64>) -> [f64; 4] {
    samples.sort_by(f64::total_cmp);
    let last = samples.len() - 1;
    let at = |part: f64| samples[(part * last as f64).round() as usize];
    [at(0.5), at(0.99), at(0.999), samples[last]]
}

/// The names of what [`percentiles`] gives.
pub const PERCENTILES: &[&str] = &["p50", "p99", "p99.9", "max"];
