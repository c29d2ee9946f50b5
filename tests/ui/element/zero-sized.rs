use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    units: Array<(), 4>,
    empty: Array<[u8; 0], 4>,
}

fn main() {}
