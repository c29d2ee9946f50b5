use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Weather {
    temperature: Atomic<f32>,
}

#[derive(ShmLayout)]
struct Sim {
    north_western_station: Weather,
}

fn main() {}
