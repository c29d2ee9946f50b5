use shm_runtime::prelude::*;

const SHARDS: usize = 1000;

#[derive(ShmLayout)]
struct Sim {
    shards: [Atomic<u8>; SHARDS],
}

fn main() {}
