//! Shows the map while the water moves, and saves the picture at the end.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use schemas::flood::{CELLS, Flood};

use crate::flood::Failure;
use crate::flood::checkpoint;
use crate::flood::picture;
use crate::flood::roles::Stage;
use crate::flood::shade::Relief;
use crate::flood::storm::Storm;
use crate::flood::text::{clock, grouped};
use crate::flood::view::View;

/// Time between two frames.
const FRAME: Duration = Duration::from_millis(200);

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
    let mut depth = vec![0.0; CELLS];
    loop {
        // Asked first: what is drawn after it was true is the end.
        let ended = stage.run_ended();
        if ended {
            checkpoint::last(flood, |last| last.depth.read_into(0, &mut depth));
        } else {
            flood.grid.read_into(0, &mut depth);
        }
        if let Some(view) = &mut view {
            let frame = view.frame(&terrain, &relief, &depth, &status(flood));
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

/// The line below the map.
fn status(flood: &Flood) -> String {
    let time = checkpoint::last(flood, |last| last.time.load()).unwrap_or(0.0);
    let storm = Storm {
        parts: std::array::from_fn(|part| flood.storm.get(part)),
        part: flood.storm_part.load(),
    };
    let (rain, _) = storm.at(time);
    format!(
        "{} of {}  rain {rain:.0} mm/h  flooded {:.1} km²  deepest {:.1} m  events {}  restarts {}",
        clock(time),
        clock(flood.run_end.load()),
        flood.flooded_area.load(),
        flood.deepest.load(),
        grouped(flood.done.load()),
        flood.restarts.load(),
    )
}
