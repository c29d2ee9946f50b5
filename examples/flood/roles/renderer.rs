//! Shows the map while the water moves, and saves the picture at the end.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use schemas::flood::{CELLS, Flood, GAUGES, Telemetry};
use shm_runtime::Zeroable;

use crate::flood::Failure;
use crate::flood::hydrographs;
use crate::flood::picture;
use crate::flood::publish::number;
use crate::flood::roles::Stage;
use crate::flood::shade::Relief;
use crate::flood::storm::Storm;
use crate::flood::telemetry::Listener;
use crate::flood::text::{clock, grouped, sparkline};
use crate::flood::view::{STATUS, View};

/// Time between two frames.
const FRAME: Duration = Duration::from_millis(200);

/// Characters of a hydrograph below the map.
const DRAWN: usize = 8;

/// Plays the role.
pub(crate) fn play(stage: &Stage) -> Result<(), Failure> {
    let Some(terrain) = stage.ground() else {
        return Ok(());
    };
    let flood = &stage.flood;
    let relief = Relief::of(&terrain);
    let mut view = std::io::stdout()
        .is_terminal()
        .then(|| View::new(&terrain, &relief));
    let mut telemetry = Listener::new(flood, &flood.renderer);
    let mut step = Telemetry::zeroed();
    let mut depth = vec![0.0; CELLS];
    loop {
        // Asked first: what is drawn after it was true is the end.
        let ended = stage.run_ended() && flood.frame.version() == flood.committed.load();
        flood.frame.read_into(&mut depth);
        while let Some(heard) = telemetry.hear() {
            step = heard;
        }
        if let Some(view) = &mut view {
            let frame = view.frame(&terrain, &relief, &depth, &status(flood, &step));
            let mut out = std::io::stdout().lock();
            out.write_all(frame.as_bytes())?;
            out.flush()?;
        }
        if ended {
            break;
        }
        if !stage.lifeline.rest(FRAME) {
            return Ok(());
        }
    }
    let path = &stage.options.out;
    picture::save(path, &terrain, &relief, &depth)
        .map_err(|error| format!("cannot save {}: {error}", path.display()))?;
    flood.pictures.fetch_add(1);
    Ok(())
}

/// The lines below the map.
fn status(flood: &Flood, step: &Telemetry) -> [String; STATUS] {
    [water(flood, step), work(flood, step), gauges(flood)]
}

/// What the water does.
fn water(flood: &Flood, step: &Telemetry) -> String {
    let storm = Storm {
        parts: std::array::from_fn(|part| flood.storm.get(part)),
        part: flood.storm_part.load(),
    };
    let (intensity, _) = storm.at(step.time);
    let rain = intensity * f64::from(flood.params.load().rain);
    format!(
        "{} of {}  rain {rain:.0} mm/h  flooded {:.1} km² in {} blocks  deepest {:.1} m",
        clock(step.time),
        clock(flood.run_end.load()),
        flood.flooded_area.load(),
        grouped(flood.wet.len() as u64),
        step.deepest,
    )
}

/// What the programs do, and what people told them.
fn work(flood: &Flood, step: &Telemetry) -> String {
    let cloud = flood.clouds.peek().map_or(String::new(), |cloud| {
        format!("  cloud over {},{}", cloud.row, cloud.column)
    });
    format!(
        "step {} of {:.1} s in {:.0} ms  events {}  restarts {}{cloud}",
        grouped(step.step),
        step.dt,
        step.took * 1e3,
        grouped(flood.done.load()),
        flood.restarts.load(),
    )
}

/// The hydrograph of each gauge, as far as it goes, and its level.
fn gauges(flood: &Flood) -> String {
    let gauge = |gauge: usize| {
        let drawn = sparkline(&hydrographs::find(flood, gauge)?.levels, DRAWN);
        let level = flood.gauges.get(number(gauge))?.level;
        Some(format!("{drawn} {level:.1}  "))
    };
    let drawn: String = (0..GAUGES).filter_map(gauge).collect();
    format!("gauges {drawn}m")
}
