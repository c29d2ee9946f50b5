//! `Array` and `VersionedArray` beside memcpy between two private buffers of the same size.
//!
//! GB/s count the bytes that arrive. A frame of 4 MB has a million elements.

use crate::machine::copies;
use crate::measure::{Bench, Goal};
use crate::process::pin;
use core::hint::black_box;
use shm_runtime::{Array, ShmLayout, structures::VersionedArray};
use std::time::Instant;

/// Elements of a frame: 4 MB.
const FRAME: usize = 1_000_000;
const GOAL: Goal = Goal::AtLeast(0.95);

#[derive(ShmLayout)]
struct Ours<const N: usize> {
    values: Array<f32, N>,
    frame: VersionedArray<f32, N>,
}

fn segment<const N: usize>() -> shm_runtime::Segment<Ours<N>> {
    let name = format!("bench-array-{}", std::process::id());
    let options = Ours::<N>::options().prefault(true);
    options.create(&name).expect("a segment")
}

pub fn run(bench: &mut Bench) {
    bulk::<1024>(bench, "4 KiB");
    bulk::<65_536>(bench, "256 KiB");
    bulk::<FRAME>(bench, "4 MB");
    frames(bench);
    elements(bench);
}

/// GB/s of `n` calls that move so many bytes each.
fn bandwidth(n: u64, bytes: usize, mut call: impl FnMut()) -> f64 {
    pin(0);
    let start = Instant::now();
    for _ in 0..n {
        call();
    }
    (n as usize * bytes) as f64 / start.elapsed().as_nanos() as f64
}

fn bulk<const N: usize>(bench: &mut Bench, size: &str) {
    bench
        .case("array", &format!("write_from, {size}"), "GB/s")
        .ours(|| {
            let (ours, values) = (segment::<N>(), vec![1.0; N]);
            move |n| bandwidth(n, N * 4, || ours.values.write_from(0, black_box(&values)))
        })
        .peer("memcpy", GOAL, || copies(N * 4))
        .run();
    bench
        .case("array", &format!("read_into, {size}"), "GB/s")
        .ours(|| {
            let (ours, mut values) = (segment::<N>(), vec![1.0; N]);
            ours.values.fill(2.0);
            move |n| {
                bandwidth(n, N * 4, || {
                    ours.values.read_into(0, black_box(&mut values))
                })
            }
        })
        .peer("memcpy", GOAL, || copies(N * 4))
        .run();
}

fn frames(bench: &mut Bench) {
    bench
        .case("versioned array", "publish, 4 MB", "GB/s")
        .ours(|| {
            let (ours, frame) = (segment::<FRAME>(), vec![1.0; FRAME]);
            let mut writer = ours.frame.writer().expect("free");
            move |n| {
                bandwidth(n, FRAME * 4, || {
                    writer.publish(black_box(&frame)).expect("our role");
                })
            }
        })
        .peer("memcpy", GOAL, || copies(FRAME * 4))
        .run();
    bench
        .case("versioned array", "read_into, 4 MB", "GB/s")
        .ours(|| {
            let (ours, mut frame) = (segment::<FRAME>(), vec![1.0; FRAME]);
            let mut writer = ours.frame.writer().expect("free");
            writer.publish(&frame).expect("our role");
            move |n| {
                bandwidth(n, FRAME * 4, || {
                    black_box(ours.frame.read_into(black_box(&mut frame)));
                })
            }
        })
        .peer("memcpy", GOAL, || copies(FRAME * 4))
        .run();
}

/// One by one, beside a slice of atomics in private memory.
fn elements(bench: &mut Bench) {
    const N: usize = 65_536;
    bench
        .case("array", "sum of all by get, 256 KiB", "GB/s")
        .ours(|| {
            let ours = segment::<N>();
            ours.values.fill(2.0);
            move |n| {
                bandwidth(n, N * 4, || {
                    black_box((0..N).map(|i| ours.values.get(i)).sum::<f32>());
                })
            }
        })
        .peer("a private slice", Goal::None, || {
            let values = vec![2.0_f32; N];
            move |n| {
                bandwidth(n, N * 4, || {
                    black_box(black_box(&values).iter().sum::<f32>());
                })
            }
        })
        .run();
}
