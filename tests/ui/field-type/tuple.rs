use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    pair: (Atomic<u32>, Atomic<u32>),
}

fn main() {}
