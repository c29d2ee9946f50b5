use shm_runtime::prelude::*;

#[derive(ShmLayout)]
#[shm(crate = "not a path")]
struct Sim {
    a: Atomic<u8>,
}

fn main() {}
