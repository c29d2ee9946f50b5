use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    names: Queue<String, 4>,
    lists: Array<Vec<u8>, 4>,
}

fn main() {}
