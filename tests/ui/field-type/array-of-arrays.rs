use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    grid: [[Array<f32, 4>; 2]; 2],
}

fn main() {}
