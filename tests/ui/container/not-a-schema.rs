use shm_runtime::prelude::*;

struct Sim;

fn use_it() {
    let _ = Sim::create("sim");
}

fn of<S: ShmLayout>() {}

fn use_it_too() {
    of::<Sim>();
}

fn main() {}
