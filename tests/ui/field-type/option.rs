use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    grid: Option<Array<f32, 4>>,
}

fn main() {}
