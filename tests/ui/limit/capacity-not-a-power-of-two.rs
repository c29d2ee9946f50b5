use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    events: Queue<u64, 1000>,
}

fn main() {}
