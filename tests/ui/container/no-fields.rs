use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {}

fn main() {}
