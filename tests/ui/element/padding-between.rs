use shm_runtime::prelude::*;

#[derive(Clone, Copy, Pod, Zeroable, ShmType)]
#[repr(C)]
struct Event {
    kind: u32,
    t: f64,
}

fn main() {}
