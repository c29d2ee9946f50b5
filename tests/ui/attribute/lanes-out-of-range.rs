use shm_runtime::prelude::*;

#[derive(ShmLayout)]
#[shm(lanes = 1025)]
struct Sim {
    a: Atomic<u8>,
}

fn main() {}
