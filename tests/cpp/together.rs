//! One segment, Rust on one side and C++ on the other.

use super::any;
use super::common::{Cleanup, role, role_command, unique};
use super::compile::{program, succeed};
use shm_runtime::sync::{LockWaitError, TryLockError};
use shm_runtime::{
    Array, Atomic, Broadcast, LargeMap, Map, Pod, Pool, Queue, Segment, Set, ShmLayout, ShmStr,
    ShmType, Spsc, Stack, Start, Versioned, VersionedArray, Zeroable, sync,
};
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
    audio: Spsc<Event, 4>,
    gauges: Map<u32, Event, 16>,
    names: Map<ShmStr<16>, u64, 16>,
    wet: Set<u32, 16>,
    large: LargeMap<u64, u16, 64, 32>,
    undo: Stack<i32, 4>,
    state: Versioned<Event>,
    frame: VersionedArray<f32, 6>,
    ticks: Broadcast<i64, 4>,
    objects: Pool<Event, 2>,
    permits: sync::Semaphore<3>,
    bank: sync::Mutex<Event>,
    limits: sync::RwLock<Event>,
    gate: sync::Barrier<2>,
    ready: sync::Once,
    bell: sync::Signal,
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
    assert_eq!((sim.inner.count.load(), sim.permits.available()), (-2, 3));
    assert_eq!(sim.shards[1].pop(), Some(6));
    let mut consumer = sim.audio.consumer().unwrap();
    assert_eq!(consumer.pop(), Some(event(0.5, 8, 0)));
    assert_eq!(consumer.pop(), Some(event(1.5, 9, 0)));
    assert_eq!(sim.gauges.get(4), Some(event(2.0, 3, 4)));
    assert_eq!(sim.names.get("main street".parse().unwrap()), Some(11));
    assert!(sim.wet.contains(3) && sim.wet.len() == 2);
    assert_eq!(sim.large.get(7), Some(49));
    assert_eq!((sim.undo.pop(), sim.undo.pop()), (Some(-5), Some(4)));
    assert_eq!(sim.state.load(), event(3.0, 4, 5));
    let mut frame = [0.0; 6];
    let before = sim.frame.read_into(&mut frame);
    assert_eq!((before % 2, frame), (0, [0.5, 1.0, 1.0, 1.0, 1.0, 1.0]));
    let mut ticks = sim.ticks.subscribe(Start::Oldest);
    assert_eq!(ticks.recv(), Ok(Some(-1)));
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
    sim.gauges.insert(9, event(0.25, 1, 2)).unwrap();
    sim.names.insert("süd".parse().unwrap(), 12).unwrap();
    sim.wet.insert(5).unwrap();
    sim.undo.push(11).unwrap();
    sim.state.store(event(0.25, 1, 2)).unwrap();
    sim.frame.writer().unwrap().publish(&[1.5; 6]);
    (0..6).for_each(|tick| _ = sim.ticks.send(tick));
    (0..32).for_each(|key| _ = sim.large.insert(key, key as u16).unwrap());
    let mut producer = sim.audio.producer().unwrap();
    assert_eq!(
        producer.push_slice(&[event(0.5, 1, 0), event(0.5, 2, 0)]),
        2
    );
}

/// A producer of either language and a consumer of the other, the producer killed again and again: what is popped is
/// what was pushed, in order.
#[test]
fn p1_killed_producers_of_a_ring_leave_no_gap() {
    let name = unique("cpp-ring");
    if any().is_none() {
        return;
    }
    let sim = Sim::create(&name).unwrap();
    let mut next = 0;
    for _ in 0..6 {
        let mut command = actor("ring", &name).unwrap();
        command.arg(next.to_string());
        let child = started(command, "ready");
        let mut consumer = sim.audio.consumer().unwrap();
        let until = next + 500;
        while next < until {
            let got = consumer.pop_wait(Duration::from_secs(60)).unwrap();
            assert_eq!(got, event(f64::from(next), next, !next));
            next += 1;
        }
        drop(child); // it is killed
        while let Some(got) = consumer.pop() {
            assert_eq!(got, event(f64::from(next), next, !next));
            next += 1;
        }
    }
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
    let stdout = BufReader::new(child.0.stdout.take().unwrap());
    let mut said = stdout.lines().map_while(Result::ok);
    assert!(said.any(|said| said == line), "it never says `{line}`");
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
    let mut lease = sim.objects.acquire().unwrap();
    lease.write(event(0.25, 1, 2));
    let handle = lease.handle().to_bits();
    sim.names.insert("lease".parse().unwrap(), handle).unwrap();
    succeed(&mut read);
    drop(lease);
    sim.inner.count.store(0);
    sim.frame.writer().unwrap().publish(&[2.5; 6]);
    sim.ticks.send(-3).unwrap();
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

/// Locks all there is to lock, has begun what is done once, and is killed.
#[test]
fn a_holder_holds() {
    let Some((_, name)) = role() else {
        return;
    };
    let sim = Sim::open(&name).unwrap();
    let mut bank = sim.bank.lock().unwrap();
    bank.set(event(7.0, 7, 7));
    let _limits = sim.limits.write().unwrap();
    sim.ready.call_once(|_| {
        println!("\nholding");
        std::thread::sleep(Duration::from_secs(3600));
    });
}

#[test]
fn p1_what_a_dead_process_of_cpp_had_locked_is_told_to_rust() {
    let name = unique("cpp-heir");
    let Some(hold) = actor("hold", &name) else {
        return;
    };
    let sim = Sim::create(&name).unwrap();
    let child = started(hold, "holding");
    assert!(matches!(sim.bank.try_lock(), Err(TryLockError::WouldBlock)));
    assert!(matches!(
        sim.limits.read_wait(Duration::from_millis(60)),
        Err(LockWaitError::Timeout)
    ));
    drop(child); // it is killed
    let mut bank = sim.bank.lock().unwrap_err().into_inner();
    assert_eq!(bank.get(), event(7.0, 7, 7));
    bank.mark_consistent();
    drop(bank);
    assert!(sim.bank.lock().is_ok() && sim.limits.read().is_err());
    let mut limits = sim.limits.write().unwrap_err().into_inner();
    limits.mark_consistent();
    let mut interrupted = false;
    sim.ready
        .call_once(|state| interrupted = state.is_interrupted());
    assert!(interrupted && sim.ready.is_completed());
}

#[test]
fn p1_what_a_dead_process_of_rust_had_locked_is_told_to_cpp() {
    let name = unique("cpp-heir");
    let Some(inherit) = actor("inherit", &name) else {
        return;
    };
    let sim = Sim::create(&name).unwrap();
    let holder = role_command("together::a_holder_holds", "hold", &name);
    drop(started(holder, "holding")); // it is killed
    sim.bell.raise();
    let mut heir = Started({ inherit }.spawn().unwrap());
    while !sim.ready.is_completed() {
        std::thread::sleep(Duration::from_millis(1));
    }
    sim.bell.raise();
    assert_eq!(sim.bell.wait(2, Duration::from_secs(60)), Ok(3));
    assert!(heir.0.wait().unwrap().success());
    assert!(sim.gate.wait(Duration::from_millis(1)).is_err());
    assert!(sim.bank.lock().is_ok() && sim.limits.read().is_ok());
    assert_eq!(sim.bank.lock().unwrap().get(), event(8.0, 8, 8));
}
