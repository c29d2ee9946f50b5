use shm_runtime::prelude::*;
use shm_runtime::sync::Mutex;

#[derive(ShmLayout)]
struct Sim {
    names: Mutex<Vec<u32>>,
    flag: sync::Mutex<bool>,
}

fn main() {}
