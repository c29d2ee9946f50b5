//! What the machine can do at best: nothing is below these.

use crate::measure::{Bench, Goal, PERCENTILES};
use crate::process::{Alone, Board, beside, now, pin};
use crate::wake;
use core::hint::{black_box, spin_loop};
use core::sync::atomic::{AtomicU64, Ordering::*};
use std::time::Instant;

/// Processor, count, load, and what it was compiled for.
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
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let native = if cfg!(target_feature = "avx2") {
        "native"
    } else {
        "baseline (for native, run in benches/)"
    };
    format!(
        "{model}, {count} processors, Linux {}, load {}; target-cpu {native}",
        kernel.trim(),
        load.split(' ').next().unwrap_or_default()
    )
}

pub fn run(bench: &mut Bench) {
    bench
        .case("machine", "a line of memory", "ns")
        .at_least(1000)
        .peer("line transfer, one way, two threads", Goal::None, || {
            line_transfer
        })
        .peer("line transfer, one way, two processes", Goal::None, || {
            line_transfer_between(Board::new())
        })
        .peer("compare-and-swap, uncontended", Goal::None, || swaps)
        .run();
    for size in [
        1 << 10,
        16 << 10,
        256 << 10,
        4 << 20,
        64 << 20,
        256 << 20,
        1 << 30,
    ] {
        if size == 1 << 30 && !bench.scale.is_full {
            continue;
        }
        bench
            .case("machine", &format!("memcpy, {} KiB", size >> 10), "GB/s")
            .peer("memcpy", Goal::None, || copies(size))
            .run();
    }
    bench
        .case("machine", "waking a sleeper, one way", "ns")
        .statistics(PERCENTILES)
        .at_least(100)
        .peer("futex, two processes", Goal::None, || {
            wake::bare_futex(Board::new())
        })
        .run();
    bench
        .case(
            "machine",
            "the first touch of a page of shared memory",
            "ns",
        )
        .peer("page fault", Goal::None, || page_faults)
        .run();
}

pub fn line_transfer(n: u64) -> f64 {
    let (there, back) = (Alone(AtomicU64::new(0)), Alone(AtomicU64::new(0)));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            pin(1);
            echo(n, &there.0, &back.0);
        });
        let measured = scope.spawn(|| {
            pin(0);
            call(n, &there.0, &back.0)
        });
        measured.join().expect("no panic")
    })
}

/// The same between two processes.
pub fn line_transfer_between(board: &'static Board) -> impl FnMut(u64) -> f64 {
    move |n| {
        board.reset();
        beside(
            || {
                board.ready();
                echo(n, &board.there.0, &board.back.0);
            },
            || {
                board.go();
                call(n, &board.there.0, &board.back.0)
            },
        )
    }
}

fn echo(n: u64, there: &AtomicU64, back: &AtomicU64) {
    for i in 1..=n {
        while there.load(Acquire) != i {
            spin_loop();
        }
        back.store(i, Release);
    }
}

/// Nanoseconds one way.
fn call(n: u64, there: &AtomicU64, back: &AtomicU64) -> f64 {
    let start = now();
    for i in 1..=n {
        there.store(i, Release);
        while back.load(Acquire) != i {
            spin_loop();
        }
    }
    (now() - start) as f64 / (2 * n) as f64
}

fn swaps(n: u64) -> f64 {
    pin(0);
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

/// GB/s of copies of so many bytes between two buffers that were touched.
pub fn copies(size: usize) -> impl FnMut(u64) -> f64 {
    let from = vec![1_u8; size];
    let mut to = vec![1_u8; size + 4096];
    move |n| {
        pin(0);
        // half a page apart: some processors copy slowly where the target is a little behind the source
        let apart = (from.as_ptr().addr() + 2048).wrapping_sub(to.as_ptr().addr()) % 4096;
        let to = &mut to[apart..apart + size];
        let start = Instant::now();
        for _ in 0..n {
            black_box(&mut *to).copy_from_slice(black_box(&from));
        }
        (n as usize * size) as f64 / start.elapsed().as_nanos() as f64
    }
}

/// Nanoseconds per first write to a page of a new file of shared memory.
fn page_faults(n: u64) -> f64 {
    const PAGE: usize = 4096;
    pin(0);
    let size = n as usize * PAGE;
    // SAFETY: a literal with its NUL.
    let fd = unsafe { libc::memfd_create(c"bench-pages".as_ptr(), libc::MFD_CLOEXEC) };
    assert!(fd >= 0, "a file");
    // SAFETY: a file of our own.
    let sized = unsafe { libc::ftruncate(fd, size as libc::off_t) };
    assert_eq!(sized, 0);
    let (read_write, null) = (libc::PROT_READ | libc::PROT_WRITE, core::ptr::null_mut());
    // SAFETY: a new mapping of a file that is as large.
    let memory = unsafe { libc::mmap(null, size, read_write, libc::MAP_SHARED, fd, 0) };
    assert_ne!(memory, libc::MAP_FAILED);
    let start = Instant::now();
    for page in 0..n as usize {
        let byte = memory.cast::<u8>().wrapping_add(page * PAGE);
        // SAFETY: in bounds of the mapping, which nobody else uses.
        unsafe { byte.write_volatile(1) };
    }
    let took = start.elapsed();
    // SAFETY: the mapping from above, which nobody uses any more.
    unsafe { libc::munmap(memory, size) };
    // SAFETY: the file from above.
    unsafe { libc::close(fd) };
    took.as_nanos() as f64 / n as f64
}
