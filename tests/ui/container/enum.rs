use shm_runtime::prelude::*;

#[derive(ShmLayout)]
enum Sim {
    Grid(Array<f32, 4>),
}

fn main() {}
