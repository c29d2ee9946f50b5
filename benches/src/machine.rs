//! What the machine can do at best: nothing is below these.

use crate::measure::{Group, Scale};
use core::hint::{black_box, spin_loop};
use core::sync::atomic::{AtomicU64, Ordering::*};
use std::time::Instant;

/// A value alone on 128 bytes.
#[repr(align(128))]
struct Alone(AtomicU64);

/// Runs the calling thread on one processor only.
pub fn pin(processor: usize) {
    // SAFETY: all-zero is a valid, empty set.
    let mut set: libc::cpu_set_t = unsafe { core::mem::zeroed() };
    // SAFETY: a live set; the number is below its size.
    unsafe { libc::CPU_SET(processor, &mut set) };
    // SAFETY: reads a live set of the size given; a refusal only costs precision.
    unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) };
}

pub fn description() -> String {
    let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processor
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown", |model| {
        model.trim_start_matches([' ', '\t', ':'])
    });
    let count = std::thread::available_parallelism().map_or(1, |count| count.get());
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let native = if cfg!(target_feature = "avx2") {
        "native"
    } else {
        "baseline (for native, run in benches/)"
    };
    format!(
        "{model}, {count} processors, load {}; target-cpu {native}",
        load.split(' ').next().unwrap_or_default()
    )
}

pub fn groups(scale: Scale) -> Vec<Group<'static>> {
    let n = scale.operations;
    let mut groups = vec![
        Group::new("machine", "ns")
            .row("line transfer, one way", move || line_transfer(n / 4))
            .row("compare-and-swap, uncontended", move || swaps(n * 4)),
    ];
    let mut copies = Group::new("memcpy", "GB/s");
    for size in [4 << 10, 256 << 10, 64 << 20] {
        let from = vec![1_u8; size];
        let mut to = vec![0_u8; size + 4096];
        copies = copies.row(format!("{} KiB", size >> 10), move || {
            let times = (256 << 20) / size;
            // half a page apart: some processors copy slowly where the target is a little behind the source
            let apart = (from.as_ptr().addr() + 2048).wrapping_sub(to.as_ptr().addr()) % 4096;
            let to = &mut to[apart..apart + size];
            let start = Instant::now();
            for _ in 0..times {
                black_box(&mut *to).copy_from_slice(black_box(&from));
            }
            (times * size) as f64 / start.elapsed().as_nanos() as f64
        });
    }
    groups.push(copies);
    groups
}

fn line_transfer(n: u64) -> f64 {
    let (there, back) = (Alone(AtomicU64::new(0)), Alone(AtomicU64::new(0)));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            pin(1);
            for i in 1..=n {
                while there.0.load(Acquire) != i {
                    spin_loop();
                }
                back.0.store(i, Release);
            }
        });
        scope
            .spawn(|| {
                pin(0);
                let start = Instant::now();
                for i in 1..=n {
                    there.0.store(i, Release);
                    while back.0.load(Acquire) != i {
                        spin_loop();
                    }
                }
                start.elapsed().as_nanos() as f64 / (2 * n) as f64
            })
            .join()
            .expect("no panic")
    })
}

fn swaps(n: u64) -> f64 {
    let word = AtomicU64::new(0);
    let start = Instant::now();
    let mut value = 0;
    for _ in 0..n {
        value = black_box(&word)
            .compare_exchange(value, value + 1, AcqRel, Relaxed)
            .expect("nobody else is there")
            + 1;
    }
    start.elapsed().as_nanos() as f64 / n as f64
}
