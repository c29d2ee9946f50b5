use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    callback: fn(u32),
}

fn main() {}
