use shm_runtime::prelude::*;

#[derive(Clone, Copy)]
#[repr(u8)]
enum Kind {
    Rain,
}

#[derive(Clone, Copy, Pod, Zeroable, ShmType)]
#[repr(C)]
struct Event {
    kind: Kind,
}

fn main() {}
