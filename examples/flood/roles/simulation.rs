//! Moves the water, commits checkpoints, publishes them, sends events and telemetry.
//!
//! Why a kill at any instruction does no harm is the subject of `checkpoint.rs`.

use std::time::{Duration, Instant};

use schemas::flood::{CELLS, Cloud, Event, Flood, GAUGES, Params, Reading, Telemetry};
use shm_runtime::Zeroable;

use crate::flood::Failure;
use crate::flood::analysis::MASS_TOLERANCE;
use crate::flood::checkpoint::{self, Saved};
use crate::flood::publish::{Publisher, number};
use crate::flood::roles::{Stage, ground, storm};
use crate::flood::solver::{Solver, State, Weather};
use crate::flood::storm::Storm;
use crate::flood::terrain::Terrain;
use crate::flood::watch::{Moment, Watch};

/// Steps between two checkpoints.
const STEPS: u32 = 8;

/// Plays the role.
pub(crate) fn play(stage: &Stage) -> Result<(), Failure> {
    let flood = &stage.flood;
    let (terrain, gauges) = prepare(stage)?;
    let storm = Storm {
        parts: std::array::from_fn(|part| flood.storm.get(part)),
        part: flood.storm_part.load(),
    };
    let run_end = flood.run_end.load();

    let mut publisher = Publisher::new(flood)?;
    let saved = checkpoint::restore(flood);
    if let Some(saved) = &saved {
        publisher.publish(&saved.state, &saved.watch)?;
        // Whoever was killed may have sent all of these, some, or none.
        if !send(stage, &saved.outbox) {
            return Ok(());
        }
    }
    let Saved {
        state, mut watch, ..
    } = saved.unwrap_or_else(|| Saved {
        state: State::dry(terrain.rows, terrain.columns),
        watch: Watch::new(),
        outbox: Vec::new(),
    });
    let mut solver = Solver::new(terrain, state);
    while !watch.run_ended() && !stage.lifeline.is_cut() {
        for _step in 0..STEPS {
            if solver.state().time < run_end {
                step(flood, &mut solver, &storm, &watch)?;
            }
        }
        let state = solver.state();
        let moment = Moment {
            time: state.time,
            depth: &state.depth,
            params: flood.params.load().in_range(),
            cloud: flood.clouds.peek().unwrap_or(Cloud::zeroed()).in_range(),
            storm_end: storm.end(),
            run_end,
        };
        let outbox = watch.look(moment, &gauges);
        checkpoint::commit(flood, state, &watch, &outbox);
        publisher.publish(state, &watch)?;
        if !send(stage, &outbox) {
            return Ok(());
        }
    }
    let error = solver.state().mass_error(solver.terrain().cell_area());
    if error.abs() > MASS_TOLERANCE {
        return Err(format!("{error:e} of the rain was made or lost").into());
    }
    Ok(())
}

/// Makes a step and tells everybody how it went.
fn step(flood: &Flood, solver: &mut Solver, storm: &Storm, watch: &Watch) -> Result<(), Failure> {
    let began = Instant::now();
    let before = solver.state().time;
    let (intensity, change) = storm.at(before);
    let until = change.min(flood.run_end.load());
    let weather = Weather {
        rain: intensity * f64::from(watch.params.rain),
        roughness: watch.params.roughness,
        cloud: watch.cloud,
    };
    solver.advance(until, &weather);
    let state = solver.state();
    flood.telemetry.send(Telemetry {
        step: state.step,
        time: state.time,
        dt: state.time - before,
        took: began.elapsed().as_secs_f64(),
        rain: state.rain,
        outflow: state.outflow,
        deepest: f64::from(solver.deepest()),
    })?;
    // Whoever reads a whole grid can know its step.
    flood.grid.write_from(0, &state.depth);
    Ok(())
}

/// Puts ground, gauges and storm into a new segment, or takes them from one that has them. A kill
/// in between is harmless: without `prepared`, the next simulation writes them again.
fn prepare(stage: &Stage) -> Result<(Terrain, [u32; GAUGES]), Failure> {
    let flood: &Flood = &stage.flood;
    if flood.prepared.load() != 0 {
        let place = |gauge| {
            flood
                .gauges
                .get(number(gauge))
                .map_or(0, |found| found.cell)
        };
        let gauges = std::array::from_fn(|gauge| place(gauge).min(CELLS as u32 - 1));
        return Ok((ground(flood), gauges));
    }
    let storm = storm(&stage.options)?;
    let (terrain, gauges) = Terrain::measured();
    flood.terrain.write_from(0, &terrain.elevation);
    for (gauge, placed) in gauges.iter().enumerate() {
        let reading = Reading {
            catchment: placed.catchment / 1e6,
            cell: placed.cell,
            ..Reading::zeroed()
        };
        flood.gauges.insert(number(gauge), reading)?;
    }
    flood.storm.write_from(0, &storm.parts);
    flood.storm_part.store(storm.part);
    flood.run_end.store(stage.options.minutes * 60.0);
    flood.params.store(Params::default())?;
    flood.prepared.store(1);
    let (minutes, amount) = (storm.end() / 60.0, storm.amount());
    stage.say(&format!(
        "a storm of {amount:.0} mm in {minutes:.0} minutes begins"
    ));
    Ok((terrain, gauges.map(|gauge| gauge.cell)))
}

/// Sends events in order and waits where there is no room; `false` if the program is gone.
fn send(stage: &Stage, events: &[Event]) -> bool {
    let mut told = false;
    for &event in events {
        while stage
            .flood
            .events
            .push_wait(event, Duration::from_millis(100))
            .is_err()
        {
            if stage.lifeline.is_cut() {
                return false;
            }
            if !std::mem::replace(&mut told, true) {
                stage.say("the queue of events is full: waiting for analytics");
            }
        }
    }
    true
}
