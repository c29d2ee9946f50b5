use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    #[shm]
    a: Atomic<u8>,
    #[shm = "b"]
    b: Atomic<u8>,
    #[shm(rename("c"))]
    c: Atomic<u8>,
    #[shm(3)]
    d: Atomic<u8>,
}

fn main() {}
