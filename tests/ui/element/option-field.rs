use shm_runtime::prelude::*;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Event {
    parent: Option<u32>,
}

fn main() {}
