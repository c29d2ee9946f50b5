use shm_runtime::prelude::*;

#[derive(Clone, Copy, Pod, Zeroable)]
struct Event {
    t: f64,
    kind: u64,
}

fn main() {}
