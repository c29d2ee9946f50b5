use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Drone {
    armed: Versioned<bool>,
    path: Versioned<Vec<f64>>,
    goal: Versioned<Option<u32>>,
}

fn main() {}
