use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    #[shm(align = 100)]
    a: Atomic<u8>,
    #[shm(align = 16)]
    b: Atomic<u8>,
    #[shm(align = 8192)]
    c: Atomic<u8>,
}

fn main() {}
