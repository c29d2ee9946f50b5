use shm_runtime::prelude::*;

#[derive(Clone, Copy, Pod, Zeroable, ShmType)]
#[repr(C)]
struct Point(f32, f32);

fn main() {}
