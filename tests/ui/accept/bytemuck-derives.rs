use shm_runtime::prelude::*;

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Event {
    t: f64,
}

#[derive(ShmLayout)]
struct Sim {
    events: Queue<Event, 4>,
    shards: [Array<Event, 3>; 2],
}

fn main() {}
