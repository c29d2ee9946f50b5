use shm_runtime::prelude::*;

struct Event {
    t: f64,
}

#[derive(ShmLayout)]
struct Sim {
    events: Array<Event, 4>,
    queue: Queue<Event, 4>,
    spsc: Spsc<Event, 4>,
}

fn main() {}
