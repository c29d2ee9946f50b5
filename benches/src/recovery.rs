//! What a death costs: the time until everything is back, and an operation's price until then.

use crate::fifo;
use crate::measure::{Bench, Goal};
use crate::process::{Child, fork, pin, stop};
use shm_runtime::{Pool, Queue, Segment, ShmLayout};
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
fn holder(world: &Segment<World>, elements: usize, objects: usize) -> Child {
    let name = Segment::name(world);
    let child = fork(1, || {
        let world = World::open(name).expect("the segment");
        let taken: Vec<_> = (0..elements)
            .map(|_| world.queue.take().expect("a lane").expect("an element"))
            .collect();
        let leased: Vec<_> = (0..objects)
            .map(|_| world.pool.acquire().expect("an object"))
            .collect();
        stop();
        drop((taken, leased));
    });
    child.wait_stopped();
    pin(0);
    child
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
    let holder = holder(world, HELD, 0);
    assert!(world.queue.pop().is_none(), "the dead one has them all");
    let start = Instant::now();
    holder.kill();
    let mut back = 0;
    while back < HELD {
        Segment::recover(world);
        back += core::iter::from_fn(|| world.queue.pop()).count();
    }
    let took = start.elapsed();
    holder.wait();
    took.as_nanos() as f64 / 1000.0
}

/// From the kill until the survivor has every object that the dead one had, in µs.
fn objects_back(world: &Segment<World>) -> f64 {
    let holder = holder(world, 0, HELD);
    assert!(world.pool.acquire().is_none(), "the dead one has them all");
    let start = Instant::now();
    holder.kill();
    let mut leases = Vec::new();
    while leases.len() < HELD {
        leases.extend(world.pool.acquire());
    }
    let took = start.elapsed();
    holder.wait();
    took.as_nanos() as f64 / 1000.0
}

/// From the kill until the kernel has let its locks go: no recovery can begin before. In µs.
fn locks_free(_: &Segment<World>) -> f64 {
    // SAFETY: a literal with its NUL.
    let fd = unsafe { libc::memfd_create(c"bench-lock".as_ptr(), 0) };
    assert!(fd >= 0, "a file");
    let path = format!("/proc/self/fd/{fd}");
    let child = fork(1, || {
        let file = std::fs::File::options().read(true).write(true).open(&path);
        let file = file.expect("the same file");
        assert!(lock(&file), "nobody has it");
        stop();
    });
    child.wait_stopped();
    pin(0);
    let file = std::fs::File::options().read(true).write(true).open(&path);
    let file = file.expect("the same file");
    let start = Instant::now();
    child.kill();
    while !lock(&file) {}
    let took = start.elapsed();
    child.wait();
    // SAFETY: the file from above.
    unsafe { libc::close(fd) };
    took.as_nanos() as f64 / 1000.0
}

/// Takes the first byte, if it is free.
fn lock(file: &std::fs::File) -> bool {
    use std::os::fd::AsRawFd;
    // SAFETY: all-zero is a valid lock.
    let mut lock: libc::flock = unsafe { core::mem::zeroed() };
    lock.l_type = libc::F_WRLCK as libc::c_short;
    lock.l_len = 1;
    // SAFETY: an open file and a live lock.
    unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) == 0 }
}

/// The mean of `n` deaths.
fn deaths(kind: &str, once: fn(&Segment<World>) -> f64) -> impl FnMut(u64) -> f64 {
    let world = create(kind);
    move |n| (0..n).map(|_| once(&world)).sum::<f64>() / n as f64
}

/// A segment with one who died while it held something, and whom nobody has recovered.
fn with_one_dead(kind: &str) -> Segment<World> {
    let world = create(kind);
    for number in 0..HELD as u64 {
        world.queue.push(number).expect("room");
    }
    let holder = holder(&world, HELD, HELD);
    holder.kill();
    holder.wait();
    world
}

pub fn run(bench: &mut Bench) {
    const LOCKS: &str = "the kernel, until a lock is free";
    bench
        .case("recovery", "SIGKILL to the last of 8 taken elements", "µs")
        .slow(20)
        .ours(|| deaths("elements", elements_back))
        .peer(LOCKS, Goal::None, || deaths("locks", locks_free))
        .run();
    bench
        .case("recovery", "SIGKILL to the last of 8 leased objects", "µs")
        .slow(20)
        .ours(|| deaths("objects", objects_back))
        .peer(LOCKS, Goal::None, || deaths("other-locks", locks_free))
        .run();
    let pairs = |world: Segment<World>| {
        move |n| {
            fifo::pair(
                n,
                |value| world.queue.push(value).is_ok(),
                || world.queue.pop(),
            )
        }
    };
    bench
        .case(
            "recovery",
            "push + pop beside one who died with 8 elements",
            "ns",
        )
        .ours(|| pairs(with_one_dead("dead")))
        .peer("itself, nobody dead", Goal::None, || pairs(create("alone")))
        .run();
}
