//! What a death costs: the time until everything is back, and an operation's price until then.

use crate::measure::{Group, Scale};
use shm_runtime::{Pool, Queue, Segment, ShmLayout};
use std::sync::Arc;
use std::time::Instant;

/// Elements and objects that the dead one holds.
const HELD: usize = 8;
/// Capacity of each structure.
const CAPACITY: usize = 64;

#[derive(ShmLayout)]
struct World {
    queue: Queue<u64, CAPACITY>,
    pool: Pool<u64, HELD>,
}

/// A process that holds elements, objects, or nothing, and is stopped.
struct Holder(libc::pid_t);

impl Holder {
    fn new(name: &str, elements: usize, objects: usize) -> Self {
        // SAFETY: this program has one thread at this time; the child ends without returning.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0, "no more processes");
        if pid == 0 {
            let world = World::open(name).expect("the segment");
            let taken: Vec<_> = (0..elements)
                .map(|_| world.queue.take().expect("a lane").expect("an element"))
                .collect();
            let leased: Vec<_> = (0..objects)
                .map(|_| world.pool.acquire().expect("an object"))
                .collect();
            // SAFETY: stops this process; its parent kills it then.
            unsafe { libc::raise(libc::SIGSTOP) };
            drop((taken, leased));
            // SAFETY: ends this process.
            unsafe { libc::_exit(0) };
        }
        let mut status = 0;
        // SAFETY: a child of this process, and a live integer.
        unsafe { libc::waitpid(pid, &raw mut status, libc::WUNTRACED) };
        assert!(libc::WIFSTOPPED(status), "it holds what it should");
        Self(pid)
    }

    /// Sends the signal, and does not wait.
    fn kill(&self) {
        // SAFETY: a child of this process that was not reaped.
        unsafe { libc::kill(self.0, libc::SIGKILL) };
    }

    fn bury(self) {
        let mut status = 0;
        // SAFETY: as above, and a live integer.
        unsafe { libc::waitpid(self.0, &raw mut status, 0) };
    }
}

fn create(kind: &str) -> Segment<World> {
    let name = format!("bench-recovery-{kind}-{}", std::process::id());
    World::create(&name).expect("a segment")
}

/// From the kill until the survivor has popped the last element that the dead one had taken, in µs.
fn elements_back(world: &Segment<World>) -> f64 {
    for number in 0..HELD as u64 {
        world.queue.push(number).expect("room");
    }
    let holder = Holder::new(Segment::name(world), HELD, 0);
    assert!(world.queue.pop().is_none(), "the dead one has them all");
    let start = Instant::now();
    holder.kill();
    let mut back = 0;
    while back < HELD {
        Segment::recover(world);
        back += core::iter::from_fn(|| world.queue.pop()).count();
    }
    let took = start.elapsed();
    holder.bury();
    took.as_nanos() as f64 / 1000.0
}

/// From the kill until the survivor has every object that the dead one had, in µs.
fn objects_back(world: &Segment<World>) -> f64 {
    let holder = Holder::new(Segment::name(world), 0, HELD);
    assert!(world.pool.acquire().is_none(), "the dead one has them all");
    let start = Instant::now();
    holder.kill();
    let mut leases = Vec::new();
    while leases.len() < HELD {
        leases.extend(world.pool.acquire());
    }
    let took = start.elapsed();
    holder.bury();
    took.as_nanos() as f64 / 1000.0
}

/// A push and a pop, in ns.
fn push_and_pop(world: &World, operations: u64) -> f64 {
    let start = Instant::now();
    for number in 0..operations {
        world.queue.push(number).expect("room");
        assert!(world.queue.pop().is_some(), "an element");
    }
    start.elapsed().as_nanos() as f64 / operations as f64
}

/// A segment with one who died while it held something, and whom nobody has recovered.
fn with_one_dead(kind: &str, elements: usize, objects: usize) -> Segment<World> {
    let world = create(kind);
    for number in 0..elements as u64 {
        world.queue.push(number).expect("room");
    }
    let holder = Holder::new(Segment::name(&world), elements, objects);
    holder.kill();
    holder.bury();
    world
}

pub fn groups(scale: Scale) -> Vec<Group<'static>> {
    let world = Arc::new(create("time"));
    let other = Arc::clone(&world);
    let operations = scale.operations;
    let (alone, dead) = (create("alone"), with_one_dead("dead", HELD, HELD));
    vec![
        Group::new("recovery, SIGKILL to the last one back", "µs")
            .row("8 taken elements of a queue", move || elements_back(&world))
            .row("8 leased objects of a pool", move || objects_back(&other)),
        Group::new("recovery, push and pop", "ns")
            .row("nobody is dead", move || push_and_pop(&alone, operations))
            .row("one died with 8 elements and 8 objects", move || {
                push_and_pop(&dead, operations)
            }),
    ]
}
