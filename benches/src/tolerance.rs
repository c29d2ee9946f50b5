//! What it costs the survivors that attached processes are killed a hundred times a second.
//!
//! One process pushes and pops on processor 1. On processor 0 another forks children and kills them, one
//! every 10 ms. They work on the survivor's segment, and are killed with an element and an object in their
//! hands, which must be recovered. In the control run they do the very same on a segment of their own.

use crate::measure::{Bench, Goal};
use crate::process::{Child, fork, pin};
use shm_runtime::{Pool, Queue, Segment, ShmLayout};
use std::time::{Duration, Instant};

/// From death to death.
const EVERY: Duration = Duration::from_millis(10);
/// Operations of each victim.
const BURST: u64 = 64;
/// Far more than the dead can leave behind.
const CAPACITY: usize = 1024;

#[derive(ShmLayout)]
struct World {
    queue: Queue<u64, CAPACITY>,
    pool: Pool<u64, 64>,
}

fn create(kind: &str) -> Segment<World> {
    let name = format!("bench-tolerance-{kind}-{}", std::process::id());
    World::create(&name).expect("a segment")
}

pub fn run(bench: &mut Bench) {
    let milliseconds = if bench.scale.is_full { 2000 } else { 300 };
    bench
        .case(
            "tolerance",
            "push + pop while attached processes are killed 100 times a second",
            "M/s",
        )
        .slow(milliseconds)
        .ours(|| {
            let world = create("ours");
            move |n| survive(n, &world, Segment::name(&world))
        })
        .peer(
            "itself, while bystanders are killed",
            Goal::AtLeast(0.95),
            || {
                let (world, other) = (create("control"), create("bystanders"));
                move |n| survive(n, &world, Segment::name(&other))
            },
        )
        .run();
}

/// Millions of pushes and pops a second, over so many milliseconds.
fn survive(milliseconds: u64, world: &World, victims_world: &str) -> f64 {
    let killer = fork(0, || kill_for_ever(victims_world));
    pin(1);
    let (start, limit) = (Instant::now(), Duration::from_millis(milliseconds));
    let mut pairs = 0_u64;
    while start.elapsed() < limit {
        for number in 0..1000 {
            while world.queue.push(number).is_err() {
                world.queue.pop(); // of a victim that was killed between its push and its pop
            }
            world.queue.pop();
        }
        pairs += 1000;
    }
    let took = start.elapsed();
    killer.kill();
    killer.wait();
    pairs as f64 / took.as_nanos() as f64 * 1000.0
}

fn kill_for_ever(world: &str) {
    let mut next = Instant::now();
    loop {
        let victim: Child = fork(0, || be_victim(world));
        next += EVERY;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        victim.kill();
        victim.wait();
    }
}

fn be_victim(world: &str) {
    // SAFETY: sets what becomes of this process when its killer dies, and touches no memory. Else the last victim would
    // outlive the benchmark, with what it inherited of its attachments, and leave the segment's name behind.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    let world = World::open(world).expect("the segment");
    for number in 0..BURST {
        _ = world.queue.push(number);
        world.queue.pop();
    }
    _ = world.queue.push(0);
    let element = world.queue.take();
    let object = world.pool.acquire();
    std::thread::sleep(Duration::from_secs(10)); // and dies here
    drop((element, object));
}
