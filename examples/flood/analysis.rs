//! What can be said about the flood: measurements of the latest frame, and the summary.

use std::fmt::Write;

use schemas::flood::{
    COLUMNS, Event, EventKind, FLOODED, Flood, GAUGES, JOURNAL, Looks, READINGS, ROWS, Reading,
};
use shm_runtime::Zeroable;

use crate::flood::checkpoint;
use crate::flood::hydrographs;
use crate::flood::publish::number;
use crate::flood::solver::mass_error;
use crate::flood::terrain::Terrain;
use crate::flood::text::{clock, grouped, scientific, sparkline};

/// More water made or lost than this part of the rain is a mistake in the program.
pub(crate) const MASS_TOLERANCE: f64 = 1e-7;
/// Characters of a hydrograph in the summary.
const DRAWN: usize = 32;

/// The water of one frame.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Measured {
    /// Number of the frame, and of its checkpoint.
    pub(crate) frame: u64,
    /// Steps made.
    pub(crate) step: u64,
    /// Simulated seconds.
    pub(crate) time: f64,
    /// Rain so far in m³.
    pub(crate) rain: f64,
    /// What left over the border in m³.
    pub(crate) outflow: f64,
    /// Water on the map in m³.
    pub(crate) stored: f64,
    /// Flooded area in km².
    pub(crate) flooded: f64,
    /// The deepest water in metres.
    pub(crate) deepest: f32,
}

impl Measured {
    /// Measures the latest frame, which it copies into `depth`, by what its checkpoint says. `None`
    /// before the first, and where the simulation is about to publish the next one.
    pub(crate) fn latest(flood: &Flood, cell_area: f64, depth: &mut [f32]) -> Option<Self> {
        let frame = flood.frame.read_into(depth);
        let mut measured = checkpoint::at(flood, frame, |from| Self {
            frame,
            step: from.step.load(),
            time: from.time.load(),
            rain: from.rain.load(),
            outflow: from.outflow.load(),
            ..Self::default()
        })?;
        let (mut sum, mut flooded) = (0.0, 0_u32);
        for &water in &*depth {
            sum += f64::from(water);
            flooded += u32::from(water > FLOODED);
            measured.deepest = measured.deepest.max(water);
        }
        measured.stored = sum * cell_area;
        measured.flooded = f64::from(flooded) * cell_area / 1e6;
        Some(measured)
    }

    /// Water made (positive) or lost (negative), as a part of the rain.
    pub(crate) fn mass_error(&self) -> f64 {
        mass_error(self.stored, self.outflow, self.rain)
    }
}

/// One line about a running flood.
pub(crate) fn progress(flood: &Flood, terrain: &Terrain, measured: &Measured) -> String {
    format!(
        "{} of {}  step {:>5}  rain {:>5.1} mm  flooded {:>5.1} km²  deepest {:>4.1} m  events {:>5}",
        clock(measured.time),
        clock(flood.run_end.load()),
        grouped(measured.step),
        measured.rain / terrain.area() * 1e3,
        measured.flooded,
        measured.deepest,
        grouped(flood.done.load()),
    )
}

/// The table at the end.
pub(crate) fn summary(flood: &Flood, terrain: &Terrain, measured: &Measured) -> String {
    let million = |volume: f64| format!("{:.2} million m³", volume / 1e6);
    let events = flood.done.load();
    let mut text = String::new();
    let mut row = |name: &str, value: String| {
        // Writing to a `String` does not fail.
        let _ = writeln!(text, "{name:<12} {value}");
    };
    row(
        "map",
        format!(
            "{ROWS} × {COLUMNS} cells of {:.1} × {:.1} m, {:.0} km²",
            terrain.dx,
            terrain.dy,
            terrain.area() / 1e6
        ),
    );
    row(
        "simulated",
        format!(
            "{} in {} steps",
            clock(measured.time),
            grouped(measured.step)
        ),
    );
    let millimetres = measured.rain / terrain.area() * 1e3;
    row(
        "rain",
        format!("{} ({millimetres:.1} mm)", million(measured.rain)),
    );
    row("on the map", million(measured.stored));
    row("left the map", million(measured.outflow));
    row(
        "flooded",
        format!(
            "{:.1} km² over {FLOODED} m in {} blocks, {:.1} m at the deepest",
            measured.flooded,
            grouped(flood.wet.len() as u64),
            measured.deepest
        ),
    );
    row(
        "events",
        format!(
            "{} in order without a gap, {} put aside that came twice",
            grouped(events),
            grouped(flood.redelivered.load())
        ),
    );
    let missed = flood.analytics.missed.load();
    let heard = flood.analytics.position.load().saturating_sub(missed);
    let pace = flood.computed.load() / heard.max(1) as f64;
    row(
        "telemetry",
        format!(
            "{} steps of {:.1} ms, of which analytics missed {} and the renderer {}",
            grouped(flood.telemetry.sent()),
            pace * 1e3,
            grouped(missed),
            grouped(flood.renderer.missed.load())
        ),
    );
    row("frames", looks(&flood.frame_looks));
    row("grid", looks(&flood.grid_looks));
    row("restarts", grouped(flood.restarts.load()));
    text.push('\n');
    text.push_str(&kinds(flood, events));
    text.push('\n');
    text.push_str(&gauges(flood));
    let _ = write!(text, "\nmass error {}\n", scientific(measured.mass_error()));
    text
}

/// What was seen in water that was read while it moved.
fn looks(looks: &Looks) -> String {
    let (count, worst) = (grouped(looks.count.load()), looks.worst.load() * 1e6);
    match looks.torn.load() {
        0 => format!("looked at {count} times, always whole"),
        torn => format!(
            "looked at {count} times, {} times torn: up to {worst:.1} millionths of the rain amiss",
            grouped(torn)
        ),
    }
}

/// How often what happened.
fn kinds(flood: &Flood, events: u64) -> String {
    let mut counts = [0_u64; EventKind::ALL.len()];
    for at in 0..(events as usize).min(JOURNAL) {
        let event: Event = flood.journal.get(at);
        if let Some(kind) = EventKind::from_number(event.kind) {
            counts[kind as usize - 1] += 1;
        }
    }
    let mut text = String::new();
    for (kind, count) in EventKind::ALL.into_iter().zip(counts) {
        let name = match kind {
            EventKind::BlockFlooded => "blocks flooded",
            EventKind::GaugeRose => "levels passed, rising",
            EventKind::GaugeFell => "levels passed, falling",
            EventKind::GaugeCrested => "crests at gauges",
            EventKind::CloudCame if count > 0 => "clouds that came",
            EventKind::CloudLeft if count > 0 => "times that all left",
            EventKind::RainSet if count > 0 => "changes of the rain",
            EventKind::RoughnessSet if count > 0 => "changes of the ground",
            _ => continue,
        };
        let _ = writeln!(text, "{name:<22} {:>6}", grouped(count));
    }
    text
}

/// The water at each gauge: its highest level, and its hydrograph.
fn gauges(flood: &Flood) -> String {
    let mut text = String::from("gauge    row  column   catchment    highest     after\n");
    for gauge in 0..GAUGES {
        let number = number(gauge);
        let reading = flood.gauges.get(number).unwrap_or(Reading::zeroed());
        let (row, column) = (
            reading.cell as usize / COLUMNS,
            reading.cell as usize % COLUMNS,
        );
        let (area, peak, after) = (reading.catchment, reading.peak, clock(reading.peak_time));
        let levels = hydrographs::find(flood, gauge).map(|found| found.levels);
        let drawn = sparkline(&levels.unwrap_or([0.0; READINGS]), DRAWN);
        // Writing to a `String` does not fail.
        let _ = writeln!(
            text,
            "{number:>5} {row:>6} {column:>7} {area:>7.1} km² {peak:>8.2} m  {after}  {drawn}"
        );
    }
    text
}
