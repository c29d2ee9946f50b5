//! `Stack` beside Boost.Lockfree's and a vector under a lock.

use crate::boost;
use crate::fifo::{self, CAPACITY, Sample};
use crate::measure::{Bench, Goal};
use parking_lot::Mutex;
use shm_runtime::structures::Stack;
use shm_runtime::{Element, Segment, ShmLayout};

const BOOST: &str = "Boost.Lockfree stack";
const LOCK: &str = "a Vec in a parking_lot Mutex";
const GOAL: Goal = Goal::AtLeast(1.5);

#[derive(ShmLayout)]
struct Ours<T: Element> {
    stack: Stack<T, CAPACITY>,
}

fn create<T: Sample>() -> Segment<Ours<T>> {
    let name = format!("bench-stack-{}", std::process::id());
    let options = Ours::options().prefault(true);
    options.create(&name).expect("a segment")
}

pub fn run(bench: &mut Bench) {
    sized::<u64>(bench);
    sized::<[u64; 3]>(bench);
    sized::<[u64; 7]>(bench);
}

fn sized<T: Sample>(bench: &mut Bench) {
    let size = size_of::<T>();
    let locked = || Mutex::new(Vec::<T>::with_capacity(CAPACITY));
    bench
        .case("stack", &format!("push + pop, one thread, {size} B"), "ns")
        .ours(|| pair::<T>)
        .peer_if(BOOST, GOAL, boost::stack_pair(size))
        .peer(LOCK, Goal::None, || {
            let stack = locked();
            move |n| fifo::pair(n, |value| push(&stack, value), || stack.lock().pop())
        })
        .run();
    bench
        .case(
            "stack",
            &format!("push + pop, two threads at once, {size} B"),
            "ns",
        )
        .ours(|| {
            let first = create::<T>();
            let second = Ours::<T>::open(Segment::name(&first)).expect("the segment");
            let ours = [first, second];
            move |n| {
                let push = |thread: usize, value| ours[thread].stack.push(value).is_ok();
                fifo::contended(n, push, |thread| ours[thread].stack.pop())
            }
        })
        .peer_if(BOOST, GOAL, boost::stack_contended(size))
        .peer(LOCK, Goal::None, || {
            let stack = locked();
            move |n| fifo::contended(n, |_, value| push(&stack, value), |_| stack.lock().pop())
        })
        .run();
}

pub fn pair<T: Sample>(n: u64) -> f64 {
    let ours = create::<T>();
    fifo::pair(
        n,
        |value| ours.stack.push(value).is_ok(),
        || ours.stack.pop(),
    )
}

fn push<T: Sample>(stack: &Mutex<Vec<T>>, value: T) -> bool {
    let mut stack = stack.lock();
    let has_room = stack.len() < CAPACITY;
    if has_room {
        stack.push(value);
    }
    has_room
}
