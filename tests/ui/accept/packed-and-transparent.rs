use shm_runtime::prelude::*;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, packed)]
struct Packed(u8, f64);

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(transparent)]
struct Meters<T>(T);

#[derive(ShmLayout)]
struct Sim {
    a: Array<Packed, 3>,
    b: Array<Meters<f64>, 3>,
}

fn main() {}
