use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    #[shm(shape = [3, 5])]
    grid: Array<f32, 16>,
}

fn main() {}
