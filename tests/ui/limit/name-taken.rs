use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sim {
    grid: Atomic<u8>,
    #[shm(rename = "grid")]
    level: Atomic<u8>,
    r#type: Atomic<u8>,
    #[shm(rename = "type")]
    kind: Atomic<u8>,
}

fn main() {}
