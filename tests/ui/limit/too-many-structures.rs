use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    shards: [Atomic<u8>; 257],
    none: [Atomic<u8>; 0],
}

fn main() {}
