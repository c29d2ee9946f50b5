//! The three roles.

pub(crate) mod analytics;
pub(crate) mod renderer;
pub(crate) mod simulation;

use std::io::Write;
use std::time::Duration;

use schemas::flood::{CELLS, EventKind, Flood};
use shm_runtime::{Segment, ShmLayout};

use crate::flood::Failure;
use crate::flood::checkpoint;
use crate::flood::cli::{Options, Role};
use crate::flood::lifeline::Lifeline;
use crate::flood::storm::Storm;
use crate::flood::terrain::Terrain;

/// What every role has.
pub(crate) struct Stage {
    /// The segment.
    pub(crate) flood: Segment<Flood>,
    /// What the program was told.
    pub(crate) options: Options,
    /// Whether the program is there.
    pub(crate) lifeline: Lifeline,
}

impl Stage {
    /// Prints a line, unless the terminal belongs to the renderer.
    pub(crate) fn say(&self, line: &str) {
        if !self.options.quiet {
            say(line);
        }
    }

    /// Waits for the simulation to put the ground in place; `None` if the program goes meanwhile.
    pub(crate) fn ground(&self) -> Option<Terrain> {
        if self.flood.prepared.load() == 0 {
            self.say("waiting for the simulation");
        }
        while self.flood.prepared.load() == 0 {
            if !self.lifeline.rest(Duration::from_millis(20)) {
                return None;
            }
        }
        Some(ground(&self.flood))
    }

    /// Whether the last checkpoint says that the run is over.
    pub(crate) fn run_ended(&self) -> bool {
        checkpoint::last(&self.flood, |last| last.phase.load()) == Some(EventKind::RunEnded as u32)
    }
}

/// Prints a line. Nobody may be there to read it: that is no reason to stop.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Plays a role of the segment that the program which started it holds. There is one simulation
/// and one analytics at a time; what a killed one held is free at once.
pub(crate) fn play(role: Role, options: &Options) -> Result<(), Failure> {
    let lifeline = Lifeline::hold();
    let flood = Flood::open(&options.segment)?;
    let stage = Stage {
        flood,
        options: options.clone(),
        lifeline,
    };
    let taken = |error| format!("segment `{}`: {error}", options.segment);
    match role {
        Role::Simulation => {
            let _only = stage.flood.roles.producer().map_err(taken)?;
            simulation::play(&stage)
        }
        Role::Analytics => {
            let _only = stage.flood.roles.consumer().map_err(taken)?;
            analytics::play(&stage)
        }
        Role::Renderer => renderer::play(&stage),
    }
}

/// The storm of the options: the first half of the run.
pub(crate) fn storm(options: &Options) -> Result<Storm, Failure> {
    let seconds = options.minutes * 60.0 / 2.0;
    match &options.rain {
        Some(file) => Storm::from_file(file, seconds),
        None => Ok(Storm::steady(seconds)),
    }
}

/// The ground that lies in the segment.
fn ground(flood: &Flood) -> Terrain {
    let mut elevation = vec![0.0; CELLS];
    flood.terrain.read_into(0, &mut elevation);
    Terrain::around(elevation)
}
