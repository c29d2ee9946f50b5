use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    age: std::time::Duration,
}

fn main() {}
