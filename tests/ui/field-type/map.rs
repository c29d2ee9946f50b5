use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    index: std::collections::HashMap<u32, u32>,
    seen: std::collections::HashSet<u32>,
}

fn main() {}
