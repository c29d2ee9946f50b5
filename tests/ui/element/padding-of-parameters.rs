use shm_runtime::prelude::*;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Pair<T> {
    key: u32,
    value: T,
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, packed(2))]
struct Packed<T>(u8, T);

fn main() {}
