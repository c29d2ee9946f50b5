use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Market {
    quotes: Broadcast<f64, 100>,
    halts: Broadcast<u32, 0>,
}

fn main() {}
