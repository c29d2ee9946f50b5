use shm_runtime::prelude::*;

#[derive(Clone, Copy, Pod)]
#[repr(C)]
struct Event {
    t: f64,
}

fn main() {}
