use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    events: Vec<u8>,
}

fn use_it() {
    let sim = Sim::create("sim").unwrap();
    drop(Sim::open("sim"));
    drop(sim);
}

fn main() {}
