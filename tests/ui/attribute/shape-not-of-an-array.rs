use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    #[shm(shape = [2, 2])]
    level: Atomic<f32>,
    #[shm(shape = [2, 2])]
    events: Queue<u8, 4>,
}

fn main() {}
