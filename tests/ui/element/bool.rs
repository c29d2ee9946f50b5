use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    flags: Array<bool, 4>,
    letters: Array<char, 4>,
}

fn main() {}
