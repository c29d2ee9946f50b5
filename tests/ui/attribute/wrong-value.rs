use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    #[shm(rename = 3)]
    a: Atomic<u8>,
    #[shm(align = "64")]
    b: Atomic<u8>,
    #[shm(shape = 4)]
    c: Array<u8, 4>,
    #[shm(unit)]
    d: Atomic<u8>,
}

fn main() {}
