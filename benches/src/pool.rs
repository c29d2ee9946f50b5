//! `Pool`: to acquire an object and give it back, beside what serves as a free list elsewhere: a lock-free
//! stack, or a queue, of indices.

use crate::boost;
use crate::fifo;
use crate::measure::{Bench, Goal};
use crossbeam_queue::ArrayQueue;
use shm_runtime::structures::Pool;
use shm_runtime::{Segment, ShmLayout};

const OBJECTS: usize = 1024;
const BOOST: &str = "Boost.Lockfree stack, of indices";
const QUEUE: &str = "crossbeam-queue ArrayQueue, of indices";
const GOAL: Goal = Goal::AtLeast(1.5);

#[derive(ShmLayout)]
struct Ours {
    pool: Pool<[u64; 7], OBJECTS>,
}

fn create() -> Segment<Ours> {
    let name = format!("bench-pool-{}", std::process::id());
    let options = Ours::options().prefault(true);
    options.create(&name).expect("a segment")
}

fn free_list() -> ArrayQueue<u64> {
    let queue = ArrayQueue::new(OBJECTS);
    (0..OBJECTS as u64).for_each(|index| queue.push(index).expect("room"));
    queue
}

/// Acquires an object and gives it back.
pub fn alone() -> impl FnMut(u64) -> f64 {
    let ours = create();
    move |n| {
        let acquire = |_: u64| ours.pool.acquire().map(drop).is_some();
        fifo::pair(n, acquire, || None)
    }
}

pub fn run(bench: &mut Bench) {
    // one acquires an object where others take an index out, and drops it where they put it back
    bench
        .case("pool", "acquire + release, one thread", "ns")
        .ours(alone)
        .peer_if(BOOST, GOAL, boost::stack_pair(8))
        .peer(QUEUE, Goal::None, || {
            let queue = free_list();
            move |n| {
                let take = |_: u64| queue.pop().is_some_and(|index| queue.push(index).is_ok());
                fifo::pair(n, take, || None)
            }
        })
        .run();
    bench
        .case("pool", "acquire + release, two threads at once", "ns")
        .ours(|| {
            let ours = create();
            let name = Segment::name(&ours).to_owned();
            let other = Ours::open(&name).expect("the segment");
            // each thread has a handle of its own, which remembers where it freed last
            let handles = [ours.pool.clone(), other.pool.clone()];
            move |n| {
                fifo::at_once(n, |thread, _| {
                    drop(handles[thread].acquire().expect("one is free"))
                })
            }
        })
        .peer_if(BOOST, GOAL, boost::stack_contended(8))
        .peer(QUEUE, Goal::None, || {
            let queue = free_list();
            move |n| {
                fifo::at_once(n, |_, _| {
                    let index = queue.pop().expect("one is free");
                    queue.push(index).expect("room");
                })
            }
        })
        .run();
}
