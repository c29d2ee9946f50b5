use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    a: [Atomic<u8>; 256],
    b: [Atomic<u8>; 256],
    c: [Atomic<u8>; 256],
    d: [Atomic<u8>; 256],
}

fn main() {}
