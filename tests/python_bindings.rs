//! `bindings/python`: built and tested with its own tests, and side by side with typed Rust.
//!
//! Needs Python 3.11 or later with `venv`, and a package index. Where that is missing, a line says so and the tests
//! pass; with `CI=true` they fail.

mod common;
#[path = "common/python.rs"]
mod python;

use common::{Cleanup, unique};
use python::{built, folder, maturin, python, root, succeed};
use shm_runtime::{
    Array, Atomic, Broadcast, LargeMap, Map, Pod, Pool, Queue, Segment, Set, ShmLayout, ShmStr,
    ShmType, Spsc, Stack, Start, Versioned, VersionedArray, Zeroable, sync,
};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable, ShmType)]
#[repr(C)]
struct Event {
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

#[derive(Debug, ShmLayout)]
#[shm(lanes = 16)]
struct Sim {
    events: Queue<Event, 8>,
    grid: Array<f32, 12>,
    stations: Queue<Station, 4>,
    undo: Stack<i32, 4>,
    gauges: Map<u32, Event, 16>,
    names: Map<ShmStr<16>, u64, 16>,
    state: Versioned<Event>,
    frame: VersionedArray<f32, 6>,
    audio: Spsc<f32, 4>,
    wet: Set<u32, 16>,
    large: LargeMap<u64, u16, 64, 32>,
    ticks: Broadcast<i64, 4>,
    objects: Pool<Event, 2>,
    ledger: sync::Mutex<i64>,
    permits: sync::Semaphore<3>,
    news: sync::Signal,
    limits: sync::RwLock<f64>,
    gate: sync::Barrier<2>,
    filled: sync::Once,
    inner: Inner,
    shards: [Queue<u8, 4>; 2],
}

/// The same in Python.
const SCHEMA: &str = r#"
import dataclasses, os, signal, sys
import numpy as np
import shm

@dataclasses.dataclass
class Event:
    t: np.float64
    cell: np.uint32
    kind: np.uint32

@dataclasses.dataclass
class Station:
    name: shm.Str[8]
    cells: np.dtype(("u4", 2))
    last: Event

class Inner(shm.Schema):
    count: shm.Atomic[np.int64]

class Sim(shm.Schema, lanes=16):
    events: shm.Queue[Event, 8]
    grid: shm.Array[np.float32, (4, 3)]
    stations: shm.Queue[Station, 4]
    undo: shm.Stack[np.int32, 4]
    gauges: shm.Map[np.uint32, Event, 16]
    names: shm.Map[shm.Str[16], np.uint64, 16]
    state: shm.Versioned[Event]
    frame: shm.VersionedArray[np.float32, 6]
    audio: shm.Spsc[np.float32, 4]
    wet: shm.Set[np.uint32, 16]
    large: shm.LargeMap[np.uint64, np.uint16, 64, 32]
    ticks: shm.Broadcast[np.int64, 4]
    objects: shm.Pool[Event, 2]
    ledger: shm.Mutex[np.int64]
    permits: shm.Semaphore[3]
    news: shm.Signal[()]
    limits: shm.RwLock[np.float64]
    gate: shm.Barrier[2]
    filled: shm.Once[()]
    inner: Inner
    shards: shm.Queue[np.uint8, 4] * 2

name = sys.argv[1]
"#;

/// A script that knows the schema, on a segment.
fn script(name: &str, text: &str) -> Command {
    let mut command = Command::new(python());
    command.args(["-c", &format!("{SCHEMA}{text}"), name]);
    command
}

#[test]
fn the_packages_own_tests_pass() {
    if !built() {
        return;
    }
    succeed(
        Command::new(python())
            .args(["-m", "pytest", "-q", "-p", "no:cacheprovider"])
            .current_dir(root().join("bindings/python")),
    );
}

#[test]
fn the_package_is_strictly_typed() {
    if !built() {
        return;
    }
    succeed(
        Command::new(python())
            .args(["-m", "mypy", "--strict", "shm"])
            .arg("--cache-dir")
            .arg(folder().join("mypy"))
            .current_dir(root().join("bindings/python/python")),
    );
}

/// One wheel, for this CPython and later ones, that needs nothing of the repository.
#[test]
fn one_wheel_installs_into_a_fresh_environment() {
    if !built() {
        return;
    }
    let wheels = folder().join("wheels");
    let _ = std::fs::remove_dir_all(&wheels); // an earlier run's
    succeed(maturin("build").arg("--out").arg(&wheels));
    let found: Vec<_> = std::fs::read_dir(&wheels).unwrap().collect();
    assert_eq!(found.len(), 1, "{found:?}");
    let wheel = found.into_iter().next().unwrap().unwrap().path();
    let name = wheel.file_name().unwrap().to_str().unwrap();
    assert!(
        name.contains("-cp311-abi3-") && name.ends_with(".whl"),
        "{name}"
    );
    let fresh = folder().join("fresh");
    succeed(
        Command::new(python())
            .args(["-m", "venv", "--clear"])
            .arg(&fresh),
    );
    let python = fresh.join("bin/python");
    succeed(
        Command::new(&python)
            .args(["-m", "pip", "install", "-q"])
            .arg(&wheel),
    );
    let uses = r#"
import os, pathlib, shm
folder = pathlib.Path(shm.__file__).parent
assert "fresh" in folder.parts and (folder / "py.typed").exists() and (folder / "_native.pyi").exists()
class Jobs(shm.Schema):
    jobs: shm.Queue["u64", 8]
with shm.create(f"shm-test-wheel-{os.getpid()}-0", Jobs) as seg:
    seg.jobs.push(7)
    assert shm.open(seg.name).jobs.pop() == 7
"#;
    succeed(Command::new(python).args(["-c", uses]).current_dir(&wheels));
}

/// Does to a segment what [`rust_sees_it`] expects.
const WRITES: &str = r#"
seg.events.push(Event(0.5, 7, 1))
seg.view("grid", writable=True).reshape(4, 3)[2, 1] = 1.5
seg.stations.push(Station("north", [8, 9], (1.0, 2, 3)))
seg.undo.push(-5)
seg.gauges[4] = (2.0, 3, 4)
seg.names["main street"] = 11
seg.state.store((3.0, 4, 5))
with seg.frame.writer() as writer:
    writer.publish(np.arange(6, dtype=np.float32))
with seg.audio.producer() as producer:
    producer.push_many([0.5, 1.5])
seg.wet |= {3, 4}
seg.large[7] = 49
seg.ticks.send(-1)
lease = seg.objects.acquire()
lease.value = (4.0, 5, 6)
seg.names["lease"] = lease.handle
with seg.ledger.lock() as lock:
    lock.value = 12
assert seg.permits.available == 3
seg.news.raise_()
with seg.limits.write() as lock:
    lock.value = 0.5
assert seg.gate.wait(0.001) is None
with seg.filled.begin() as run:
    assert not run.is_interrupted
seg.inner.count.fetch_add(-2)
seg.shards[1].push(6)
"#;

fn rust_sees_it(sim: &Sim) {
    let event = |t, cell, kind| Event { t, cell, kind };
    assert_eq!(sim.events.pop(), Some(event(0.5, 7, 1)));
    assert_eq!((sim.grid.get(7), sim.grid.get(8)), (1.5, 0.0));
    let station = sim.stations.pop().unwrap();
    assert_eq!(station.name.as_str(), Ok("north"));
    assert_eq!((station.cells, station.last), ([8, 9], event(1.0, 2, 3)));
    assert_eq!(sim.undo.pop(), Some(-5));
    assert_eq!(sim.gauges.get(4), Some(event(2.0, 3, 4)));
    let key = "main street".parse::<ShmStr<16>>().unwrap();
    assert_eq!(sim.names.get(key), Some(11));
    assert_eq!(sim.state.load(), event(3.0, 4, 5));
    let mut frame = [0.0; 6];
    sim.frame.read_into(&mut frame);
    assert_eq!(frame, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!(sim.audio.consumer().unwrap().pop(), Some(0.5));
    assert!(sim.wet.contains(3) && sim.wet.contains(4) && sim.wet.len() == 2);
    assert_eq!(sim.large.get(7), Some(49));
    let mut ticks = sim.ticks.subscribe(Start::Oldest);
    assert_eq!(ticks.recv(), Ok(Some(-1)));
    assert_eq!(sim.ledger.lock().unwrap().get(), 12);
    assert_eq!((sim.permits.available(), sim.news.count()), (3, 1));
    assert_eq!(sim.limits.read().unwrap().get(), 0.5);
    assert!(sim.filled.is_completed());
    assert_eq!(sim.objects.capacity(), 2);
    assert_eq!(sim.inner.count.load(), -2);
    assert_eq!(sim.shards[1].pop(), Some(6));
}

#[test]
fn p8_python_reads_and_writes_a_typed_segment() {
    if !built() {
        return;
    }
    let name = unique("python-typed");
    let sim = Sim::create(&name).unwrap();
    let event = Event {
        t: 0.25,
        cell: 1,
        kind: 2,
    };
    sim.events.push(event).unwrap();
    sim.grid.set(11, -1.5);
    sim.gauges.insert(9, event).unwrap();
    sim.state.store(event).unwrap();
    let reads = r#"
with shm.open(name) as seg:
    event = seg.events.pop()
    assert (event.t, event.cell, event.kind) == (0.25, 1, 2), event
    assert seg.grid[11] == -1.5 and seg.gauges[9].cell == 1 and seg.state.load() == event
    assert seg.schema_name == "Sim" and [f for f in seg.fields][-1] == "shards[1]"
with shm.open(name, Sim) as seg:
"#;
    let reads = format!("{reads}{}", WRITES.replace('\n', "\n    "));
    succeed(&mut script(&name, &reads));
    rust_sees_it(&sim);
}

#[test]
fn p7_rust_opens_what_python_created() {
    if !built() {
        return;
    }
    let name = unique("python-created");
    let create =
        format!("seg = shm.create(name, Sim)\n{WRITES}\nprint('created', flush=True)\ninput()");
    let mut child = script(&name, &create);
    let mut child = child
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let stdout = child.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).unwrap();
    assert_eq!(line, "created\n");
    let sim = Sim::open(&name).unwrap(); // the fingerprints are equal
    child.kill().unwrap();
    child.wait().unwrap();
    rust_sees_it(&sim);
}

/// One party in Rust, one in Python; and what Python registers, Rust finds.
#[test]
fn p8_rust_and_python_wait_for_each_other() {
    if !built() {
        return;
    }
    let name = unique("python-together");
    let sim = Sim::options().spare(2, 1 << 16).create(&name).unwrap();
    let party = r#"
with shm.open(name) as seg:
    seg.register("jobs", shm.Queue[Event, 4]).push((1.0, 2, 3))
    with seg.limits.read() as lock:
        assert lock.value == 1.5
        led = sum(seg.gate.wait() for _ in range(20))
    seg.inner.count.store(led)
"#;
    sim.limits.write().unwrap().set(1.5);
    let mut child = script(&name, party).spawn().unwrap();
    let wait = Duration::from_secs(120);
    let led = (0..20).filter(|_| sim.gate.wait(wait).unwrap().is_leader());
    let led = led.count() as i64;
    assert!(child.wait().unwrap().success());
    assert_eq!(led + sim.inner.count.load(), 20, "one for each round");
    assert!(sim.limits.try_write().is_ok(), "nobody reads any more");
    let jobs: Queue<Event, 4> = Segment::find_described(&sim, "jobs").unwrap();
    assert_eq!(jobs.pop().map(|event| event.cell), Some(2));
}

#[derive(Debug, ShmLayout)]
#[shm(lanes = 16)]
struct Work {
    jobs: Queue<u64, 64>,
    seen: Array<u64, 20_000>,
}

/// Consumes jobs for ever, and counts each in the segment.
const TAKES: &str = r#"
seg = shm.open(name)
seen, jobs = seg.numbers("seen"), seg.jobs
while True:
    job = jobs.take()
    if job is None:
        jobs.peek()
        continue
    seen.fetch_add(job.value, 1)
    job.done()
"#;

const POPS: &str = r#"
seg = shm.open(name)
seen, jobs = seg.numbers("seen"), seg.jobs
while True:
    job = jobs.pop_wait()
    seen.fetch_add(job, 1)
"#;

/// Gives jobs to three consumers in Python of which one is killed and replaced now and then; how often each job was seen,
/// and how many consumers were killed.
fn kill_consumers(name: &str, consumer: &str) -> (Vec<u64>, u64) {
    let (jobs, kills) = (3_000, 12);
    let work = Work::create(name).unwrap();
    let start = || -> Child { script(name, consumer).spawn().unwrap() };
    let mut children: Vec<Child> = (0..3).map(|_| start()).collect();
    let mut killed = 0;
    for job in 0..jobs {
        work.jobs.push_wait(job, Duration::from_secs(120)).unwrap();
        if job % (jobs / kills) == jobs / kills - 1 {
            let i = killed as usize % children.len();
            children[i].kill().unwrap();
            children[i].wait().unwrap();
            children[i] = start();
            killed += 1;
        }
    }
    // until all is consumed, but for what a dead one may have popped or not counted
    while !work.jobs.is_empty() {
        std::thread::yield_now();
    }
    for child in &mut children {
        child.kill().unwrap();
        child.wait().unwrap();
        killed += 1;
    }
    Segment::recover(&work);
    // what the last ones had taken came back
    while let Some(job) = work.jobs.pop() {
        work.seen.fetch_add(job as usize, 1);
    }
    let room = (0..64).take_while(|&job| work.jobs.push(job).is_ok());
    assert_eq!(room.count(), 64, "full capacity is back");
    let seen = (0..jobs as usize).map(|i| work.seen.get(i)).collect();
    (seen, killed)
}

#[test]
fn p1_killed_python_consumers_lose_nothing_that_they_took() {
    if !built() {
        return;
    }
    let name = unique("python-takes");
    let _cleanup = Cleanup(name.clone());
    let (seen, killed) = kill_consumers(&name, TAKES);
    assert!(seen.iter().all(|&count| count >= 1), "every job was seen");
    let again = seen.iter().sum::<u64>() - seen.len() as u64;
    assert!(again <= killed, "{again} jobs came back from {killed} dead");
}

#[test]
fn p1_killed_python_consumers_pop_each_element_at_most_once() {
    if !built() {
        return;
    }
    let name = unique("python-pops");
    let _cleanup = Cleanup(name.clone());
    let (seen, killed) = kill_consumers(&name, POPS);
    assert!(
        seen.iter().all(|&count| count <= 1),
        "no job was seen twice"
    );
    let gone = seen.iter().filter(|&&count| count == 0).count() as u64;
    assert!(
        gone <= killed,
        "{gone} jobs went with {killed} dead, who had popped one each at most"
    );
}
