//! Creating, opening and leaving segments.

use crate::measure::{Group, Scale};
use shm_runtime::{Array, ShmLayout};
use std::time::{Duration, Instant};

/// Segments per round.
const TIMES: u32 = 20;

#[derive(ShmLayout)]
struct Small {
    #[expect(dead_code, reason = "it only has a size")]
    bytes: Array<u64, { (64 << 10) / 8 }>,
}

#[derive(ShmLayout)]
struct Large {
    #[expect(dead_code, reason = "it only has a size")]
    bytes: Array<u64, { (64 << 30) / 8 }>,
}

pub fn groups(_: Scale) -> Vec<Group<'static>> {
    vec![
        Group::new("segment, create", "µs")
            .row("64 KiB", || repeat(create::<Small>))
            .row("64 GiB, sparse", || repeat(create::<Large>)),
        Group::new("segment, open", "µs")
            .row("64 KiB", || repeat(open::<Small>))
            .row("64 GiB", || repeat(open::<Large>)),
        Group::new("segment, leave", "µs")
            .row("as the last one", || {
                repeat(|name| leave::<Small>(name, false))
            })
            .row("while others stay", || {
                repeat(|name| leave::<Small>(name, true))
            }),
    ]
}

fn repeat(mut once: impl FnMut(&str) -> Duration) -> f64 {
    let name = format!("bench-segment-{}", std::process::id());
    let total: Duration = (0..TIMES).map(|_| once(&name)).sum();
    total.as_nanos() as f64 / 1000.0 / f64::from(TIMES)
}

fn timed<R>(what: impl FnOnce() -> R) -> (Duration, R) {
    let start = Instant::now();
    let result = what();
    (start.elapsed(), result)
}

fn create<S: ShmLayout>(name: &str) -> Duration {
    let (took, segment) = timed(|| S::options().sparse().create(name).expect("a segment"));
    drop(segment);
    took
}

fn open<S: ShmLayout>(name: &str) -> Duration {
    let _first = S::options().sparse().create(name).expect("a segment");
    let (took, second) = timed(|| S::open(name).expect("the segment"));
    drop(second);
    took
}

fn leave<S: ShmLayout>(name: &str, beside: bool) -> Duration {
    let first = S::options().sparse().create(name).expect("a segment");
    let other = beside.then(|| S::open(name).expect("the segment"));
    let (took, ()) = timed(|| drop(first));
    drop(other);
    took
}
