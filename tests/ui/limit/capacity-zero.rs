use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    grid: Array<f32, 0>,
    events: Queue<u8, 0>,
}

fn main() {}
