use shm_runtime::prelude::*;

#[derive(Clone, Copy, Pod, Zeroable, ShmType)]
#[repr(C)]
struct Event {
    t: f64,
}

#[derive(ShmLayout)]
struct Sim {
    last: Atomic<Event>,
}

fn main() {}
