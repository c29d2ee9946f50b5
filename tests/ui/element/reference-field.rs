use shm_runtime::prelude::*;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Event {
    name: &'static str,
}

fn main() {}
