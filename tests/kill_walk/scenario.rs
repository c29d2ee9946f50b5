//! What is walked: a world with one of each structure, and scenarios in it.
//!
//! To add a structure: give [`World`] a field, and `scenarios/` a file with two lists. `SCENARIOS` says in words what
//! must be seen: it is walked alone, with deaths in recovery. A [`Family`](super::family::Family) lists operations
//! and states: every operation is let loose on every other, in two processes, in a handler, in a forked child.

use super::tracee::Turn;
use shm_runtime::{
    Array, Atomic, Broadcast, LargeMap, Map, Pool, Queue, Segment, Set, ShmLayout, Spsc, Stack,
    Versioned, VersionedArray, sync,
};

/// An element: its value twice, so that a torn one shows.
pub type Pair = [u64; 2];

/// Lanes of the world.
pub const LANES: usize = 16;

/// One of each structure, as small as makes sense.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 16)]
pub struct World {
    pub queue: Queue<Pair, 2>,
    /// For getting lanes before a walk begins.
    pub scratch: Queue<u64, 2>,
    pub spsc: Spsc<Pair, 2>,
    pub pool: Pool<Pair, 2>,
    pub cells: Array<u64, 4>,
    pub counter: Atomic<u64>,
    pub latest: Versioned<Pair>,
    pub news: Broadcast<Pair, 2>,
    pub map: Map<u64, Pair, 2>,
    pub large: LargeMap<u64, Pair, 4, 1>,
    pub stack: Stack<Pair, 2>,
    pub mutex: sync::Mutex<Pair>,
    pub table: sync::RwLock<Pair>,
    pub permits: sync::Semaphore<2>,
    pub gate: sync::Barrier<2>,
    pub once: sync::Once,
    pub signal: sync::Signal,
    pub frames: VersionedArray<u64, 3>,
    pub set: Set<u64, 2>,
}

/// One operation, from one state.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// `structure.operation, state`.
    pub name: &'static str,
    /// Brings the world into the state.
    pub set_up: fn(&Segment<World>),
    /// The operation of the process that is killed or stopped.
    pub operation: fn(&Segment<World>, &Turn),
    /// What can be seen of the world; leaves it in any state.
    pub observe: fn(&Segment<World>) -> String,
    /// What is seen if the operation did not take effect, and if it did.
    pub before: &'static str,
    pub after: &'static str,
    /// What may be seen besides if it is killed on the way: prefixes of a batch.
    pub partly: &'static [&'static str],
    /// What may be seen besides while it is stopped on the way: what it holds is withheld.
    pub withheld: &'static [&'static str],
}

impl core::fmt::Debug for Scenario {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name)
    }
}

/// Gets a process the lanes that it will need, so that the walk is about the operation alone.
pub fn warm(world: &Segment<World>) {
    world.scratch.push(1).unwrap();
    assert_eq!(world.scratch.pop(), Some(1));
    world.scratch.push(2).unwrap();
    world.scratch.take().unwrap().unwrap().done();
}

/// Has a process do something in the world and die.
pub fn by_the_dead(world: &Segment<World>, work: impl FnOnce(&Segment<World>)) {
    let name = Segment::name(world);
    in_a_child(|| {
        let own = World::open(name).unwrap();
        work(&own);
        core::mem::forget(own);
    });
}

/// Has a process do something and die.
pub fn in_a_child(work: impl FnOnce()) {
    // SAFETY: the child does its work and exits without returning into the test harness.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let work = std::panic::AssertUnwindSafe(work);
        let code = i32::from(std::panic::catch_unwind(work).is_err());
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(code) };
    }
    let mut status = 0;
    // SAFETY: waits for the child that was forked above, into a live integer.
    let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
    assert_eq!((waited, status), (pid, 0));
}

/// The same for a process that holds so many loans or taken elements at a time.
pub fn warm_guards<const N: usize>(world: &Segment<World>) {
    drop([(); N].map(|()| world.scratch.loan().unwrap()));
}

/// Lanes whose owner is not alive, behind a recovery: there must be none.
pub fn leaked_lanes(world: &Segment<World>) -> usize {
    let attachment = Segment::attachment(world);
    let owners = attachment
        .lanes()
        .iter()
        .map(|record| record.owner.load(core::sync::atomic::Ordering::Relaxed));
    let alive: Vec<_> = Segment::participants(world)
        .unwrap()
        .into_iter()
        .map(|participant| participant.identity.word())
        .collect();
    owners
        .filter(|owner| *owner != 0 && !alive.contains(owner))
        .count()
}

/// Somebody else does something, forgets its guards, and leaves.
pub fn leaving(world: &Segment<World>, what: impl FnOnce(&World)) {
    let other = World::open(Segment::name(world)).unwrap();
    what(&other);
}
