//! `shm watch`: how much happens in each structure, from its positions and counts at two moments.
//!
//! Watching costs the watched a read of the lines that their counts are in, and nothing else. No structure counts for the
//! sake of being watched: each count is one that its algorithm needs anyway, or follows from one. So a map tells
//! how often its buckets were changed, and not what each change was; and memory that is no structure, an `Array`,
//! tells nothing.

use crate::args::Watch;
use crate::failure::{Code, Failure};
use crate::out::{self, Out, Style};
use crate::processes::printable;
use crate::show::{self, Fill, Pages};
use serde_json::{Map as JsonMap, Value as Json, json};
use shm_runtime::dynamic::{Field, Kind, Segment, Value};
use std::time::{Duration, Instant};

/// A structure at one moment: counts that only grow, and what it holds.
pub(super) struct Look {
    pub(super) name: String,
    counts: Vec<(&'static str, u64)>,
    pub(super) holds: Fill,
}

pub(crate) fn run(args: &Watch, out: &mut Out) -> Result<Code, Failure> {
    let interval = Duration::try_from_secs_f64(args.interval)
        .ok()
        .filter(|time| !time.is_zero());
    let interval = interval.ok_or_else(|| {
        Failure::usage(format!("`{}` is no time between two looks", args.interval))
    })?;
    let segment = show::open(&args.name)?;
    for wanted in &args.fields {
        segment.field(wanted)?;
    }
    let pages = Pages::of(&segment);
    let looks = || look(&segment, &args.fields, &pages);
    let (mut last, mut at) = (looks()?, Instant::now());
    let mut left = args.count.unwrap_or(u64::MAX);
    while left > 0 {
        left -= 1;
        std::thread::sleep(interval.saturating_sub(at.elapsed()));
        if !show::is_alive(&segment) {
            return Err(Failure::no(format!("segment `{}` is gone", args.name)));
        }
        let (now, seconds) = (looks()?, at.elapsed().as_secs_f64());
        at = Instant::now();
        print(&segment, &last, &now, seconds, out)?;
        out.flush()?;
        last = now;
    }
    Ok(Code::Ok)
}

pub(super) fn look(
    segment: &Segment,
    wanted: &[String],
    pages: &Pages,
) -> Result<Vec<Look>, Failure> {
    let mut looks = Vec::new();
    for field in segment.fields() {
        let name = field.name();
        if !wanted.is_empty() && !wanted.iter().any(|wanted| wanted == name) {
            continue;
        }
        let holds = show::fill(segment, field, pages)?;
        let counts = counts(segment, field, &holds, pages)?;
        if holds == Fill::Unknown && counts.is_empty() {
            continue;
        }
        looks.push(Look {
            name: name.to_owned(),
            counts,
            holds,
        });
    }
    Ok(looks)
}

/// The counts of a structure, each always of the same name.
fn counts(
    segment: &Segment,
    field: &Field,
    holds: &Fill,
    pages: &Pages,
) -> Result<Vec<(&'static str, u64)>, Failure> {
    let name = field.name();
    // What was never written is not touched: its pages would come into being by being read.
    let is_hole = || pages.is_hole(field.offset(), field.size());
    Ok(match (field.kind(), holds) {
        (Kind::Queue, _) => ends(segment.queue(name)?.positions()),
        (Kind::Spsc, _) => ends(segment.spsc(name)?.positions()),
        (Kind::Stack, _) => ends(segment.stack(name)?.positions()),
        (Kind::Map | Kind::LargeMap | Kind::Set, Fill::Of(..)) if is_hole() => {
            vec![("changed", 0)]
        }
        (Kind::Map | Kind::LargeMap, Fill::Of(..)) => {
            vec![("changed", segment.map(name)?.changes())]
        }
        (Kind::Set, _) => vec![("changed", segment.set(name)?.changes())],
        (Kind::Pool, _) if is_hole() => leases((0, 0)),
        (Kind::Pool, _) => leases(segment.pool(name)?.positions()),
        (Kind::Semaphore, _) => leases(segment.semaphore(name)?.positions()),
        (Kind::Mutex, _) => vec![("locked", segment.mutex(name)?.locked())],
        (_, Fill::Total("sent", count)) => vec![("sent", *count)],
        (_, Fill::Total("raised", count)) => vec![("raised", *count)],
        (_, Fill::Total(_, count)) => vec![("stored", *count)],
        (_, Fill::Is(Value::Unsigned(number))) => vec![("grown", *number as u64)],
        _ => Vec::new(),
    })
}

fn ends((popped, pushed): (u64, u64)) -> Vec<(&'static str, u64)> {
    vec![("pushed", pushed), ("popped", popped)]
}

fn leases((released, acquired): (u64, u64)) -> Vec<(&'static str, u64)> {
    vec![("acquired", acquired), ("released", released)]
}

/// How often each count was counted on, each second; a count that fell is no rate.
pub(super) fn rates(last: &Look, now: &Look, seconds: f64) -> Vec<(&'static str, f64)> {
    let pairs = last.counts.iter().zip(&now.counts);
    let rate = |((_, before), (what, after)): (&(_, u64), &(&'static str, u64))| {
        let counted = after.wrapping_sub(*before) as i64;
        (*what, counted.max(0) as f64 / seconds)
    };
    pairs.map(rate).collect()
}

fn print(
    segment: &Segment,
    last: &[Look],
    now: &[Look],
    seconds: f64,
    out: &mut Out,
) -> Result<(), Failure> {
    if out.json {
        let mut fields = JsonMap::new();
        for (last, now) in last.iter().zip(now) {
            let rates = rates(last, now, seconds).into_iter();
            let rates = rates.map(|(what, rate)| (format!("{what}_per_s"), Json::from(rate)));
            let mut field: JsonMap<String, Json> = rates.collect();
            field.insert("holds".to_owned(), now.holds.to_json());
            fields.insert(now.name.clone(), Json::Object(field));
        }
        return out
            .value(&json!({ "segment": segment.name(), "seconds": seconds, "fields": fields }));
    }
    let head = ["FIELD", "HOLDS", "PER SECOND"];
    let mut rows = vec![head.map(|title| out.styled(Style::Dim, title)).to_vec()];
    for (last, now) in last.iter().zip(now) {
        let rates = rates(last, now, seconds).into_iter();
        let rates = rates.map(|(what, rate)| format!("{what} {}", out::count(rate.round() as u64)));
        let rates: Vec<_> = rates.collect();
        rows.push(vec![
            printable(&now.name),
            now.holds.text(),
            rates.join(", "),
        ]);
    }
    out.table(&rows, &[])?;
    out.line("")
}
