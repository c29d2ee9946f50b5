use shm_runtime::prelude::*;

#[derive(Clone, Copy, Pod, Zeroable, ShmType)]
#[repr(C)]
#[shm(lanes = 4)]
struct Event {
    #[shm(align = 64)]
    t: f64,
    #[shm(colour = 3)]
    kind: u64,
}

fn main() {}
