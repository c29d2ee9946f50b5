use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    count: std::sync::atomic::AtomicUsize,
}

fn main() {}
