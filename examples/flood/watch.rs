//! What is worth an event: blocks flooded for the first time, gauges, the storm, and what people
//! changed.
//!
//! The memory of the watch (which block was flooded when, which level a gauge stands over) is part
//! of every checkpoint, so a simulation that starts again neither forgets nor repeats an event.

use schemas::flood::{
    BLOCK, BLOCKS, COLUMNS, Cloud, Event, EventKind, FLOODED, GAUGES, Hydrograph, OUTBOX, Params,
    ROWS,
};
use shm_runtime::Zeroable;

/// Levels at a gauge that are reported when the water passes them, in metres.
const LEVELS: [f32; 5] = [0.5, 1.0, 2.0, 3.0, 5.0];
/// The water has fallen below a level when it stands at this part of it.
const FALLEN: f32 = 0.95;
/// A crest is over when the water has fallen to this part of it.
const PAST_CREST: f32 = 0.97;
/// Events that all but blocks can raise at one time: a reading, a level and a crest at each gauge,
/// two parameters, a cloud, three phases. The outbox has this much room beside blocks.
const RESERVED: usize = 3 * GAUGES + 6;

/// What has been reported so far.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Watch {
    /// When each block was first flooded, in seconds; zero if it never was.
    pub(crate) arrival: Vec<f32>,
    /// What the coming steps are made under.
    pub(crate) params: Params,
    /// The cloud that rains in them.
    pub(crate) cloud: Cloud,
    /// Readings of each gauge.
    pub(crate) readings: u32,
    /// Levels that the water at each gauge stands over.
    pub(crate) stage: [u32; GAUGES],
    /// One where the crest of a gauge has been reported.
    pub(crate) crested: [u32; GAUGES],
    /// The highest water at each gauge so far, in metres.
    pub(crate) peak: [f32; GAUGES],
    /// When it stood there, in seconds.
    pub(crate) peak_time: [f64; GAUGES],
    /// The last of `StormBegan`, `StormEnded` and `RunEnded` that was reported; zero at first.
    pub(crate) phase: u32,
    /// Number of the last event raised.
    pub(crate) raised: u64,
}

/// The water at one moment, as far as the watch looks at it.
#[derive(Clone, Copy)]
pub(crate) struct Moment<'a> {
    /// Simulated seconds.
    pub(crate) time: f64,
    /// Depth of water in each cell.
    pub(crate) depth: &'a [f32],
    /// What people want the coming steps to be made under.
    pub(crate) params: Params,
    /// The cloud that people called last.
    pub(crate) cloud: Cloud,
    /// When the storm is over.
    pub(crate) storm_end: f64,
    /// When the run is over.
    pub(crate) run_end: f64,
}

impl Watch {
    /// Nothing has happened yet.
    pub(crate) fn new() -> Self {
        Self {
            arrival: vec![0.0; BLOCKS],
            params: Params::default(),
            cloud: Cloud::zeroed(),
            readings: 0,
            stage: [0; GAUGES],
            crested: [0; GAUGES],
            peak: [0.0; GAUGES],
            peak_time: [0.0; GAUGES],
            phase: 0,
            raised: 0,
        }
    }

    /// Whether the run is over.
    pub(crate) fn run_ended(&self) -> bool {
        self.phase == EventKind::RunEnded as u32
    }

    /// The events since the moment before, numbered.
    ///
    /// At most [`OUTBOX`]: a block that finds no room is reported at a later moment.
    pub(crate) fn look(&mut self, moment: Moment<'_>, gauges: &[u32; GAUGES]) -> Vec<Event> {
        let mut events = Vec::new();
        if self.phase == 0 {
            self.enter(EventKind::StormBegan, moment, &mut events);
        }
        self.look_at_params(moment, &mut events);
        self.look_at_cloud(moment, &mut events);
        self.look_at_blocks(moment, &mut events);
        let due = Hydrograph::due(moment.time, moment.run_end);
        let reading = std::mem::replace(&mut self.readings, due) < due;
        for (gauge, &cell) in gauges.iter().enumerate() {
            if reading {
                let level = moment.depth[cell as usize];
                let kind = EventKind::GaugeRead;
                events.push(event(kind, moment.time, cell, level, gauge as u32));
            }
            self.look_at_gauge(gauge, cell, moment, &mut events);
        }
        if self.phase == EventKind::StormBegan as u32 && moment.time >= moment.storm_end {
            self.enter(EventKind::StormEnded, moment, &mut events);
        }
        if self.phase == EventKind::StormEnded as u32 && moment.time >= moment.run_end {
            self.enter(EventKind::RunEnded, moment, &mut events);
        }
        for event in &mut events {
            self.raised += 1;
            event.sequence = self.raised;
        }
        events
    }

    fn enter(&mut self, phase: EventKind, moment: Moment<'_>, events: &mut Vec<Event>) {
        self.phase = phase as u32;
        events.push(event(phase, moment.time, 0, 0.0, 0));
    }

    /// Takes over what people changed. The change has an event, so the journal says under what each
    /// step was made.
    fn look_at_params(&mut self, moment: Moment<'_>, events: &mut Vec<Event>) {
        let before = std::mem::replace(&mut self.params, moment.params);
        for (kind, before, after) in [
            (EventKind::RainSet, before.rain, self.params.rain),
            (
                EventKind::RoughnessSet,
                before.roughness,
                self.params.roughness,
            ),
        ] {
            if before != after {
                events.push(event(kind, moment.time, 0, after, 0));
            }
        }
    }

    /// Takes over the cloud that came last.
    fn look_at_cloud(&mut self, moment: Moment<'_>, events: &mut Vec<Event>) {
        let cloud = moment.cloud;
        if std::mem::replace(&mut self.cloud, cloud) == cloud {
            return;
        }
        let cell = cloud.row * COLUMNS as u32 + cloud.column;
        let kind = match cloud.intensity {
            0.0 => EventKind::CloudLeft,
            _ => EventKind::CloudCame,
        };
        events.push(event(kind, moment.time, cell, cloud.intensity, 0));
    }

    fn look_at_blocks(&mut self, moment: Moment<'_>, events: &mut Vec<Event>) {
        let per_row = COLUMNS / BLOCK;
        for block_row in 0..ROWS / BLOCK {
            let arrivals = &mut self.arrival[block_row * per_row..][..per_row];
            for (block_column, arrival) in arrivals.iter_mut().enumerate() {
                if *arrival != 0.0 || events.len() >= OUTBOX - RESERVED {
                    continue;
                }
                let first = block_row * BLOCK * COLUMNS + block_column * BLOCK;
                if let Some((cell, depth)) = deepest_of_block(moment.depth, first) {
                    *arrival = (moment.time as f32).max(f32::MIN_POSITIVE);
                    events.push(event(EventKind::BlockFlooded, moment.time, cell, depth, 0));
                }
            }
        }
    }

    fn look_at_gauge(
        &mut self,
        gauge: usize,
        cell: u32,
        moment: Moment<'_>,
        events: &mut Vec<Event>,
    ) {
        let water = moment.depth[cell as usize];
        let mut report = |kind, value| {
            events.push(event(kind, moment.time, cell, value, gauge as u32));
        };
        let stage = self.stage[gauge] as usize;
        if LEVELS.get(stage).is_some_and(|&level| water >= level) {
            self.stage[gauge] += 1;
            report(EventKind::GaugeRose, LEVELS[stage]);
        } else if stage > 0 && water < LEVELS[stage - 1] * FALLEN {
            self.stage[gauge] -= 1;
            report(EventKind::GaugeFell, LEVELS[stage - 1]);
        }
        if water > self.peak[gauge] {
            self.peak[gauge] = water;
            self.peak_time[gauge] = moment.time;
            self.crested[gauge] = 0;
        } else if self.crested[gauge] == 0
            && self.peak[gauge] >= LEVELS[0]
            && water < self.peak[gauge] * PAST_CREST
        {
            self.crested[gauge] = 1;
            report(EventKind::GaugeCrested, self.peak[gauge]);
        }
    }
}

/// The deepest cell of the block whose north-western cell is `first`, if it is flooded.
fn deepest_of_block(depth: &[f32], first: usize) -> Option<(u32, f32)> {
    let mut deepest = (0, FLOODED);
    for row in 0..BLOCK {
        let start = first + row * COLUMNS;
        for (offset, &water) in depth[start..start + BLOCK].iter().enumerate() {
            if water > deepest.1 {
                deepest = ((start + offset) as u32, water);
            }
        }
    }
    (deepest.1 > FLOODED).then_some(deepest)
}

fn event(kind: EventKind, t: f64, cell: u32, value: f32, gauge: u32) -> Event {
    Event {
        t,
        sequence: 0,
        cell,
        kind: kind as u32,
        value,
        gauge,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemas::flood::{CELLS, READINGS};

    const GAUGE_CELLS: [u32; GAUGES] = [5005, 15_015, 25_025, 35_035, 45_045, 55_055];

    fn moment(time: f64, depth: &[f32]) -> Moment<'_> {
        Moment {
            time,
            depth,
            params: Params::default(),
            cloud: Cloud::zeroed(),
            storm_end: 100.0,
            run_end: 200.0,
        }
    }

    #[test]
    fn every_event_has_the_next_number() {
        let mut watch = Watch::new();
        let mut depth = vec![0.0; CELLS];
        let mut numbers = Vec::new();
        for (time, water) in [
            (0.0, 0.0),
            (50.0, 1.2),
            (100.0, 3.0),
            (150.0, 0.2),
            (200.0, 0.1),
        ] {
            depth[5005] = water;
            let events = watch.look(moment(time, &depth), &GAUGE_CELLS);
            numbers.extend(events.iter().map(|event| event.sequence));
        }
        assert!(watch.run_ended());
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
        assert_eq!(watch.raised, numbers.len() as u64);
    }

    #[test]
    fn a_block_is_reported_once() {
        let mut watch = Watch::new();
        let mut depth = vec![0.0; CELLS];
        depth[123_456] = 0.5;
        let blocks = |events: Vec<Event>| {
            let flooded = EventKind::BlockFlooded as u32;
            events
                .into_iter()
                .filter(|event| event.kind == flooded)
                .count()
        };
        assert_eq!(blocks(watch.look(moment(0.0, &depth), &GAUGE_CELLS)), 1);
        depth[123_456] = 0.0;
        assert_eq!(blocks(watch.look(moment(1.0, &depth), &GAUGE_CELLS)), 0);
        depth[123_457] = 0.6;
        assert_eq!(blocks(watch.look(moment(2.0, &depth), &GAUGE_CELLS)), 0);
    }

    #[test]
    fn a_full_outbox_reports_the_other_blocks_later() {
        let mut watch = Watch::new();
        let depth = vec![1.0; CELLS];
        let mut reported = 0;
        while reported < BLOCKS {
            let events = watch.look(moment(1.0, &depth), &GAUGE_CELLS);
            assert!(!events.is_empty() && events.len() <= OUTBOX);
            let flooded = EventKind::BlockFlooded as u32;
            reported += events.iter().filter(|event| event.kind == flooded).count();
        }
        assert_eq!(reported, BLOCKS);
    }

    #[test]
    fn what_people_change_is_reported_once() {
        let mut watch = Watch::new();
        let depth = vec![0.0; CELLS];
        let mut changed = moment(1.0, &depth);
        changed.params.rain = 2.0;
        changed.cloud = Cloud::USUAL;
        let mut look = |moment| {
            let events = watch.look(moment, &GAUGE_CELLS).into_iter();
            let changes = events.filter(|event| event.kind >= EventKind::RainSet as u32);
            changes
                .map(|event| (event.kind, event.value))
                .collect::<Vec<_>>()
        };
        assert_eq!(look(moment(0.0, &depth)), []);
        let came = (EventKind::CloudCame as u32, Cloud::USUAL.intensity);
        assert_eq!(look(changed), [(EventKind::RainSet as u32, 2.0), came]);
        assert_eq!(look(changed), []);
        changed.cloud = Cloud::zeroed();
        assert_eq!(look(changed), [(EventKind::CloudLeft as u32, 0.0)]);
        assert_eq!(watch.params, changed.params);
    }

    #[test]
    fn gauges_are_read_at_equal_times() {
        let mut watch = Watch::new();
        let mut depth = vec![0.0; CELLS];
        let mut hydrograph = Hydrograph::zeroed();
        for time in 0..=20 {
            depth[5005] = time as f32;
            for event in watch.look(moment(f64::from(time) * 10.0, &depth), &GAUGE_CELLS) {
                if event.kind == EventKind::GaugeRead as u32 && event.gauge == 0 {
                    hydrograph.read(Hydrograph::due(event.t, 200.0), event.value);
                }
            }
        }
        assert_eq!(hydrograph.readings as usize, READINGS);
        assert!(hydrograph.levels.is_sorted() && hydrograph.levels[READINGS - 1] == 20.0);
    }

    #[test]
    fn a_gauge_reports_levels_and_crest() {
        use EventKind::{GaugeCrested, GaugeFell, GaugeRose};
        let mut watch = Watch::new();
        let mut depth = vec![0.0; CELLS];
        let mut kinds = Vec::new();
        for (time, water) in [(0.0, 0.1), (1.0, 0.7), (2.0, 0.9), (3.0, 0.6), (4.0, 0.4)] {
            depth[5005] = water;
            kinds.extend(
                watch
                    .look(moment(time, &depth), &GAUGE_CELLS)
                    .into_iter()
                    .filter_map(|event| EventKind::from_number(event.kind))
                    .filter(|kind| [GaugeRose, GaugeFell, GaugeCrested].contains(kind)),
            );
        }
        assert_eq!(kinds, [GaugeRose, GaugeCrested, GaugeFell]);
        assert_eq!((watch.peak[0], watch.peak_time[0]), (0.9, 2.0));
    }
}
