use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim(Array<f32, 4>, Atomic<u32>);

fn main() {}
