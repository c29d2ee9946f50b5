use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Shard {
    grid: Array<f32, 4>,
}

#[derive(ShmLayout)]
struct Sim {
    shards: [Shard; 4],
}

fn main() {}
