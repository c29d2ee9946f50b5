use shm_runtime::prelude::*;

#[derive(ShmLayout)]
#[shm(lane = 4)]
struct Sim {
    #[shm(colour = "red")]
    grid: Array<f32, 4>,
}

fn main() {}
