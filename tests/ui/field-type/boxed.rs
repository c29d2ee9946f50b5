use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    grid: Box<Array<f32, 4>>,
}

fn main() {}
