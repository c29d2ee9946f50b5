//! Rust and C++ who hold each other up: locks, a barrier, what is done once and a signal, killed at random and replaced.
//!
//! What a lock protects is a number twice, so that a death in the middle of a change shows, and shows nobody else. Every
//! change, run and raise of the dead is counted: once or not at all.

use super::common::{Cleanup, Random, exists, role, role_command, unique};
use super::war::{actor, kills};
use shm_runtime::sync::{self, Guard, OwnerDied};
use shm_runtime::{Array, Atomic, ShmLayout};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const WORKERS: usize = 4;
const TASKS: usize = 256;
/// What stops the workers.
const STOP: u64 = 1_000_000;

/// A number twice: who dies between the two leaves the second one behind.
type Count = [u64; 2];

/// The same as `works` in bindings/cpp/tests/sim.hpp.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 16)]
struct Works {
    ledger: sync::Mutex<Count>,
    board: sync::RwLock<Count>,
    /// Who has the ledger; whether somebody writes the board.
    inside: Array<u64, 2>,
    gate: sync::Barrier<2>,
    bell: sync::Signal,
    once: [sync::Once; TASKS],
    /// Of each task: how often it was begun, and how often by one who was not told of another before.
    begun: Array<u64, TASKS>,
    first: Array<u64, TASKS>,
    /// Of each worker: how often it has written the ledger, written the board, and raised.
    acknowledged: Array<u64, { 3 * WORKERS }>,
    /// How often the gate was passed, by who led and by who did not.
    passed: Array<u64, 2>,
    wrong: Atomic<u64>,
}

impl Works {
    fn expect(&self, holds: bool) {
        if !holds {
            self.wrong.fetch_add(1);
        }
    }

    /// Counts under a lock, behind one who may have died in the middle of that.
    fn write(
        &self,
        locked: Result<Guard<'_, Count>, OwnerDied<Guard<'_, Count>>>,
        which: usize,
        seat: usize,
    ) {
        let died = locked.is_err();
        let mut guard = locked.unwrap_or_else(OwnerDied::into_inner);
        self.expect(self.inside.get(which) == 0 || died);
        self.inside.set(which, seat as u64 + 1);
        let [number, twice] = guard.get();
        self.expect(number == twice || died && number == twice + 1);
        guard.set([number + 1; 2]);
        self.expect(self.inside.get(which) == seat as u64 + 1);
        self.inside.set(which, 0);
        guard.mark_consistent();
    }

    fn labour(&self, seat: usize) {
        let mut random = Random::from_seed(std::process::id().into());
        while self.wrong.load() < STOP {
            self.write(self.ledger.lock(), 0, seat);
            self.acknowledged.fetch_add(seat * 3, 1);
            if random.below(4) == 0 {
                self.write(self.board.write(), 1, seat);
                self.acknowledged.fetch_add(seat * 3 + 1, 1);
            } else if let Ok(read) = self.board.read() {
                let [number, twice] = read.get();
                self.expect(number == twice && self.inside.get(1) == 0);
            }
            self.bell.raise();
            self.acknowledged.fetch_add(seat * 3 + 2, 1);
            let short = Duration::from_micros(random.below(2000));
            if let Ok(passed) = self.gate.wait(short) {
                self.passed.fetch_add(usize::from(!passed.is_leader()), 1);
            }
            let task = random.below(TASKS as u64) as usize;
            self.once[task].call_once(|state| {
                self.begun.fetch_add(task, 1);
                self.first
                    .fetch_add(task, u64::from(!state.is_interrupted()));
            });
            self.expect(self.begun.get(task) > 0);
        }
    }

    /// How often all have done something.
    fn acknowledged(&self, what: usize) -> u64 {
        (0..WORKERS)
            .map(|seat| self.acknowledged.get(seat * 3 + what))
            .sum()
    }
}

/// What a worker of Rust does; nothing where this is the test itself.
#[test]
fn a_worker_labours() {
    let Some((seat, name)) = role() else {
        return;
    };
    Works::open(&name).unwrap().labour(seat.parse().unwrap());
}

/// A worker of either language.
fn start(name: &str, seat: usize, cpp: Option<&Path>) -> Child {
    let mut command = match cpp {
        Some(actor) => {
            let mut command = Command::new(actor);
            command.args(["labour", name, &seat.to_string()]);
            command
        }
        None => role_command("works::a_worker_labours", &seat.to_string(), name),
    };
    command.stdout(Stdio::null()).spawn().unwrap()
}

/// The number under a lock, put in order where its last owner died.
fn settled(locked: Result<Guard<'_, Count>, OwnerDied<Guard<'_, Count>>>) -> u64 {
    let died = locked.is_err();
    let mut guard = locked.unwrap_or_else(OwnerDied::into_inner);
    let [number, twice] = guard.get();
    assert!(
        number == twice || died && number == twice + 1,
        "{number}/{twice}"
    );
    guard.mark_consistent();
    number
}

#[test]
fn p1_killed_rust_and_cpp_hold_nobody_up() {
    let Some(actor) = actor() else { return };
    let name = unique("cpp-works");
    let _cleanup = Cleanup(name.clone());
    let mut random = Random::new("cpp-works");
    let works = Works::create(&name).unwrap();
    let mut workers: Vec<Child> = (0..WORKERS)
        .map(|seat| start(&name, seat, (seat % 2 == 0).then_some(&*actor)))
        .collect();
    let mut killed = 0;
    for _ in 0..kills() {
        std::thread::sleep(Duration::from_micros(5_000 + random.below(30_000)));
        let seat = random.below(WORKERS as u64) as usize;
        workers[seat].kill().unwrap();
        workers[seat].wait().unwrap();
        killed += 1;
        let language = (random.below(2) == 0).then_some(&*actor);
        workers[seat] = start(&name, seat, language);
    }
    let wrong = works.wrong.swap(STOP);
    for worker in &mut workers {
        assert!(worker.wait().unwrap().success());
    }
    assert_eq!((wrong, works.wrong.load()), (0, STOP));
    let counts = [
        ("ledger", settled(works.ledger.lock())),
        ("board", settled(works.board.write())),
        ("raises", works.bell.count()),
    ];
    for (what, (name, count)) in counts.into_iter().enumerate() {
        let acknowledged = works.acknowledged(what);
        assert!(acknowledged > 0, "{name}: they got somewhere");
        assert!(
            (acknowledged..=acknowledged + killed).contains(&count),
            "{name}: {count} counted, {acknowledged} acknowledged, {killed} killed"
        );
    }
    for task in 0..TASKS {
        let (begun, first) = (works.begun.get(task), works.first.get(task));
        let runs = 1 + killed;
        assert!(
            first <= 1 && begun <= runs,
            "{task}: {begun} runs, {first} first"
        );
        assert!(
            !works.once[task].is_completed() || begun > 0,
            "{task} is done by nobody"
        );
    }
    let passed = works.passed.get(0).abs_diff(works.passed.get(1));
    assert!(passed <= killed, "{passed} were alone behind the gate");
    assert_eq!(works.board.readers(), 0, "the dead read no more");
    drop(works);
    assert!(!exists(&name), "the last one out removes the name");
}
