//! P6 for the command: whatever is in a file, it ends by itself with a code of its own, and never by a panic or a signal.

mod common;

use common::{Cleanup, Sim, nothing, path, run, unique};
use shm_runtime::ShmLayout;

/// A small generator.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 as usize % limit
    }
}

#[test]
fn p6_no_bytes_make_it_panic() {
    let seed = std::env::var("SHM_TEST_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let fresh = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 | 1;
    let seed: u64 = seed.unwrap_or(fresh);
    println!("SHM_TEST_SEED={seed}");
    let mut random = Random(seed);
    let file = Cleanup(unique("hostile"));
    let other = Cleanup(unique("hostile-other"));
    for name in [&file.0, &other.0] {
        let sim = Sim::options().persist().create(name).unwrap();
        sim.gauges.insert(1, nothing()).unwrap();
        sim.events.push(nothing()).unwrap();
    }
    let whole = std::fs::read(path(&file.0)).unwrap();
    let written = whole.iter().rposition(|&byte| byte != 0).unwrap() + 1;
    let descriptor = whole
        .windows(13)
        .position(|bytes| bytes == b"\"descriptor\":")
        .unwrap();
    for round in 0..40 {
        let mut bytes = whole.clone();
        // The table, the descriptor, anywhere; and structures overwritten from end to end.
        let (first, end) = [
            (0, 1000),
            (descriptor, written),
            (0, written),
            (20_000, descriptor),
        ][round % 4];
        let count = if round % 4 == 3 {
            end - first
        } else {
            1 + random.below(20)
        };
        for i in 0..count {
            let at = if round % 4 == 3 {
                first + i
            } else {
                first + random.below(end - first)
            };
            bytes[at] = random.below(256) as u8;
        }
        if round % 8 == 6 {
            bytes.truncate(random.below(bytes.len()));
        }
        std::fs::write(path(&file.0), &bytes).unwrap();
        everything_ends(&file.0, &other.0, seed);
    }
}

/// Runs commands on a segment, whatever is in it.
fn everything_ends(name: &str, other: &str, seed: u64) {
    let gauges = format!("{name}.gauges");
    let events = format!("{name}.events");
    for args in [
        vec!["ls", "--all", name],
        vec!["inspect", name],
        vec!["check", name],
        vec!["get", &gauges],
        vec!["pop", &events],
        vec!["watch", name, "-n", "1", "-i", "0.001"],
        vec!["gen", "c", name],
        vec!["gen", "cpp", name],
        vec!["diff", name, other],
    ] {
        let ended = run(&args); // asserts that it ended by itself and did not panic
        let code = ended.code;
        assert!(
            (0..=5).contains(&code),
            "{args:?} with seed {seed}: {}",
            ended.error
        );
    }
}
