use shm_runtime::prelude::*;

const CAPACITY: usize = 1000;

#[derive(ShmLayout)]
struct Sim {
    events: Queue<u64, CAPACITY>,
    more: Queue<u64, { 3 * 4 }>,
    grid: Array<f32, { CAPACITY - 1000 }>,
    shards: [Queue<u64, { 2 + 1 }>; 2],
}

fn main() {}
