use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    tiles: LargeMap<u32, [u8; 256], 1000, 2000>,
}

#[derive(ShmLayout)]
struct Other {
    tiles: LargeMap<u32, [u8; 256], 1024, 2000>,
}

fn main() {}
