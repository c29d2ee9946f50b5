use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    grid: [f32; 100],
}

fn main() {}
