use shm_runtime::prelude::*;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Event {
    index: usize,
    offset: isize,
}

fn main() {}
