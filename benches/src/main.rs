//! The structures beside their peers and the machine's limits, in one run.
//!
//! `cargo run --release --manifest-path benches/Cargo.toml -- [quick | full] [--json FILE] [--only NAME]
//! [--processors A,B] [NAME …]`
//!
//! `… -- results FILE` makes a document of what `--json` wrote. How it is measured is in `measure`. With two
//! processors there is one spinning thread on each and nothing else; busy machines give provisional figures,
//! and the spread shows it.

mod array;
mod boost;
mod broadcast;
mod cpp;
mod fifo;
mod iceoryx;
mod latency;
mod machine;
mod map;
mod measure;
mod pipes;
mod pool;
mod process;
mod queue;
mod recovery;
mod results;
mod segment;
mod spsc;
mod stack;
mod tolerance;
mod versioned;
mod wake;

use measure::{Bench, Scale};
use std::io::Write;

/// The peers whose versions are told.
const PEERS: &[&str] = &[
    "arc-swap",
    "concurrent-queue",
    "crossbeam-queue",
    "dashmap",
    "disruptor",
    "heapless",
    "iceoryx2",
    "ipc-channel",
    "mmap-sync",
    "nblf-queue",
    "papaya",
    "parking_lot",
    "ringbuf",
    "rtrb",
    "scc",
    "shared_memory",
    "triple_buffer",
];

fn main() {
    let mut scale = Scale::QUICK;
    let mut json = None;
    let mut wanted = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut next = |what: &str| {
            arguments
                .next()
                .unwrap_or_else(|| panic!("{argument} {what}"))
        };
        match argument.as_str() {
            "quick" => scale = Scale::QUICK,
            "full" => scale = Scale::FULL,
            "--json" => json = Some(std::fs::File::create(next("FILE")).expect("a file to write")),
            "--only" => wanted.push(next("NAME")),
            "--processors" => {
                let two = next("A,B");
                let two = two.split_once(',').expect("two numbers, with a comma");
                let number = |text: &str| text.parse().expect("a processor's number");
                process::use_processors([number(two.0), number(two.1)]);
            }
            "results" => return print_results(&next("FILE")),
            name => wanted.push(name.to_owned()),
        }
    }
    let mut bench = Bench::new(scale, wanted, json);
    bench.about(&machine::description(), &versions());
    say_what_is_missing(&bench);
    for run in [
        machine::run,
        queue::run,
        spsc::run,
        broadcast::run,
        latency::run,
        wake::run,
        map::run,
        stack::run,
        pool::run,
        versioned::run,
        array::run,
        cpp::run,
        segment::run,
        recovery::run,
        tolerance::run,
    ] {
        run(&mut bench);
    }
}

fn print_results(path: &str) {
    match results::markdown(path) {
        Ok(text) => _ = std::io::stdout().write_all(text.as_bytes()), // a closed pipe is no mistake
        Err(error) => {
            eprintln!("{path}: {error}");
            std::process::exit(1);
        }
    }
}

fn say_what_is_missing(bench: &Bench) {
    if !boost::IS_THERE {
        bench.skip(
            "Boost.Lockfree, Boost.Interprocess",
            "no headers (libboost-dev)",
        );
    }
    if !cpp::IS_THERE {
        bench.skip("bindings/cpp", "no compiler for C++20");
    }
    for (peer, is_there) in [
        ("iceoryx2", cfg!(feature = "iceoryx2")),
        ("ipc-channel", cfg!(feature = "ipc-channel")),
        ("mmap-sync", cfg!(feature = "mmap-sync")),
    ] {
        if !is_there {
            bench.skip(peer, "built without the feature");
        }
    }
}

/// Of the library and the peers, as the lock file has them.
fn versions() -> String {
    let lock = include_str!("../Cargo.lock");
    let version = |name: &str| {
        let entry = lock
            .split("[[package]]")
            .find(|entry| entry.lines().any(|line| line == format!("name = {name:?}")))?;
        let version = entry
            .lines()
            .find_map(|line| line.strip_prefix("version = "))?;
        Some(format!("{name} {}", version.trim_matches('"')))
    };
    let peers = ["shm-runtime"]
        .iter()
        .chain(PEERS)
        .filter_map(|name| version(name));
    let boost = boost::version().map(|version| format!("Boost {version}"));
    peers.chain(boost).collect::<Vec<_>>().join(", ")
}
