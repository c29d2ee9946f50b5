use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    idle: Stack<u32, 40_000>,
}

#[derive(ShmLayout)]
#[shm(lanes = 256)]
struct Shards {
    idle: [Stack<u32, 32_512>; 4],
}

fn main() {}
