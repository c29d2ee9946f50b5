use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    grid: Array<f64, 100_000_000_000>,
}

fn main() {}
