use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    #[shm(rename = "@control")]
    a: Atomic<u8>,
    #[shm(rename = "left.a")]
    b: Atomic<u8>,
    #[shm(rename = "b[0]")]
    c: Atomic<u8>,
    #[shm(rename = "")]
    d: Atomic<u8>,
    #[shm(rename = "a\0")]
    e: Atomic<u8>,
}

fn main() {}
