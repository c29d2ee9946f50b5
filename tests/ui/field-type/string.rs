use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    name: String,
}

fn main() {}
