use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    a_name_of_twenty_eight_bytes: [Atomic<u8>; 100],
}

fn main() {}
