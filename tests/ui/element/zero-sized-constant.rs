use shm_runtime::prelude::*;

const NONE: usize = 0;

#[derive(ShmLayout)]
struct Sim {
    empty: Array<[u8; NONE], 4>,
}

fn main() {}
