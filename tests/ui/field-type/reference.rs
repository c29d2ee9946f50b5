use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    grid: &'static Array<f32, 4>,
    raw: *mut u8,
}

fn main() {}
