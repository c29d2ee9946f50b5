use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    events: Queue<u64, 1000>,
    samples: Spsc<f32, 3>,
}

fn main() {}
