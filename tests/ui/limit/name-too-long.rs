use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    a_name_of_more_than_thirty_one_bytes: Atomic<u8>,
}

fn main() {}
