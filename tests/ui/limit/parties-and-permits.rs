use shm_runtime::prelude::*;

const CROWD: usize = 100;

#[derive(ShmLayout)]
struct Sim {
    nobody: sync::Barrier<0>,
    none: sync::Semaphore<0>,
}

#[derive(ShmLayout)]
struct Crowd {
    step: sync::Barrier<CROWD>,
}

fn main() {}
