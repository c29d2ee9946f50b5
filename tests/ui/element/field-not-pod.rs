use shm_runtime::prelude::*;

#[derive(Clone, Copy)]
struct Place;

#[derive(Clone, Copy, Pod, Zeroable, ShmType)]
#[repr(C)]
struct Event {
    place: Place,
}

fn main() {}
