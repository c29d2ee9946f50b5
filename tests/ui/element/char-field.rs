use shm_runtime::prelude::*;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Event {
    letter: char,
}

fn main() {}
