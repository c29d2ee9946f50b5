//! A reader that knows only the table, in another language. Promise P8.

mod common;

use common::unique;
use shm_runtime::{Array, Pod, Queue, Segment, ShmLayout, ShmType, Zeroable};
use std::process::Command;

#[derive(Debug, Clone, Copy, Pod, Zeroable, ShmType)]
#[repr(C)]
struct Event {
    t: f64,
    cell: u32,
    kind: u32,
}

#[derive(Debug, ShmLayout)]
struct Sim {
    events: Queue<Event, 4096>,
    grid: Array<f32, 1_000_000>,
}

#[test]
fn p8_python_finds_the_grid_by_the_table_alone() {
    let name = unique("python");
    let sim = Sim::create(&name).unwrap();
    let event = Event {
        t: 0.5,
        cell: 7,
        kind: 1,
    };
    sim.events.push(event).unwrap();
    assert_eq!(
        sim.events.peek().map(|event| (event.cell, event.kind)),
        Some((7, 1))
    );
    assert_eq!(event.t, 0.5);
    sim.grid.set(7, 1.25);
    sim.grid.set(999_999, -2.5);
    let reader = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/table_reader.py");
    let output = Command::new("python3")
        .args([reader, &name, "grid", "f", "7", "8", "999999"])
        .output()
        .expect("python3 is installed");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for entry in Segment::table(&sim).unwrap() {
        let line = format!("{} {} {}\n", entry.name, entry.offset, entry.size);
        assert!(text.contains(&line), "no line {line:?} in {text}");
    }
    assert!(
        text.contains("grid[7] = 1.25\ngrid[8] = 0.0\ngrid[999999] = -2.5\n"),
        "{text}"
    );
}
