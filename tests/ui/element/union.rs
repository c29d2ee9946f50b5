use shm_runtime::prelude::*;

#[derive(Clone, Copy, Pod, Zeroable, ShmType)]
#[repr(C)]
union Value {
    int: u32,
    float: f32,
}

fn main() {}
