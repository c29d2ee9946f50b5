use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    indices: Array<usize, 4>,
    offsets: Queue<isize, 4>,
}

fn main() {}
