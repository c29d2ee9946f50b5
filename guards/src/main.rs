//! The hot paths, each as a function of its own that a user's program might have.
//!
//! With the name of one it runs that a few thousand times, says where it lies, stops until it is let go on, and runs it
//! once more: `tests/guards.rs` counts what happens in that last call, and reads the code in the assembly.

#![allow(unsafe_code)] // stops itself

use shm_runtime::prelude::*;
use shm_runtime::{Consumer, Producer};
use std::hint::black_box;

#[derive(Clone, Copy, Pod, Zeroable, ShmType)]
#[repr(C)]
struct Params {
    rain: f64,
    wind: f64,
    step: u64,
}

#[derive(ShmLayout)]
#[shm(lanes = 4)]
struct Hot {
    queue: Queue<u64, 1024>,
    spsc: Spsc<u64, 1024>,
    stack: Stack<u64, 1024>,
    map: Map<u64, u64, 1024>,
    params: Versioned<Params>,
    grid: Array<f32, 1024>,
    count: Atomic<u64>,
}

#[inline(never)]
fn queue_push(queue: &Queue<u64, 1024>, value: u64) -> bool {
    queue.push(value).is_ok()
}

#[inline(never)]
fn queue_pop(queue: &Queue<u64, 1024>) -> Option<u64> {
    queue.pop()
}

#[inline(never)]
fn spsc_push(producer: &mut Producer<u64, 1024>, value: u64) -> bool {
    producer.push(value).is_ok()
}

#[inline(never)]
fn spsc_pop(consumer: &mut Consumer<u64, 1024>) -> Option<u64> {
    consumer.pop()
}

#[inline(never)]
fn stack_push(stack: &Stack<u64, 1024>, value: u64) -> bool {
    stack.push(value).is_ok()
}

#[inline(never)]
fn stack_pop(stack: &Stack<u64, 1024>) -> Option<u64> {
    stack.pop()
}

#[inline(never)]
fn map_get(map: &Map<u64, u64, 1024>, key: u64) -> Option<u64> {
    map.get(key)
}

#[inline(never)]
fn map_update(map: &Map<u64, u64, 1024>, key: u64, value: u64) -> bool {
    matches!(map.insert(key, value), Ok(Some(_)))
}

#[inline(never)]
fn versioned_load(params: &Versioned<Params>) -> Params {
    params.load()
}

#[inline(never)]
fn versioned_store(params: &Versioned<Params>, value: Params) {
    let _ = params.store(value);
}

#[inline(never)]
fn array_get(grid: &Array<f32, 1024>, index: usize) -> f32 {
    grid.get(index)
}

#[inline(never)]
fn atomic_add(count: &Atomic<u64>) -> u64 {
    count.fetch_add(1)
}

/// Calls before the one that counts: an operation's first ones lease a lane, and its caches are cold.
const WARM: usize = 4096;

/// Runs `operation`, which lies at `address`, `WARM` times and once more behind a stop; `undo` keeps the state.
fn measure(address: *const (), mut operation: impl FnMut(), mut undo: impl FnMut()) {
    for _ in 0..WARM {
        operation();
        undo();
    }
    println!("{:#x}", address.addr());
    // SAFETY: stops this process until its parent lets it go on.
    unsafe { libc::raise(libc::SIGSTOP) };
    operation();
}

fn main() {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let name = format!("shm-test-guards-{}-{wanted}", std::process::id());
    let hot = Hot::create(&name).expect("the name is new");
    let (queue, stack, map) = (&hot.queue, &hot.stack, &hot.map);
    let mut producer = hot.spsc.producer().expect("nobody else is there");
    let mut consumer = hot.spsc.consumer().expect("nobody else is there");
    let none = Params::zeroed();
    let one = black_box(1);
    map.insert(one, 1).expect("there is room");
    queue.push(1).expect("there is room");
    stack.push(1).expect("there is room");
    let pop = || _ = queue.pop();
    let put = || _ = queue.push(1);
    match wanted.as_str() {
        "queue_push" => measure(
            queue_push as *const (),
            || _ = black_box(queue_push(queue, one)),
            pop,
        ),
        "queue_pop" => measure(
            queue_pop as *const (),
            || _ = black_box(queue_pop(queue)),
            put,
        ),
        "spsc_push" => measure(
            spsc_push as *const (),
            || _ = black_box(spsc_push(&mut producer, one)),
            || _ = consumer.pop(),
        ),
        "spsc_pop" => {
            producer.push(1).expect("there is room");
            let pop = || _ = black_box(spsc_pop(&mut consumer));
            measure(spsc_pop as *const (), pop, || _ = producer.push(1));
        }
        "stack_push" => measure(
            stack_push as *const (),
            || _ = black_box(stack_push(stack, one)),
            || _ = stack.pop(),
        ),
        "stack_pop" => measure(
            stack_pop as *const (),
            || _ = black_box(stack_pop(stack)),
            || _ = stack.push(1),
        ),
        "map_get" => measure(
            map_get as *const (),
            || _ = black_box(map_get(map, one)),
            || (),
        ),
        "map_update" => measure(
            map_update as *const (),
            || _ = black_box(map_update(map, one, one)),
            || (),
        ),
        "versioned_load" => measure(
            versioned_load as *const (),
            || _ = black_box(versioned_load(&hot.params)),
            || (),
        ),
        "versioned_store" => measure(
            versioned_store as *const (),
            || versioned_store(&hot.params, black_box(none)),
            || (),
        ),
        "array_get" => measure(
            array_get as *const (),
            || _ = black_box(array_get(&hot.grid, one as usize)),
            || (),
        ),
        "atomic_add" => measure(
            atomic_add as *const (),
            || _ = black_box(atomic_add(&hot.count)),
            || (),
        ),
        unknown => panic!("no operation is called `{unknown}`"),
    }
}
