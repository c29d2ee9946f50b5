//! What the simulation shows of each checkpoint: the frame, the gauges, the blocks under water.
//!
//! All of it is made from the checkpoint, after its commit. A simulation that was killed in between
//! leaves it behind the checkpoint, or half of it: the next one begins by publishing the checkpoint
//! that it goes on from.

use schemas::flood::{BLOCK, BLOCKS, CELLS, COLUMNS, FLOODED, Flood, GAUGES, Reading};
use shm_runtime::FrameWriter;

use crate::flood::Failure;
use crate::flood::solver::State;
use crate::flood::watch::Watch;

/// Publishes checkpoints; there is one, in the simulation.
pub(crate) struct Publisher<'a> {
    flood: &'a Flood,
    frames: FrameWriter<f32, CELLS>,
    /// The blocks that the set has.
    wet: Vec<bool>,
}

impl<'a> Publisher<'a> {
    /// Goes on from what was published before.
    pub(crate) fn new(flood: &'a Flood) -> Result<Self, Failure> {
        let wet = (0..BLOCKS as u32).map(|block| flood.wet.contains(block));
        Ok(Self {
            flood,
            frames: flood.frame.writer()?,
            wet: wet.collect(),
        })
    }

    /// Publishes the last checkpoint, which is that of `state` and `watch`.
    pub(crate) fn publish(&mut self, state: &State, watch: &Watch) -> Result<(), Failure> {
        // A frame came out or did not, so the numbers of frames and checkpoints never part.
        if self.frames.version() < self.flood.committed.load() {
            self.frames.publish(&state.depth);
        }
        for gauge in 0..GAUGES {
            self.flood
                .gauges
                .update(number(gauge), |before| reading(gauge, before, state, watch));
        }
        for (block, is_wet) in wet_blocks(&state.depth).enumerate() {
            if self.wet[block] == is_wet {
                continue;
            }
            if is_wet {
                self.flood.wet.insert(block as u32)?;
            } else {
                self.flood.wet.remove(block as u32);
            }
            self.wet[block] = is_wet;
        }
        Ok(())
    }
}

/// What a gauge is called.
pub(crate) fn number(gauge: usize) -> u32 {
    gauge as u32 + 1
}

/// What a gauge shows at a checkpoint; where it stands, it stood `before`.
pub(crate) fn reading(gauge: usize, before: Reading, state: &State, watch: &Watch) -> Reading {
    let level = state.depth.get(before.cell as usize);
    Reading {
        level: level.copied().unwrap_or_default(),
        time: state.time,
        peak: watch.peak[gauge],
        peak_time: watch.peak_time[gauge],
        stage: watch.stage[gauge],
        ..before
    }
}

/// For each block whether a cell of it is flooded.
pub(crate) fn wet_blocks(depth: &[f32]) -> impl Iterator<Item = bool> + '_ {
    let per_row = COLUMNS / BLOCK;
    (0..BLOCKS).map(move |block| {
        let first = block / per_row * BLOCK * COLUMNS + block % per_row * BLOCK;
        let mut rows = (0..BLOCK).map(|row| &depth[first + row * COLUMNS..][..BLOCK]);
        rows.any(|row| row.iter().any(|&water| water > FLOODED))
    })
}
