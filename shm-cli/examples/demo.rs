//! A segment to try `shm` on: one structure of each kind, changing until standard input ends.
//!
//! run: `cargo run -p shm-cli --example demo`, then `shm inspect demo` in another terminal.

use shm_runtime::{
    Array, Atomic, Broadcast, Map, Pod, Pool, Queue, Set, ShmLayout, ShmStr, ShmType, Spsc, Stack,
    Versioned, VersionedArray, Zeroable, sync,
};
use std::io::Read;
use std::time::Duration;

/// Something that happened.
#[derive(Clone, Copy, Pod, Zeroable, ShmType)]
#[repr(C)]
struct Event {
    t: f64,
    cell: u32,
    kind: u32,
}

/// What a gauge shows.
#[derive(Clone, Copy, Pod, Zeroable, ShmType)]
#[repr(C)]
struct Gauge {
    level: f32,
    peak: f32,
    at: [u32; 2],
}

/// A small simulation, to try the command line on.
#[allow(dead_code, reason = "looked at by the command line")]
#[derive(ShmLayout)]
struct Demo {
    /// How often the simulation has stepped.
    step: Atomic<u64>,
    /// Depth of the water.
    #[shm(shape = [100, 100], unit = "m")]
    grid: Array<f32, 10_000>,
    /// What happened, for whoever takes it.
    events: Queue<Event, 4096>,
    /// From the simulation to one logger.
    log: Spsc<u64, 64>,
    /// Rain in the last hours.
    #[shm(unit = "mm/h")]
    rain: Broadcast<f32, 16>,
    /// Commands that can be undone.
    undo: Stack<u32, 32>,
    /// Gauges by their number.
    gauges: Map<u32, Gauge, 64>,
    /// Gauges by their name.
    names: Map<ShmStr<16>, u32, 64>,
    /// Cells that are under water.
    wet: Set<u32, 1024>,
    /// Buffers on loan.
    buffers: Pool<[u8; 256], 8>,
    /// The latest forecast.
    forecast: Versioned<Gauge>,
    /// Whole pictures.
    frame: VersionedArray<f32, 10_000>,
    /// Who may write the report.
    report: sync::Mutex<u64>,
    /// Whether the terrain is loaded.
    loaded: sync::Once,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let name = std::env::args().nth(1).unwrap_or_else(|| "demo".to_owned());
    let demo = Demo::create(&name)?;
    for cell in 0..100 {
        demo.wet.insert(cell * 7)?;
    }
    for gauge in [17, 23, 42] {
        let level = gauge as f32 / 10.0;
        let value = Gauge {
            level,
            peak: 2.0 * level,
            at: [gauge, gauge + 1],
        };
        demo.gauges.insert(gauge, value)?;
        demo.names
            .insert(format!("gauge-{gauge}").parse()?, gauge)?;
    }
    demo.undo.push(3)?;
    demo.loaded.call_once(|_| {});
    let lease = demo.buffers.acquire();
    let mut frames = demo.frame.writer()?;
    println!("segment `{name}` is there until standard input ends");
    std::thread::scope(|scope| {
        let ends = scope.spawn(|| std::io::stdin().read_to_end(&mut Vec::new()));
        while !ends.is_finished() {
            let step = demo.step.fetch_add(1);
            let t = step as f64 / 10.0;
            let cell = (step % 10_000) as u32;
            demo.grid.set(cell as usize, t as f32);
            let _ = demo.events.push(Event { t, cell, kind: 1 }); // full: nobody takes them
            let _ = demo.rain.send(t as f32);
            let _ = demo.forecast.store(Gauge {
                level: t as f32,
                peak: 9.5,
                at: [1, 2],
            });
            frames.edit(|frame| frame.set(0, t as f32));
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    drop(lease);
    Ok(())
}
