use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    depths: Map<f64, u32, 64>,
    seen: Set<[f32; 2], 64>,
}

fn main() {}
