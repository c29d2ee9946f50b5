use shm_runtime::prelude::*;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Nothing {}

fn main() {}
