use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    #[shm(numa = "node1")]
    grid: Array<f32, 1000>,
    #[shm(numa = "bind(1)", align = 64)]
    wet: Array<u32, 1000>,
    #[shm(numa = 1)]
    dry: Array<u32, 1000>,
}

fn main() {}
