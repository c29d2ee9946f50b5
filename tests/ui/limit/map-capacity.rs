use shm_runtime::prelude::*;

const USERS: usize = 100;

#[derive(ShmLayout)]
struct Sim {
    ages: Map<u32, u32, 1000>,
    seen: Set<u32, 0>,
}

#[derive(ShmLayout)]
struct Other {
    users: Map<u32, u32, USERS>,
}

fn main() {}
