use shm_runtime::prelude::*;

#[derive(ShmLayout)]
union Sim {
    grid: std::mem::ManuallyDrop<Array<f32, 4>>,
}

fn main() {}
