//! Forked children and exec. Promise P1, and DESIGN's rules about `fork`.

#![allow(unsafe_code)] // fork

mod common;

use common::{exists, unique};
use shm_runtime::{Array, OpenError, Segment, ShmLayout};
use std::sync::Mutex;

#[derive(Debug, ShmLayout)]
struct Sim {
    counts: Array<u64, 10>,
}

/// One test at a time: a child forked while another thread attaches would keep that thread's lock.
static ONE: Mutex<()> = Mutex::new(());

fn alone() -> std::sync::MutexGuard<'static, ()> {
    ONE.lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A forked child that runs `body` and exits with 0 if it returned true.
struct Forked(libc::pid_t);

impl Forked {
    fn new(body: impl FnOnce() -> bool) -> Self {
        // SAFETY: the child runs `body` and exits without returning into the test harness.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0);
        if pid == 0 {
            let held = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
            let code = i32::from(!held.unwrap_or(false));
            // SAFETY: ends the child at once.
            unsafe { libc::_exit(code) };
        }
        Self(pid)
    }

    fn succeeded(self) -> bool {
        let mut status = 0;
        // SAFETY: waits for a child of this process, into a live integer.
        let waited = unsafe { libc::waitpid(self.0, &raw mut status, 0) };
        waited == self.0 && libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
    }
}

/// A pipe with which one process waits for the other.
struct Signal {
    read: std::io::PipeReader,
    write: std::io::PipeWriter,
}

impl Signal {
    fn new() -> Self {
        let (read, write) = std::io::pipe().unwrap();
        Self { read, write }
    }

    fn raise(&self) {
        use std::io::Write;
        (&self.write).write_all(b"!").unwrap();
    }

    fn wait(&self) {
        use std::io::Read;
        (&self.read).read_exact(&mut [0]).unwrap();
    }
}

#[test]
fn a_child_reads_at_once_and_attaches_for_itself() {
    let _alone = alone();
    let name = unique("fork");
    let sim = Sim::create(&name).unwrap();
    sim.counts.set(0, 11);
    let parent = Segment::attachment(&sim).identity().unwrap();
    let child = Forked::new(|| {
        let mine = Segment::attachment(&sim);
        let read = sim.counts.get(0) == 11 && mine.identity().is_none();
        Segment::reattach(&sim).unwrap();
        let identity = mine.identity().unwrap();
        sim.counts.set(1, 22);
        read && identity.slot != parent.slot
            && mine.alive(identity)
            && mine.alive(parent)
            && Segment::participants(&sim).unwrap().len() == 2
    });
    assert!(child.succeeded());
    assert_eq!(sim.counts.get(1), 22);
    assert_eq!(Segment::participants(&sim).unwrap().len(), 1);
    assert!(Segment::attachment(&sim).alive(parent));
}

#[test]
fn a_child_that_attached_keeps_the_segment_when_its_parent_leaves() {
    let _alone = alone();
    let name = unique("daemon");
    let (attached, left) = (Signal::new(), Signal::new());
    let sim = Sim::create(&name).unwrap();
    let mut sim = Some(sim);
    let child = Forked::new(|| {
        let sim = sim.take().unwrap();
        Segment::reattach(&sim).unwrap();
        attached.raise();
        left.wait();
        let kept = exists(&name) && Segment::is_current(&sim);
        drop(sim);
        kept && !exists(&name)
    });
    attached.wait();
    drop(sim);
    assert!(exists(&name));
    left.raise();
    assert!(child.succeeded());
    assert!(!exists(&name));
}

#[test]
fn a_child_that_never_attached_takes_nothing_with_it() {
    let _alone = alone();
    let name = unique("bystander");
    let mut sim = Some(Sim::create(&name).unwrap());
    let child = Forked::new(|| {
        drop(sim.take());
        exists(&name)
    });
    assert!(child.succeeded());
    let sim = sim.unwrap();
    assert!(Segment::is_current(&sim));
    assert_eq!(Segment::participants(&sim).unwrap().len(), 1);
}

#[test]
fn a_child_that_never_attached_keeps_nobody_alive() {
    let _alone = alone();
    let name = unique("orphan");
    let end = Signal::new();
    let sim = Sim::create(&name).unwrap();
    let child = Forked::new(|| {
        end.wait();
        // Its segment is gone, but its memory is not.
        sim.counts.get(9) == 0
    });
    let mut sim = Some(sim);
    drop(sim.take());
    assert!(!exists(&name));
    assert!(matches!(Sim::open(&name), Err(OpenError::NotFound { .. })));
    end.raise();
    assert!(child.succeeded());
}

#[test]
fn a_child_attaches_by_name_when_its_descriptors_were_closed() {
    let _alone = alone();
    let name = unique("closefd");
    let sim = Sim::create(&name).unwrap();
    let parent = Segment::attachment(&sim).identity().unwrap();
    let child = Forked::new(|| {
        // SAFETY: what a daemon does; nothing in this child uses a descriptor afterwards that it owned.
        unsafe { libc::close_range(3, libc::c_uint::MAX, 0) };
        Segment::reattach(&sim).unwrap();
        let mine = Segment::attachment(&sim);
        mine.alive(parent) && mine.alive(mine.identity().unwrap())
    });
    assert!(child.succeeded());
}

#[test]
fn a_started_program_keeps_nothing() {
    let _alone = alone();
    let name = unique("exec");
    let sim = Sim::create(&name).unwrap();
    let mut other = std::process::Command::new("sleep")
        .arg("60")
        .spawn()
        .unwrap();
    assert_eq!(Segment::participants(&sim).unwrap().len(), 1);
    drop(sim);
    assert!(!exists(&name), "the started program inherited no lock");
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn a_killed_child_is_dead_at_once() {
    let _alone = alone();
    let name = unique("killed");
    let attached = Signal::new();
    let sim = Sim::create(&name).unwrap();
    let child = Forked::new(|| {
        Segment::reattach(&sim).unwrap();
        attached.raise();
        loop {
            std::thread::park();
        }
    });
    attached.wait();
    let me = Segment::attachment(&sim);
    let found = Segment::participants(&sim).unwrap();
    let other = found
        .iter()
        .find(|found| Some(found.identity) != me.identity())
        .unwrap();
    assert!(me.alive(other.identity));
    // SAFETY: kills a child of this process that was not reaped.
    unsafe { libc::kill(child.0, libc::SIGKILL) };
    assert!(!child.succeeded());
    assert!(!me.alive(other.identity));
    assert_eq!(Segment::participants(&sim).unwrap().len(), 1);
}
