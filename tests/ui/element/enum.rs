use shm_runtime::prelude::*;

#[derive(Clone, Copy, Pod, Zeroable, ShmType)]
#[repr(u8)]
enum Kind {
    Rain,
}

fn main() {}
