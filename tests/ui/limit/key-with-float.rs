use shm_runtime::prelude::*;

#[derive(Clone, Copy, Pod, Zeroable, ShmType)]
#[repr(C)]
struct Point {
    x: f32,
    y: f32,
}

#[derive(Clone, Copy, Pod, Zeroable, ShmType)]
#[repr(C)]
struct Place {
    layer: u64,
    points: [Point; 2],
}

#[derive(ShmLayout)]
struct Sim {
    seen: Set<Point, 64>,
    depths: Map<Place, u64, 64>,
    speeds: Map<u64, f64, 64>,
}

fn main() {}
