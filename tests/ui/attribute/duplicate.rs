use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    #[shm(unit = "m", unit = "cm")]
    grid: Array<f32, 4>,
    #[shm(rename = "a")]
    #[shm(rename = "b")]
    level: Atomic<f32>,
}

fn main() {}
