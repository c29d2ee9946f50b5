use shm_runtime::prelude::*;

#[derive(Clone, Copy, ShmType)]
#[repr(C)]
struct Event {
    t: f64,
}

fn main() {}
