use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim<'a> {
    grid: Array<f32, 4>,
    name: &'a str,
}

fn main() {}
