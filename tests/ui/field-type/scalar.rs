use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    level: f32,
    count: usize,
    big: u128,
}

fn main() {}
