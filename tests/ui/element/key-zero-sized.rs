use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    seen: Set<(), 64>,
}

fn main() {}
