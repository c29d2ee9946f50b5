//! The books of analytics: what the steps took, what the water weighs, and whether what it reads is
//! the water of one moment.
//!
//! A frame is compared with the checkpoint of its number: it must balance, or reading it is broken.
//! The grid is memory that the simulation overwrites at every step: it is compared with all of the
//! latest steps, and now and then it is none of them, because half of it is older than the rest.

use std::collections::VecDeque;

use schemas::flood::{CELLS, Flood, Looks, TELEMETRY, Telemetry};

use crate::flood::Failure;
use crate::flood::analysis::{MASS_TOLERANCE, Measured};
use crate::flood::solver::mass_error;
use crate::flood::telemetry::Listener;
use crate::flood::terrain::Terrain;

/// What analytics keeps in its own memory.
pub(crate) struct Books<'a> {
    flood: &'a Flood,
    cell_area: f64,
    telemetry: Listener<'a>,
    /// The latest steps, the oldest first.
    steps: VecDeque<Telemetry>,
    depth: Vec<f32>,
}

impl<'a> Books<'a> {
    /// Goes on where the books before it ended.
    pub(crate) fn open(flood: &'a Flood, terrain: &Terrain) -> Self {
        Self {
            flood,
            cell_area: terrain.cell_area(),
            telemetry: Listener::new(flood, &flood.analytics),
            steps: VecDeque::new(),
            depth: vec![0.0; CELLS],
        }
    }

    /// Hears of the steps that were made meanwhile.
    pub(crate) fn hear(&mut self) {
        while let Some(step) = self.telemetry.hear() {
            let computed = &self.flood.computed;
            computed.store(computed.load() + step.took);
            if self.steps.len() == TELEMETRY {
                self.steps.pop_front();
            }
            self.steps.push_back(step);
        }
    }

    /// Measures the latest frame; `None` where its checkpoint is not there, or not any more.
    pub(crate) fn measure(&mut self) -> Result<Option<Measured>, Failure> {
        let flood = self.flood;
        let Some(measured) = Measured::latest(flood, self.cell_area, &mut self.depth) else {
            return Ok(None);
        };
        let (frame, before) = (measured.frame, flood.measured.load());
        if frame < before {
            return Err(format!("frame {frame} came after frame {before}").into());
        }
        flood.measured.store(frame);
        if !note(&flood.frame_looks, measured.mass_error()) {
            return Err(format!("frame {frame} does not balance: {measured:?}").into());
        }
        flood.flooded_area.store(measured.flooded);
        flood.deepest.store(f64::from(measured.deepest));
        flood.mass_error.store(measured.mass_error());
        Ok(Some(measured))
    }

    /// Looks at the grid, as at any memory that somebody else writes meanwhile.
    pub(crate) fn look_at_grid(&mut self) {
        self.flood.grid.read_into(0, &mut self.depth);
        // The telemetry of a step is sent before its grid is written. Two at least: the grid may
        // still be that of the step before.
        self.hear();
        if self.steps.len() < 2 {
            return;
        }
        let water = self.depth.iter().map(|&depth| f64::from(depth));
        let stored = water.sum::<f64>() * self.cell_area;
        let errors = self
            .steps
            .iter()
            .map(|step| mass_error(stored, step.outflow, step.rain));
        let nearest = errors.min_by(|one, other| one.abs().total_cmp(&other.abs()));
        note(&self.flood.grid_looks, nearest.unwrap_or_default());
    }
}

/// Enters a look at water of which `error` is amiss, and says whether it was whole.
fn note(looks: &Looks, error: f64) -> bool {
    let whole = error.abs() <= MASS_TOLERANCE;
    looks.count.fetch_add(1);
    if !whole {
        looks.torn.fetch_add(1);
        looks.worst.store(looks.worst.load().max(error.abs()));
    }
    whole
}
