//! The derive's output, read in const context.

use shm_runtime::{Array, Element, Pod, ShmLayout, ShmType, Zeroable};

#[derive(Clone, Copy, Pod, Zeroable, ShmType)]
#[repr(C)]
struct Event {
    t: f64,
    cell: u32,
    kind: u32,
}

#[derive(ShmLayout)]
struct Sim {
    events: Array<Event, 4096>,
    grid: Array<f32, 1_000_000>,
}

#[derive(ShmLayout)]
struct Ring<T: Element, const N: usize> {
    items: Array<T, N>,
}

#[test]
fn entries() {
    const E: &[shm_runtime::layout::body::Entry] = Sim::ENTRIES;
    for e in E {
        println!("{} {} {}", e.name(), e.offset, e.size);
    }
    for e in <Ring<Event, 3>>::ENTRIES {
        println!("{} {} {}", e.name(), e.offset, e.size);
    }
    println!("{:#?}", Sim::BLUEPRINT.schema);
    println!("{:x}", Sim::FINGERPRINT);
}
