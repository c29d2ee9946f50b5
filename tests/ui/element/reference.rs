use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    names: Queue<&'static str, 4>,
}

fn main() {}
