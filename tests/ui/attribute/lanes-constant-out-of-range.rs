use shm_runtime::prelude::*;

const LANES: usize = 0;

#[derive(ShmLayout)]
#[shm(lanes = LANES)]
struct Sim {
    a: Atomic<u8>,
}

fn main() {}
