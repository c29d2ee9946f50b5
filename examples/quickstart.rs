//! Two processes, one segment: the first example of the README.
//!
//! ```text
//! cargo run --release --example quickstart create     # in one terminal
//! cargo run --release --example quickstart open       # in another, at the same time
//! ```
#![forbid(unsafe_code)]

use std::error::Error;
use std::time::Duration;

use shm_runtime::{Array, Pod, Queue, ShmLayout, ShmType, Zeroable};

#[derive(Clone, Copy, Pod, Zeroable, ShmType)]
#[repr(C)]
struct Event {
    t: f64,
    cell: u32,
    kind: u32,
}

#[derive(ShmLayout)]
struct Sim {
    events: Queue<Event, 4096>,
    grid: Array<f32, 1_000_000>,
}

fn main() -> Result<(), Box<dyn Error>> {
    match std::env::args().nth(1).as_deref() {
        Some("create") => create(),
        Some("open") => open(),
        _ => Err("say `create` in one terminal and `open` in another".into()),
    }
}

/// Sets a cell and reports it, ten times a second for a minute.
fn create() -> Result<(), Box<dyn Error>> {
    let sim = Sim::create("quickstart")?;
    for n in 0..600_u32 {
        sim.grid.set(7, n as f32 / 10.0);
        sim.events.push(Event {
            t: f64::from(n) / 10.0,
            cell: 7,
            kind: 1,
        })?;
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// Prints what is reported until nothing comes any more.
fn open() -> Result<(), Box<dyn Error>> {
    let sim = Sim::options()
        .wait(Duration::from_secs(10))
        .open("quickstart")?;
    while let Ok(event) = sim.events.pop_wait(Duration::from_secs(1)) {
        let depth = sim.grid.get(event.cell as usize);
        println!(
            "t {:.1} s: event {} in cell {}, now {depth}",
            event.t, event.kind, event.cell
        );
    }
    Ok(())
}
