use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    state: std::sync::Mutex<u32>,
    table: std::sync::RwLock<[u32; 4]>,
    start: std::sync::Barrier,
    set_up: std::sync::Once,
    news: std::sync::Condvar,
}

fn main() {}
