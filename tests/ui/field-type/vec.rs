use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    events: Vec<u8>,
    path: std::collections::VecDeque<u8>,
}

fn main() {}
