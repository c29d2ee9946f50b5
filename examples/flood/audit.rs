//! What must hold once the run is over, whatever was killed.
//!
//! The program that started the roles looks at the segment after all of them have left.

use std::path::Path;

use schemas::flood::{CELLS, EventKind, Flood, GAUGES, JOURNAL};
use shm_runtime::{Health, Segment};

use crate::flood::Failure;
use crate::flood::analysis::MASS_TOLERANCE;
use crate::flood::checkpoint::{self, Saved};
use crate::flood::publish::{number, reading, wet_blocks};
use crate::flood::solver::{State, mass_error};
use crate::flood::terrain::Terrain;

/// What holds if [`audit`] finds nothing.
pub(crate) const FOUND: &str = "every event in order, all water, whole frames, all leases back";

/// Checks everything; the first thing that does not hold is the error.
pub(crate) fn audit(flood: &Segment<Flood>) -> Result<(), Failure> {
    let saved = checkpoint::restore(flood).ok_or("the run left no checkpoint")?;
    events(flood, saved.watch.raised)?;
    mass(flood, &saved.state)?;
    frames(flood, &saved.state)?;
    telemetry(flood)?;
    gauges(flood, &saved)?;
    wet(flood, &saved.state)?;
    hydrographs(flood)?;
    let health = Segment::health(flood);
    if health != Health::default() {
        return Err(format!("{health:?}").into());
    }
    Ok(())
}

/// The journal has every event that was raised, in order, and `RunEnded` is the last.
fn events(flood: &Flood, raised: u64) -> Result<(), Failure> {
    let done = flood.done.load();
    if done != raised {
        return Err(format!("{raised} events were raised and {done} dealt with").into());
    }
    let first = done.saturating_sub(JOURNAL as u64) + 1;
    for number in first..=done {
        let found = flood.journal.get((number - 1) as usize % JOURNAL);
        if found.sequence != number {
            return Err(format!("event {number} is missing: {found:?}").into());
        }
        if (found.kind == EventKind::RunEnded as u32) != (number == done) {
            return Err(format!("event {number} of {done} ends the run: {found:?}").into());
        }
    }
    Ok(())
}

/// What fell is on the map or left it.
fn mass(flood: &Flood, water: &State) -> Result<(), Failure> {
    let mut elevation = vec![0.0; CELLS];
    flood.terrain.read_into(0, &mut elevation);
    let area = Terrain::around(elevation).cell_area();
    let error = mass_error(water.stored(area), water.outflow, water.rain);
    if error.abs() > MASS_TOLERANCE {
        return Err(format!("{error:e} of the rain was made or lost").into());
    }
    Ok(())
}

/// The frame is that of the last checkpoint, in number and water, and nobody saw a torn one.
fn frames(flood: &Flood, water: &State) -> Result<(), Failure> {
    let mut depth = vec![0.0; CELLS];
    let (frame, committed) = (flood.frame.read_into(&mut depth), flood.committed.load());
    if frame != committed || depth != water.depth {
        return Err(format!("frame {frame} is not the water of checkpoint {committed}").into());
    }
    match flood.frame_looks.torn.load() {
        0 => Ok(()),
        torn => Err(format!("{torn} frames were torn").into()),
    }
}

/// Each subscriber has heard, or knows that it missed, every step.
fn telemetry(flood: &Flood) -> Result<(), Failure> {
    let sent = flood.telemetry.sent();
    for (name, audience) in [
        ("analytics", &flood.analytics),
        ("renderer", &flood.renderer),
    ] {
        let position = audience.position.load();
        if position != sent {
            return Err(format!("{sent} steps were sent, {name} knows of {position}").into());
        }
    }
    Ok(())
}

/// The map has what the last checkpoint says of each gauge, and nothing else.
fn gauges(flood: &Flood, saved: &Saved) -> Result<(), Failure> {
    for gauge in 0..GAUGES {
        let found = flood
            .gauges
            .get(number(gauge))
            .ok_or("a gauge is missing")?;
        let expected = reading(gauge, found, &saved.state, &saved.watch);
        if found != expected {
            return Err(format!("a gauge shows {found:?} instead of {expected:?}").into());
        }
    }
    match flood.gauges.len() {
        GAUGES => Ok(()),
        count => Err(format!("there are {count} gauges").into()),
    }
}

/// The set has the blocks that the last checkpoint has under water, and no other.
fn wet(flood: &Flood, water: &State) -> Result<(), Failure> {
    for (block, wet) in (0..).zip(wet_blocks(&water.depth)) {
        if flood.wet.contains(block) != wet {
            return Err(format!("whether block {block} is wet: {wet}, not {}", !wet).into());
        }
    }
    let wet = wet_blocks(&water.depth).filter(|&wet| wet).count();
    match flood.wet.len() {
        count if count == wet => Ok(()),
        count => Err(format!("{count} blocks are wet instead of {wet}").into()),
    }
}

/// Everybody has left: no hydrograph is on lease.
fn hydrographs(flood: &Flood) -> Result<(), Failure> {
    flood.hydrographs.recover();
    match flood.hydrographs.leased() {
        0 => Ok(()),
        leased => Err(format!("{leased} hydrographs did not come back").into()),
    }
}

/// The segment's last one out has removed it.
pub(crate) fn nothing_left(segment: &str) -> Result<(), Failure> {
    let path = Path::new("/dev/shm").join(segment.trim_start_matches('/'));
    match path.try_exists()? {
        false => Ok(()),
        true => Err(format!("{} is still there; is somebody attached?", path.display()).into()),
    }
}
