use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    state: std::sync::Mutex<u32>,
}

fn main() {}
