use shm_runtime::prelude::*;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Event(f64, u32);

fn main() {}
