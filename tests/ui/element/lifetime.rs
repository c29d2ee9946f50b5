use shm_runtime::prelude::*;

#[derive(Clone, Copy, Pod, Zeroable, ShmType)]
#[repr(C)]
struct Event<'a> {
    name: &'a u8,
}

fn main() {}
