//! One segment, Rust on one side and C++ on the other.

use super::any;
use super::common::{Cleanup, unique};
use super::compile::{program, succeed};
use shm_runtime::{Array, Atomic, Pod, Queue, Segment, ShmLayout, ShmStr, ShmType, Zeroable};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable, ShmType)]
#[repr(C)]
pub struct Event {
    t: f64,
    cell: u32,
    kind: u32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable, ShmType)]
#[repr(C)]
struct Station {
    name: ShmStr<8>,
    cells: [u32; 2],
    last: Event,
}

#[derive(Debug, ShmLayout)]
struct Inner {
    count: Atomic<i64>,
}

/// The same as `sim` in bindings/cpp/tests/sim.hpp.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 16)]
struct Sim {
    events: Queue<Event, 8>,
    grid: Array<f32, 12>,
    stations: Queue<Station, 4>,
    inner: Inner,
    shards: [Queue<u8, 4>; 2],
}

const fn event(t: f64, cell: u32, kind: u32) -> Event {
    Event { t, cell, kind }
}

fn rust_sees_it(sim: &Sim) {
    assert_eq!(sim.events.pop(), Some(event(0.5, 7, 1)));
    assert_eq!((sim.grid.get(7), sim.grid.get(8)), (1.5, 0.0));
    let station = sim.stations.pop().unwrap();
    assert_eq!(station.name.as_str(), Ok("north"));
    assert_eq!((station.cells, station.last), ([8, 9], event(1.0, 2, 3)));
    assert_eq!(sim.inner.count.load(), -2);
    assert_eq!(sim.shards[1].pop(), Some(6));
}

fn rust_writes(sim: &Sim) {
    sim.events.push(event(0.25, 1, 2)).unwrap();
    sim.grid.store(11, -1.5);
    let station = Station {
        name: "süd".parse().unwrap(),
        cells: [4, 5],
        last: event(0.25, 1, 2),
    };
    sim.stations.push(station).unwrap();
    sim.inner.count.store(40);
    sim.shards[0].push(3).unwrap();
}

fn actor(what: &str, name: &str) -> Option<Command> {
    let mut command = Command::new(program(any()?, "actor", &[]));
    command.args([what, name]);
    Some(command)
}

/// A process that is killed when the test ends, however that does.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill(); // it may have ended
        let _ = self.0.wait();
    }
}

/// Starts an actor and waits for the line in which it says how far it is.
fn started(mut command: Command, line: &str) -> Started {
    let mut child = Started(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut said = String::new();
    let stdout = child.0.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut said).unwrap();
    assert_eq!(said.trim_end(), line);
    child
}

#[test]
fn p7_both_languages_have_one_fingerprint() {
    let Some(mut command) = actor("fingerprint", "-") else {
        return;
    };
    let found = succeed(&mut command);
    assert_eq!(found.trim_end(), format!("{:032x}", Sim::FINGERPRINT));
}

#[test]
fn p8_cpp_reads_and_writes_what_rust_created() {
    let name = unique("cpp-typed");
    let Some(mut read) = actor("read", &name) else {
        return;
    };
    let sim = Sim::create(&name).unwrap();
    rust_writes(&sim);
    succeed(&mut read);
    sim.inner.count.store(0);
    succeed(&mut actor("write", &name).unwrap());
    rust_sees_it(&sim);
}

#[test]
fn p7_rust_opens_what_cpp_created_byte_for_byte() {
    let name = unique("cpp-created");
    let Some(create) = actor("create", &name) else {
        return;
    };
    let _cleanup = Cleanup(name.clone());
    let child = started(create, "created");
    let sim = Sim::open(&name).unwrap(); // the fingerprints are equal
    assert_eq!(Segment::warnings(&sim), [""; 0]);
    let typed = Sim::create(&unique("cpp-typed")).unwrap();
    let entries = |sim: &Segment<Sim>| {
        let mut entries = Segment::table(sim).unwrap();
        entries.pop(); // the descriptor: C++ has no docs
        entries
    };
    assert_eq!(entries(&sim), entries(&typed));
    let described = shm_runtime::dynamic::Segment::open(&name).unwrap();
    assert_eq!(described.schema().name(), "Sim");
    assert_eq!(described.schema().fingerprint(), Sim::FINGERPRINT);
    drop(child);
    rust_sees_it(&sim);
}

#[test]
fn p1_rust_wakes_a_sleeper_in_cpp() {
    let name = unique("cpp-sleeper");
    let Some(wait) = actor("wait", &name) else {
        return;
    };
    let sim = Sim::create(&name).unwrap();
    let mut child = started(wait, "waiting");
    std::thread::sleep(Duration::from_millis(20)); // likely asleep by then; right either way
    sim.events.push(event(0.0, 5, 0)).unwrap();
    assert!(child.0.wait().unwrap().success());
}
