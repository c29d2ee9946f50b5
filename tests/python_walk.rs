//! Python processes, killed behind every instruction of the extension: promises P1 and P3 for what Python calls.
//!
//! The interpreter is single-stepped through an operation and counts for nothing; a stop is behind an instruction of the
//! extension's own code, where the segment is worked on. A child is forked there for each, by a Python process that has
//! opened the segment. The quick form takes some stops of each operation, `SHM_WALK=full` takes all.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(unsafe_code)] // ptrace

mod common;
#[path = "common/pin.rs"]
mod pin;
#[path = "common/python.rs"]
mod python;

use common::{Random, unique};
use shm_runtime::{Atomic, Map, Queue, Segment, ShmLayout, Stack, Versioned, sync};
use std::io::{BufRead, BufReader, Write};
use std::ops::Range;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// Stops of an operation in the quick form.
const SOME: u64 = 12;
const LONG: Duration = Duration::from_secs(60);
/// Where the instruction pointer is kept: registers come first in `user`.
const RIP: u64 = core::mem::offset_of!(libc::user_regs_struct, rip) as u64;

#[derive(Debug, ShmLayout)]
#[shm(lanes = 8)]
struct Walked {
    jobs: Queue<u64, 4>,
    undo: Stack<u64, 4>,
    ages: Map<u64, u64, 8>,
    state: Versioned<[u64; 3]>,
    total: Atomic<u64>,
    till: sync::Mutex<u64>,
    limits: sync::RwLock<u64>,
}

/// An operation, and what may be seen once who ran it was killed.
struct Scenario {
    name: &'static str,
    /// Statements of Python.
    runs: &'static str,
    look: fn(&Walked) -> Vec<u64>,
    allowed: &'static [&'static [u64]],
}

const fn scenario(
    name: &'static str,
    runs: &'static str,
    look: fn(&Walked) -> Vec<u64>,
    allowed: &'static [&'static [u64]],
) -> Scenario {
    Scenario {
        name,
        runs,
        look,
        allowed,
    }
}

const ALL: [Scenario; 13] = [
    scenario(
        "queue.push",
        "seg.jobs.push(7)",
        jobs,
        &[&[1, 2], &[1, 2, 7]],
    ),
    scenario(
        "queue.push_many",
        "seg.jobs.push_many([7, 8])",
        jobs,
        &[&[1, 2], &[1, 2, 7], &[1, 2, 7, 8]],
    ),
    scenario("queue.pop", "seg.jobs.pop()", jobs, &[&[1, 2], &[2]]),
    scenario(
        "queue.pop_many",
        "seg.jobs.pop_many(2)",
        jobs,
        &[&[1, 2], &[2], &[]],
    ),
    scenario(
        "queue.take",
        "seg.jobs.take().done()",
        jobs,
        &[&[1, 2], &[2]],
    ),
    scenario(
        "queue.give_back",
        "seg.jobs.take().give_back()",
        jobs,
        &[&[1, 2]],
    ),
    scenario("stack.push", "seg.undo.push(7)", undo, &[&[3], &[7, 3]]),
    scenario("stack.pop", "seg.undo.pop()", undo, &[&[3], &[]]),
    scenario("map.set", "seg.ages[5] = 2", ages, &[&[1], &[2]]),
    scenario(
        "versioned.store",
        "seg.state.store([7, 8, 9])",
        |walked| walked.state.load().to_vec(),
        &[&[4, 5, 6], &[7, 8, 9]],
    ),
    scenario(
        "atomic.fetch_add",
        "seg.total.fetch_add(3)",
        |walked| vec![walked.total.load()],
        &[&[0], &[3]],
    ),
    scenario(
        "mutex",
        "with seg.till.lock() as lock: lock.value = 9",
        till,
        &[&[0, 0], &[0, 1], &[9, 1], &[9, 0]],
    ),
    scenario(
        "rwlock",
        "with seg.limits.write() as lock: lock.value = 9",
        limits,
        &[&[0, 0], &[0, 1], &[9, 1], &[9, 0]],
    ),
];

/// Two operations, which are not one: the walk has to notice.
const TORN: Scenario = scenario(
    "queue.rotate",
    "seg.jobs.push(seg.jobs.pop())",
    jobs,
    &[&[1, 2], &[2, 1]],
);

fn jobs(walked: &Walked) -> Vec<u64> {
    let found = core::iter::from_fn(|| walked.jobs.pop()).collect();
    let room = (0..).take_while(|&i| walked.jobs.push(i).is_ok()).count();
    assert_eq!(room, 4, "full capacity is back, and no more");
    found
}

fn undo(walked: &Walked) -> Vec<u64> {
    let found = core::iter::from_fn(|| walked.undo.pop()).collect();
    let room = (0..).take_while(|&i| walked.undo.push(i).is_ok()).count();
    assert_eq!(room, 4, "full capacity is back, and no more");
    found
}

fn ages(walked: &Walked) -> Vec<u64> {
    walked.ages.get(5).into_iter().collect()
}

/// A value, and whether it is said to be doubtful.
fn told<G>(locked: Result<G, sync::LockWaitError<G>>, get: fn(&G) -> u64) -> Vec<u64> {
    match locked {
        Ok(guard) => vec![get(&guard), 0],
        Err(sync::LockWaitError::OwnerDied(died)) => vec![get(&died.into_inner()), 1],
        Err(_) => panic!("a dead one keeps the lock"),
    }
}

fn till(walked: &Walked) -> Vec<u64> {
    told(walked.till.lock_wait(LONG), |guard| guard.get())
}

fn limits(walked: &Walked) -> Vec<u64> {
    told(walked.limits.write_wait(LONG), |guard| guard.get())
}

/// A Python process that forks a child for each line: the child stops itself and runs the operation of that number.
struct Nursery {
    process: Child,
    into: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Nursery {
    fn open(name: &str, runs: &str) -> Self {
        let script = format!(
            r#"
import os, signal, sys, shm
seg = shm.open({name:?})
[seg[field] for field in seg.fields]
def run():
    {runs}
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for _ in sys.stdin:
    child = os.fork()
    if child == 0:
        os.kill(os.getpid(), signal.SIGSTOP)
        run()
        os._exit(0)
    print(child, flush=True)
"#
        );
        let mut process = Command::new(python::python())
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            into: process.stdin.take().unwrap(),
            from: BufReader::new(process.stdout.take().unwrap()),
            process,
        }
    }

    /// A child that is stopped before its operation.
    fn child(&mut self) -> Traced {
        self.into.write_all(b"\n").unwrap();
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        Traced::attach(line.trim().parse().unwrap())
    }
}

impl Drop for Nursery {
    fn drop(&mut self) {
        let _ = self.process.kill(); // it may have ended
        let _ = self.process.wait();
    }
}

/// A process that this thread traces; killed when dropped.
struct Traced {
    pid: libc::pid_t,
    /// Where the extension's code is.
    code: Range<u64>,
    is_over: bool,
}

impl Traced {
    fn attach(pid: libc::pid_t) -> Self {
        let is_stopped = || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
            stat.rsplit(") ").next().unwrap().starts_with('T')
        };
        while !is_stopped() {
            std::thread::yield_now();
        }
        let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
        let line = maps
            .lines()
            .find(|line| line.contains("_native.abi3.so") && line.contains("r-xp"));
        let (start, end) = line
            .unwrap()
            .split_once(' ')
            .unwrap()
            .0
            .split_once('-')
            .unwrap();
        let number = |text| u64::from_str_radix(text, 16).unwrap();
        let traced = Self {
            pid,
            code: number(start)..number(end),
            is_over: false,
        };
        traced.ask(libc::PTRACE_ATTACH, 0);
        assert!(libc::WIFSTOPPED(traced.wait()));
        traced.ask(libc::PTRACE_SETOPTIONS, libc::PTRACE_O_EXITKILL as usize);
        traced
    }

    fn ask(&self, what: libc::c_uint, data: usize) {
        let none = core::ptr::null_mut::<libc::c_void>();
        // SAFETY: a request about a process that this one may trace; none that writes to this one's memory.
        let asked = unsafe { libc::ptrace(what, self.pid, none, data) };
        assert_eq!(asked, 0, "{}", std::io::Error::last_os_error());
    }

    fn wait(&self) -> libc::c_int {
        let mut status = 0;
        // SAFETY: waits for a process that this one traces, into a live integer.
        let waited = unsafe { libc::waitpid(self.pid, &raw mut status, libc::__WALL) };
        assert_eq!(waited, self.pid);
        status
    }

    /// A word of its memory or of its registers.
    fn word(&self, what: libc::c_uint, at: u64) -> u64 {
        // SAFETY: reads a word of a stopped process that this one traces.
        let read = unsafe { libc::ptrace(what, self.pid, at, 0_usize) };
        read as u64
    }

    fn set_word(&self, what: libc::c_uint, at: u64, word: u64) {
        // SAFETY: writes a word of a stopped process that this one traces, in pages that are its own.
        let written = unsafe { libc::ptrace(what, self.pid, at, word) };
        assert_eq!(written, 0, "{}", std::io::Error::last_os_error());
    }

    /// Where it is.
    fn place(&self) -> u64 {
        self.word(libc::PTRACE_PEEKUSER, RIP)
    }

    /// Runs, at full speed, to an instruction.
    fn skip_to(&self, place: u64) {
        let there = self.word(libc::PTRACE_PEEKTEXT, place);
        let stops = there & !0xFF | 0xCC; // `int3`
        self.set_word(libc::PTRACE_POKETEXT, place, stops);
        loop {
            self.ask(libc::PTRACE_CONT, 0);
            let status = self.wait();
            assert!(libc::WIFSTOPPED(status), "{status:#x}");
            match libc::WSTOPSIG(status) {
                libc::SIGTRAP => break,
                libc::SIGSTOP => {} // its own, or of being attached to: not passed on
                signal => panic!("signal {signal}"),
            }
        }
        assert_eq!(self.place(), place + 1);
        self.set_word(libc::PTRACE_POKETEXT, place, there);
        self.set_word(libc::PTRACE_POKEUSER, RIP, place);
    }

    /// Runs to behind the extension's instruction number `count`, or to the end; how many of its instructions ran,
    /// and where the first of them is, to which it runs at full speed where that is known.
    fn run(&mut self, count: u64, entry: Option<u64>) -> (u64, Option<u64>) {
        let mut first = entry;
        entry.into_iter().for_each(|place| self.skip_to(place));
        let mut ran = 0;
        while ran < count {
            let place = self.place();
            let was_inside = self.code.contains(&place);
            if was_inside {
                first.get_or_insert(place);
            }
            self.ask(libc::PTRACE_SINGLESTEP, 0);
            let status = self.wait();
            if !libc::WIFSTOPPED(status) {
                assert!(
                    libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0,
                    "{status:#x}"
                );
                self.is_over = true;
                break;
            }
            ran += u64::from(was_inside);
        }
        (ran, first)
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        if !self.is_over {
            // SAFETY: kills a process that this one traces, and that was not waited for to its end.
            unsafe { libc::kill(self.pid, libc::SIGKILL) };
            while libc::WIFSTOPPED(self.wait()) {}
        }
    }
}

/// Makes the segment such that every scenario can begin.
fn prepare(walked: &Walked) {
    while walked.jobs.pop().is_some() {}
    while walked.undo.pop().is_some() {}
    (1..=2).for_each(|job| walked.jobs.push(job).unwrap());
    walked.undo.push(3).unwrap();
    walked.ages.insert(5, 1).unwrap();
    walked.state.store([4, 5, 6]).unwrap();
    walked.total.store(0);
    let mut till = walked
        .till
        .lock()
        .unwrap_or_else(sync::OwnerDied::into_inner);
    let mut limits = walked
        .limits
        .write()
        .unwrap_or_else(sync::OwnerDied::into_inner);
    for guard in [&mut till, &mut limits] {
        guard.set(0);
        guard.mark_consistent();
    }
}

/// Runs an operation to the end or to a stop, kills who runs it, and looks; what [`Traced::run`] says.
fn killed_behind(
    walked: &Segment<Walked>,
    nursery: &mut Nursery,
    scenario: &Scenario,
    stop: u64,
    entry: Option<u64>,
) -> Result<(u64, Option<u64>), String> {
    prepare(walked);
    let mut child = nursery.child();
    let ran = child.run(stop, entry);
    drop(child);
    assert_eq!(Segment::recover(walked).later, 0, "nobody is stopped");
    let found = (scenario.look)(walked);
    if scenario.allowed.contains(&&found[..]) {
        return Ok(ran);
    }
    Err(format!(
        "{}, killed behind instruction {stop}: {found:?}, expected one of {:?}",
        scenario.name, scenario.allowed
    ))
}

/// Kills at some stops, or at all; how many there are.
fn walk(scenario: &Scenario, random: &mut Random) -> Result<u64, String> {
    pin::pin(); // with those whom it starts: a step is two turns of one processor
    let walked = Walked::create(&unique("python-walk")).unwrap();
    let mut nursery = Nursery::open(Segment::name(&walked), scenario.runs);
    let mut kill = |stop, entry| killed_behind(&walked, &mut nursery, scenario, stop, entry);
    let (all, entry) = kill(u64::MAX, None)?; // to the end, and so not killed
    assert!(
        all > 100,
        "{}: {all} instructions are no operation",
        scenario.name
    );
    let is_full = std::env::var("SHM_WALK").is_ok_and(|form| form == "full");
    let stride = if is_full { 1 } else { (all / SOME).max(1) };
    let first = 1 + random.below(stride);
    let mut stops = 0;
    for stop in (first..=all).step_by(stride as usize) {
        kill(stop, entry)?;
        stops += 1;
    }
    eprintln!("{}: killed at {stops} of {all} instructions", scenario.name);
    Ok(stops)
}

#[test]
fn p1_p3_killed_inside_of_the_extension() {
    if !python::built() {
        return;
    }
    let mut random = Random::new("python-walk");
    for scenario in &ALL {
        if let Err(why) = walk(scenario, &mut random) {
            panic!("{why}");
        }
    }
}

#[test]
fn what_is_no_one_operation_is_noticed() {
    if !python::built() {
        return;
    }
    let mut random = Random::new("python-walk-torn");
    let why = walk(&TORN, &mut random).expect_err("an element is lost between the two");
    assert!(why.contains("queue.rotate"), "{why}");
}
