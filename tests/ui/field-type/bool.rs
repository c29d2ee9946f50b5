use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    ready: bool,
}

fn main() {}
