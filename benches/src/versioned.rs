//! `Versioned` beside what keeps a latest value: in shared memory mmap-sync and iceoryx2's blackboard, in one
//! process triple_buffer (one writer, one reader, roles of the process), arc-swap (allocates) and a lock.
//!
//! Both sides copy the whole value. Ours has two attachments.

use crate::measure::{Bench, Case, Found, Goal};
use crate::process::pin;
use core::hint::black_box;
use core::sync::atomic::{AtomicBool, Ordering::*};
use shm_runtime::{ShmLayout, structures::Versioned};
use std::sync::{Arc, Barrier};
use std::time::Instant;

pub fn run(bench: &mut Bench) {
    sized::<8>(bench);
    sized::<32>(bench);
    sized::<128>(bench);
    sized::<512>(bench);
}

fn sized<const W: usize>(bench: &mut Bench) {
    let size = W * 8;
    let case = bench.case("versioned", &format!("write, {size} B"), "ns");
    compare::<W, f64>(case, Writes);
    let case = bench.case("versioned", &format!("read, {size} B"), "ns");
    compare::<W, f64>(case, Reads);
    let case = bench
        .case(
            "versioned",
            &format!("while another writes, {size} B"),
            "ns",
        )
        .statistics(&["read", "write"]);
    compare::<W, [f64; 2]>(case, Together);
}

/// What is done with one who writes and one who reads.
trait Measure<R>: Copy + 'static {
    fn measure<const W: usize>(
        self,
        n: u64,
        write: impl FnMut([u64; W]) + Send,
        read: impl FnMut() -> [u64; W] + Send,
    ) -> R;
}

/// Nobody reads.
#[derive(Clone, Copy)]
struct Writes;

impl Measure<f64> for Writes {
    fn measure<const W: usize>(
        self,
        n: u64,
        mut write: impl FnMut([u64; W]) + Send,
        _: impl FnMut() -> [u64; W] + Send,
    ) -> f64 {
        pin(0);
        let start = Instant::now();
        for number in 0..n {
            write(black_box([number; W]));
        }
        start.elapsed().as_nanos() as f64 / n as f64
    }
}

/// Nobody writes.
#[derive(Clone, Copy)]
struct Reads;

impl Measure<f64> for Reads {
    fn measure<const W: usize>(
        self,
        n: u64,
        mut write: impl FnMut([u64; W]) + Send,
        mut read: impl FnMut() -> [u64; W] + Send,
    ) -> f64 {
        pin(0);
        write([1; W]);
        let start = Instant::now();
        for _ in 0..n {
            black_box(read());
        }
        start.elapsed().as_nanos() as f64 / n as f64
    }
}

/// One thread writes as fast as it can, while the other reads. Nanoseconds per read and per write.
#[derive(Clone, Copy)]
struct Together;

impl Measure<[f64; 2]> for Together {
    fn measure<const W: usize>(
        self,
        n: u64,
        mut write: impl FnMut([u64; W]) + Send,
        mut read: impl FnMut() -> [u64; W] + Send,
    ) -> [f64; 2] {
        let (start, is_over) = (&Barrier::new(2), &AtomicBool::new(false));
        std::thread::scope(|scope| {
            let writer = scope.spawn(move || {
                pin(1);
                start.wait();
                let begun = Instant::now();
                let mut number = 0;
                while !is_over.load(Relaxed) {
                    number += 1;
                    write([number; W]);
                }
                begun.elapsed().as_nanos() as f64 / number.max(1) as f64
            });
            let reader = scope.spawn(move || {
                pin(0);
                start.wait();
                let begun = Instant::now();
                for _ in 0..n {
                    let value = black_box(read());
                    assert_eq!(value[0], value[W - 1], "whole");
                }
                let took = begun.elapsed();
                is_over.store(true, Relaxed);
                took.as_nanos() as f64 / n as f64
            });
            let read = reader.join().expect("no panic");
            [read, writer.join().expect("no panic")]
        })
    }
}

/// Ours and the peers, for values of `W` words.
fn compare<const W: usize, R: Into<Found> + 'static>(case: Case<'_, '_>, how: impl Measure<R>) {
    let case = case.ours(|| ours::<W, R>(how));
    #[cfg(feature = "mmap-sync")]
    let case = case.peer("mmap-sync", Goal::AtLeast(2.0), || mmap_sync::<W, R>(how));
    #[cfg(feature = "iceoryx2")]
    let case = case.peer("iceoryx2 blackboard", Goal::AtLeast(1.0), || {
        let board = crate::iceoryx::Board::new([0; W]);
        move |n| {
            let (reader, writer) = (&board.reader, &board.writer);
            how.measure(n, |value| writer.update_with_copy(value), || *reader.get())
        }
    });
    case.peer("triple_buffer", Goal::None, || {
        move |n| {
            let (mut input, mut output) = triple_buffer::triple_buffer(&[0; W]);
            how.measure(n, |value| input.write(value), || *output.read())
        }
    })
    .peer("arc-swap", Goal::None, || {
        move |n| {
            let latest = arc_swap::ArcSwap::from_pointee([0; W]);
            how.measure(n, |value| latest.store(Arc::new(value)), || **latest.load())
        }
    })
    .peer("parking_lot RwLock", Goal::None, || {
        move |n| {
            let latest = parking_lot::RwLock::new([0; W]);
            how.measure(n, |value| *latest.write() = value, || *latest.read())
        }
    })
    .run();
}

#[derive(ShmLayout)]
struct Ours<const W: usize> {
    value: Versioned<[u64; W]>,
}

fn ours<const W: usize, R>(how: impl Measure<R>) -> impl FnMut(u64) -> R {
    let name = format!("bench-versioned-{}", std::process::id());
    let first = Ours::<W>::options().prefault(true).create(&name);
    let second = Ours::<W>::options().prefault(true).open(&name);
    let (first, second) = (first.expect("a segment"), second.expect("the segment"));
    move |n| {
        let (first, second) = (&first, &second);
        let write = |value| first.value.store(value).expect("a lane");
        how.measure(n, write, || second.value.load())
    }
}

/// Files in /dev/shm, as its README advises; a reader may take 10 ms before it is given up.
#[cfg(feature = "mmap-sync")]
fn mmap_sync<const W: usize, R>(how: impl Measure<R>) -> impl FnMut(u64) -> R {
    use mmap_sync::synchronizer::Synchronizer;
    struct Files(String);
    impl Drop for Files {
        fn drop(&mut self) {
            for part in ["state", "data_0", "data_1"] {
                _ = std::fs::remove_file(format!("{}_{part}", self.0));
            }
        }
    }
    let files = Files(format!("/dev/shm/bench-mmap-sync-{}", std::process::id()));
    move |n| {
        let mut writer = Synchronizer::new(files.0.as_ref());
        let mut reader = Synchronizer::new(files.0.as_ref());
        let patience = core::time::Duration::from_millis(10);
        writer.write(&[0_u64; W], patience).expect("room");
        let write = |value: [u64; W]| _ = writer.write(&value, patience).expect("room");
        let read = || {
            // SAFETY: only this program writes the files, and it writes values of this type.
            let value = unsafe { reader.read::<[u64; W]>(false) };
            *value.expect("a value")
        };
        how.measure(n, write, read)
    }
}
