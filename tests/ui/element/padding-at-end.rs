use shm_runtime::prelude::*;

#[derive(Clone, Copy, Pod, Zeroable, ShmType)]
#[repr(C)]
struct Event {
    t: f64,
    kind: u8,
}

fn main() {}
