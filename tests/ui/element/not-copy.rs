use shm_runtime::prelude::*;

#[derive(Pod, Zeroable)]
#[repr(C)]
struct Event {
    t: f64,
}

fn main() {}
