use shm_runtime::prelude::*;

#[derive(ShmLayout)]
#[shm(lanes = 0)]
struct Sim {
    events: Vec<u8>,
    #[shm(rename = "a.b", color = "red")]
    grid: Array<f32, 0>,
    ready: bool,
}

fn main() {}
