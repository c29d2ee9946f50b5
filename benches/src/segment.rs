//! Creating, opening and leaving segments, beside the shared_memory crate. It takes the name at once and its
//! bytes are what they are; ours appear whole, are described, checked, locked as alive, and removed by the
//! last one out.

use crate::measure::{Bench, Goal};
use crate::process::pin;
use shared_memory::{Shmem, ShmemConf};
use shm_runtime::{Array, ShmLayout};
use std::time::{Duration, Instant};

const PEER: &str = "shared_memory";
const KIB_64: usize = 64 << 10;
const GIB: usize = 1 << 30;

#[derive(ShmLayout)]
struct Bytes<const N: usize> {
    #[expect(dead_code, reason = "it only has a size")]
    words: Array<u64, N>,
}

type Small = Bytes<{ KIB_64 / 8 }>;
type Large = Bytes<{ GIB / 8 }>;
type Huge = Bytes<{ 64 * GIB / 8 }>;

pub fn run(bench: &mut Bench) {
    sized::<Small>(bench, "64 KiB", KIB_64);
    sized::<Large>(bench, "1 GiB, sparse", GIB);
    sized::<Huge>(bench, "64 GiB, sparse", 64 * GIB);
    flat(bench);
    bench
        .case("segment", "leave while others stay, 64 KiB", "µs")
        .ours(|| repeated(|name| leave::<Small>(name, true)))
        .peer(PEER, Goal::None, || {
            repeated(|name| {
                let first = theirs(name, KIB_64).create().expect("a segment");
                let second = theirs(name, KIB_64).open().expect("the segment");
                let took = timed(|| drop(second)).0;
                drop(first);
                took
            })
        })
        .run();
}

fn sized<S: ShmLayout>(bench: &mut Bench, what: &str, size: usize) {
    bench
        .case("segment", &format!("create, {what}"), "µs")
        .ours(|| repeated(create::<S>))
        .peer(PEER, Goal::AtLeast(1.0), || {
            repeated(move |name| timed(|| theirs(name, size).create().expect("a segment")).0)
        })
        .run();
    bench
        .case("segment", &format!("open, {what}"), "µs")
        .ours(|| repeated(open::<S>))
        .peer(PEER, Goal::AtLeast(1.0), || {
            repeated(move |name| {
                let first: Shmem = theirs(name, size).create().expect("a segment");
                let took = timed(|| theirs(name, size).open().expect("the segment")).0;
                drop(first);
                took
            })
        })
        .run();
    bench
        .case(
            "segment",
            &format!("create and leave as the last, {what}"),
            "µs",
        )
        .ours(|| {
            repeated(|name| {
                timed(|| drop(S::options().sparse().create(name).expect("a segment"))).0
            })
        })
        .peer(PEER, Goal::None, || {
            repeated(move |name| timed(|| drop(theirs(name, size).create().expect("a segment"))).0)
        })
        .run();
}

/// What is large costs what is small costs, within a quarter.
fn flat(bench: &mut Bench) {
    let allowed = Goal::Within {
        times: 1.25,
        more: 0.0,
    };
    bench
        .case("segment", "create, 64 GiB, is flat in size", "µs")
        .ours(|| repeated(create::<Huge>))
        .peer("itself at 64 KiB", allowed, || repeated(create::<Small>))
        .run();
    bench
        .case("segment", "open, 64 GiB, is flat in size", "µs")
        .ours(|| repeated(open::<Huge>))
        .peer("itself at 64 KiB", allowed, || repeated(open::<Small>))
        .run();
}

fn theirs(name: &str, size: usize) -> ShmemConf {
    ShmemConf::new().size(size).os_id(name)
}

/// Microseconds of one of `n`.
fn repeated(once: impl Fn(&str) -> Duration) -> impl FnMut(u64) -> f64 {
    move |n| {
        pin(0);
        let name = format!("bench-segment-{}", std::process::id());
        let total: Duration = (0..n).map(|_| once(&name)).sum();
        total.as_nanos() as f64 / 1000.0 / n as f64
    }
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
