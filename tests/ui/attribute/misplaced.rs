use shm_runtime::prelude::*;

#[derive(ShmLayout)]
#[shm(unit = "m")]
struct Sim {
    #[shm(lanes = 4)]
    grid: Array<f32, 4>,
}

fn main() {}
