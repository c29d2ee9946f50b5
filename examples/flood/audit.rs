//! What must hold once the run is over, whatever was killed.
//!
//! The program that started the roles looks at the segment after all of them have left.

use std::path::Path;

use schemas::flood::{CELLS, EventKind, Flood, JOURNAL};
use shm_runtime::{Health, Segment};

use crate::flood::Failure;
use crate::flood::analysis::MASS_TOLERANCE;
use crate::flood::checkpoint;
use crate::flood::solver::{State, mass_error};
use crate::flood::terrain::Terrain;
use crate::flood::text::{grouped, scientific};

/// Checks everything; the first thing that does not hold is the error.
pub(crate) fn audit(flood: &Segment<Flood>) -> Result<String, Failure> {
    let saved = checkpoint::restore(flood).ok_or("the run left no checkpoint")?;
    events(flood, saved.watch.raised)?;
    mass(flood, &saved.state)?;
    hydrographs(flood)?;
    let health = Segment::health(flood);
    if health != Health::default() {
        return Err(format!("{health:?}").into());
    }
    Ok(format!(
        "events 1 to {} without a gap, mass error {}, all leases back",
        grouped(saved.watch.raised),
        scientific(flood.mass_error.load()),
    ))
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
