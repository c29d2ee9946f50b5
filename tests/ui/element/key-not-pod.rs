use shm_runtime::prelude::*;

#[derive(Clone, Copy)]
struct Name(u32);

#[derive(ShmLayout)]
struct Sim {
    ages: Map<Name, u32, 64>,
    names: Map<u32, Name, 64>,
}

fn main() {}
