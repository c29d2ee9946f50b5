use shm_runtime::prelude::*;

/// A simulation.
#[derive(ShmLayout)]
#[shm(lanes = 2 * 4, crate = "::shm_runtime")]
struct Sim {
    /// Depth of the water.
    #[shm(rename = "water", align = 4096, shape = [2, 2], unit = "m")]
    #[shm()]
    grid: Array<f32, 4>,
}

fn main() {}
