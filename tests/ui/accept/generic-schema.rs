use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Ring<T: Element, const N: usize> {
    items: Queue<T, N>,
}

#[derive(ShmLayout)]
struct Sim {
    a: Ring<u8, 4>,
    b: Ring<[f32; 3], 8>,
}

fn main() {}
