use shm_runtime::prelude::*;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Pair<T> {
    key: u32,
    value: T,
}

fn main() {}
