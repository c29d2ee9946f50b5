//! Deals with the events, measures the water, prints the summary.
//!
//! # Each event once, whatever is killed
//!
//! An event is *taken*, dealt with, and only then acknowledged with `done`. To deal with event `n`
//! is to enter it in the journal at `n` and in its hydrograph, then to store `done = n`. Killed before that store, this
//! role gets the event again and enters the same in the same place; killed after it, it gets a
//! number that is not above `done`, and puts it aside. The simulation sends numbers again after a
//! kill of its own, and they are recognised in the same way.
//!
//! A number above `done + 1` is early: the ones before are with a process that was killed while it
//! had taken them, and come back once its death is settled. Until then the early event is held, and
//! no other one is taken: what comes back is taken before what follows.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use schemas::flood::{EVENTS, Event, EventKind, Flood, JOURNAL};
use shm_runtime::{Segment, Taken};

use crate::flood::Failure;
use crate::flood::analysis::{progress, summary};
use crate::flood::books::Books;
use crate::flood::hydrographs::Hydrographs;
use crate::flood::roles::Stage;
use crate::flood::terrain::Terrain;

/// How often the water is measured.
const MEASURE: Duration = Duration::from_millis(500);
/// Measurements to a printed line.
const LINES: u32 = 4;
/// Early events held at one time.
const HELD: usize = 16;
/// How long an event that is missing may take to come back.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the renderer may take for its picture.
const PICTURE: Duration = Duration::from_secs(10);

/// Plays the role.
pub(crate) fn play(stage: &Stage) -> Result<(), Failure> {
    let Some(terrain) = stage.ground() else {
        return Ok(());
    };
    let flood = &stage.flood;
    let past = (1..=flood.done.load()).map(|number| flood.journal.get(place(number)));
    let mut reader = Reader {
        flood,
        hydrographs: Hydrographs::lease(flood, past)?,
        early: BTreeMap::new(),
        since: Instant::now(),
    };
    let mut books = Books::open(flood, &terrain);
    let mut measured = Instant::now();
    let mut count = 0_u32;
    loop {
        reader.drain()?;
        books.hear();
        if reader.run_ended() {
            return finish(stage, &terrain, &mut books);
        }
        if measured.elapsed() >= MEASURE {
            measured = Instant::now();
            books.look_at_grid();
            if let Some(now) = books.measure()? {
                count += 1;
                if count.is_multiple_of(LINES) {
                    stage.say(&progress(flood, &terrain, &now));
                }
            }
        }
        if !stage.lifeline.rest(Duration::from_millis(20)) {
            return Ok(());
        }
    }
}

/// Waits for the picture and prints the summary.
fn finish(stage: &Stage, terrain: &Terrain, books: &mut Books<'_>) -> Result<(), Failure> {
    let flood = &stage.flood;
    let measured = books.measure()?.ok_or("the run ended without a frame")?;
    let asked = Instant::now();
    while flood.pictures.load() == 0 && asked.elapsed() < PICTURE {
        if !stage.lifeline.rest(Duration::from_millis(20)) {
            return Ok(());
        }
    }
    let picture = match flood.pictures.load() {
        0 => "none: no renderer was there".to_owned(),
        _ => stage.options.out.display().to_string(),
    };
    print!(
        "\n{}picture {picture}\n",
        summary(flood, terrain, &measured)
    );
    Ok(())
}

/// Reads the events in the order of their numbers.
struct Reader<'a> {
    flood: &'a Segment<Flood>,
    hydrographs: Hydrographs<'a>,
    /// Events whose predecessors are missing, by number. Not acknowledged: should this process be
    /// killed, they come back too.
    early: BTreeMap<u64, Taken<'a, Event, EVENTS>>,
    /// When the first of them came.
    since: Instant,
}

impl Reader<'_> {
    /// Deals with all events that are there.
    fn drain(&mut self) -> Result<(), Failure> {
        while self.early.len() < HELD {
            if !self.early.is_empty() && Segment::recover(self.flood).later > 0 {
                break; // somebody else is settling a death at this moment
            }
            let Some(taken) = self.flood.events.take()? else {
                break;
            };
            let number = taken.get().sequence;
            if number <= self.flood.done.load() || self.early.contains_key(&number) {
                self.flood.redelivered.fetch_add(1);
                taken.done();
                continue;
            }
            if self.early.is_empty() {
                self.since = Instant::now();
            }
            self.early.insert(number, taken);
            self.deal_with_next();
        }
        if self.early.is_empty() {
            return Ok(());
        }
        if self.since.elapsed() > PATIENCE {
            let missing = self.flood.done.load() + 1;
            return Err(format!("event {missing} is missing").into());
        }
        Ok(())
    }

    /// Deals with all events whose turn it is.
    fn deal_with_next(&mut self) {
        loop {
            let next = self.flood.done.load() + 1;
            let Some(taken) = self.early.remove(&next) else {
                return;
            };
            self.flood.journal.set(place(next), taken.get());
            self.hydrographs.note(&taken.get());
            self.flood.done.store(next);
            taken.done();
            self.since = Instant::now();
        }
    }

    /// Whether the last event of the run is dealt with; asked of the journal, which a process
    /// that was killed leaves to the next.
    fn run_ended(&self) -> bool {
        let done = self.flood.done.load();
        done > 0 && self.flood.journal.get(place(done)).kind == EventKind::RunEnded as u32
    }
}

/// Where the journal keeps an event.
fn place(number: u64) -> usize {
    ((number - 1) % JOURNAL as u64) as usize
}
