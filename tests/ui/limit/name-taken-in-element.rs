use shm_runtime::prelude::*;

#[derive(Clone, Copy, Pod, Zeroable, ShmType)]
#[repr(C)]
struct Event {
    t: u32,
    #[shm(rename = "t")]
    time: u32,
}

fn main() {}
