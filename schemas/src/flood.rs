//! A flood over real terrain: what simulation, renderer and analytics share.
//!
//! The fields of [`Flood`] are grouped by who writes them, and each structure says why it is the one
//! that it is. `examples/flood/` has the programs.

use shm_runtime::{
    Array, Atomic, Broadcast, Handle, Map, Pod, Pool, Queue, Set, ShmLayout, ShmType, Spsc, Stack,
    Versioned, VersionedArray, Zeroable,
};

/// Cells from north to south.
pub const ROWS: usize = 1000;
/// Cells from west to east.
pub const COLUMNS: usize = 1000;
/// Cells of the map.
pub const CELLS: usize = ROWS * COLUMNS;
/// Western sides of all cells, and the eastern border.
pub const SIDES_EAST: usize = ROWS * (COLUMNS + 1);
/// Northern sides of all cells, and the southern border.
pub const SIDES_SOUTH: usize = (ROWS + 1) * COLUMNS;

/// Side of a block in cells. Flooding is reported block by block.
pub const BLOCK: usize = 10;
/// Blocks of the map.
pub const BLOCKS: usize = (ROWS / BLOCK) * (COLUMNS / BLOCK);
/// Water of this depth floods a cell, in metres.
pub const FLOODED: f32 = 0.3;

/// Places where the water level is watched.
pub const GAUGES: usize = 6;
/// Readings of a hydrograph, at equal times.
pub const READINGS: usize = 96;
/// Parts of the storm, of equal length.
pub const STORM_PARTS: usize = 12;
/// Events that can be on their way.
pub const EVENTS: usize = 4096;
/// Events that one checkpoint can raise.
pub const OUTBOX: usize = 512;
/// Clouds that can be called.
pub const CLOUDS: usize = 100;
/// Steps whose telemetry is kept for those who are late.
pub const TELEMETRY: usize = 1024;
/// Events that are remembered.
pub const JOURNAL: usize = 16_384;

/// Something that happened, numbered from 1 without a gap.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable, ShmType)]
#[repr(C)]
pub struct Event {
    /// When it happened, in simulated seconds.
    pub t: f64,
    /// Number of the event: one more than that of the event before.
    pub sequence: u64,
    /// Where it happened.
    pub cell: u32,
    /// What happened: an [`EventKind`].
    pub kind: u32,
    /// How much: the depth of water or the level passed, in metres, or the new parameter.
    pub value: f32,
    /// Number of the gauge, for events at a gauge.
    pub gauge: u32,
}

/// What an [`Event`] reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum EventKind {
    /// The first rain falls.
    StormBegan = 1,
    /// The last rain has fallen.
    StormEnded = 2,
    /// A block has its first flooded cell.
    BlockFlooded = 3,
    /// The water at a gauge rose over a level.
    GaugeRose = 4,
    /// The water at a gauge fell below a level.
    GaugeFell = 5,
    /// The water at a gauge has passed its highest level.
    GaugeCrested = 6,
    /// The run is over; no event follows.
    RunEnded = 7,
    /// The time has come to read a gauge for its hydrograph.
    GaugeRead = 8,
    /// From now on this part of the storm's rain falls.
    RainSet = 9,
    /// From now on the ground has this roughness.
    RoughnessSet = 10,
    /// From now on this cloud rains.
    CloudCame = 11,
    /// From now on no cloud rains.
    CloudLeft = 12,
}

impl EventKind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 12] = [
        Self::StormBegan,
        Self::StormEnded,
        Self::BlockFlooded,
        Self::GaugeRose,
        Self::GaugeFell,
        Self::GaugeCrested,
        Self::RunEnded,
        Self::GaugeRead,
        Self::RainSet,
        Self::RoughnessSet,
        Self::CloudCame,
        Self::CloudLeft,
    ];

    /// The kind with this number, if there is one.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|&kind| kind as u32 == number)
    }
}

/// What people may change while the water flows.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable, ShmType)]
#[repr(C)]
pub struct Params {
    /// The part of the storm's rain that falls, from 0 to 10.
    pub rain: f32,
    /// Manning's roughness of the ground in s/m^(1/3), from 0.01 to 1.
    pub roughness: f32,
}

impl Default for Params {
    /// The storm as it is, over fields and light forest.
    fn default() -> Self {
        Self {
            rain: 1.0,
            roughness: 0.06,
        }
    }
}

impl Params {
    /// The nearest ones in range: what lies in a segment may be anything.
    #[must_use]
    pub fn in_range(self) -> Self {
        let usual = Self::default();
        Self {
            rain: number(self.rain, usual.rain).clamp(0.0, 10.0),
            roughness: number(self.roughness, usual.roughness).clamp(0.01, 1.0),
        }
    }
}

/// A cloud that rains over one place, beside the storm. All zeros: no cloud.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable, ShmType)]
#[repr(C)]
pub struct Cloud {
    /// Row of its middle.
    pub row: u32,
    /// Column of its middle.
    pub column: u32,
    /// How far it reaches, in cells.
    pub radius: u32,
    /// How hard it rains, in mm/h, from 0 to 500.
    pub intensity: f32,
}

impl Cloud {
    /// A cloudburst of usual size.
    pub const USUAL: Self = Self {
        row: 0,
        column: 0,
        radius: 60,
        intensity: 100.0,
    };

    /// The nearest one on the map: what lies in a segment may be anything.
    #[must_use]
    pub fn in_range(self) -> Self {
        Self {
            row: self.row.min(ROWS as u32 - 1),
            column: self.column.min(COLUMNS as u32 - 1),
            radius: self.radius.min(200),
            intensity: number(self.intensity, 0.0).clamp(0.0, 500.0),
        }
    }
}

/// `value`, or `usual` where that is no number.
fn number(value: f32, usual: f32) -> f32 {
    if value.is_nan() { usual } else { value }
}

/// How one step went.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable, ShmType)]
#[repr(C)]
pub struct Telemetry {
    /// Number of the step.
    pub step: u64,
    /// Simulated time after it, in seconds.
    pub time: f64,
    /// Its length in simulated seconds.
    pub dt: f64,
    /// What it took, in real seconds.
    pub took: f64,
    /// Rain so far, in m³.
    pub rain: f64,
    /// What left over the border so far, in m³.
    pub outflow: f64,
    /// The deepest water after it, in metres.
    pub deepest: f64,
}

/// A gauge and the water at it, as of the last checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable, ShmType)]
#[repr(C)]
pub struct Reading {
    /// The area that drains through it, in km².
    pub catchment: f64,
    /// When it was read, in simulated seconds.
    pub time: f64,
    /// When the water stood highest so far, in simulated seconds.
    pub peak_time: f64,
    /// The highest water so far, in metres.
    pub peak: f32,
    /// The water, in metres.
    pub level: f32,
    /// Levels that it stands over.
    pub stage: u32,
    /// Where the gauge is.
    pub cell: u32,
}

/// The water at a gauge over the whole run.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable, ShmType)]
#[repr(C)]
pub struct Hydrograph {
    /// Number of the gauge.
    pub gauge: u32,
    /// Levels that are there; the others are zero.
    pub readings: u32,
    /// Its depth at equal times, in metres.
    pub levels: [f32; READINGS],
}

impl Hydrograph {
    /// How many readings are due at `time` in a run that ends at `run_end`.
    #[must_use]
    pub fn due(time: f64, run_end: f64) -> u32 {
        (time / run_end * READINGS as f64).clamp(0.0, READINGS as f64) as u32
    }

    /// Enters `level` at all places up to reading `due`, of which it is the latest.
    pub fn read(&mut self, due: u32, level: f32) {
        let due = due.min(READINGS as u32);
        if self.readings < due {
            self.levels[self.readings as usize..due as usize].fill(level);
            self.readings = due;
        }
    }
}

/// A complete state of the simulation, from which it continues bit for bit.
#[derive(Debug, ShmLayout)]
pub struct Checkpoint {
    /// Depth of water.
    #[shm(shape = [1000, 1000], unit = "m")]
    pub depth: Array<f32, CELLS>,
    /// What rounding has kept from each depth so far.
    #[shm(shape = [1000, 1000], unit = "m")]
    pub rest: Array<f32, CELLS>,
    /// Discharge over western sides and the eastern border, positive to the east.
    #[shm(shape = [1000, 1001], unit = "m2/s")]
    pub east: Array<f32, SIDES_EAST>,
    /// Discharge over northern sides and the southern border, positive to the south.
    #[shm(shape = [1001, 1000], unit = "m2/s")]
    pub south: Array<f32, SIDES_SOUTH>,
    /// When each block was first flooded; zero if it never was.
    #[shm(shape = [100, 100], unit = "s")]
    pub arrival: Array<f32, BLOCKS>,
    /// What the steps after this checkpoint are made under, so that they are the same when they are
    /// made again.
    pub params: Array<Params, 1>,
    /// The cloud that rains in them.
    pub cloud: Array<Cloud, 1>,
    /// Readings of each gauge so far.
    pub readings: Atomic<u32>,
    /// Levels that the water at each gauge stands over.
    pub gauge_stage: Array<u32, GAUGES>,
    /// One where the crest of a gauge has been reported.
    pub gauge_crested: Array<u32, GAUGES>,
    /// The highest water at each gauge so far.
    #[shm(unit = "m")]
    pub gauge_peak: Array<f32, GAUGES>,
    /// When it stood there.
    #[shm(unit = "s")]
    pub gauge_peak_time: Array<f64, GAUGES>,
    /// Steps made.
    pub step: Atomic<u64>,
    /// Simulated time.
    #[shm(unit = "s")]
    pub time: Atomic<f64>,
    /// Rain so far.
    #[shm(unit = "m3")]
    pub rain: Atomic<f64>,
    /// Water that left over the border so far.
    #[shm(unit = "m3")]
    pub outflow: Atomic<f64>,
    /// How far the storm and the run are, as the last of StormBegan, StormEnded, RunEnded.
    pub phase: Atomic<u32>,
    /// Events raised since the run began: the number of the last one.
    pub raised: Atomic<u64>,
    /// How many of them this checkpoint raised.
    pub outbox_len: Atomic<u64>,
    /// The events that this checkpoint raised. They are sent once it is committed.
    pub outbox: Array<Event, OUTBOX>,
}

/// How far one subscriber of the telemetry is.
#[derive(Debug, ShmLayout)]
pub struct Audience {
    /// Messages that it has heard or missed.
    pub position: Atomic<u64>,
    /// Messages that were overwritten before it came to them.
    pub missed: Atomic<u64>,
}

/// How the water looked to analytics, which read all of it while it moved.
#[derive(Debug, ShmLayout)]
pub struct Looks {
    /// How often it looked.
    pub count: Atomic<u64>,
    /// How often what it saw was not the water of any one moment.
    pub torn: Atomic<u64>,
    /// What was missing or too much at the worst of them, as a part of the rain.
    pub worst: Atomic<f64>,
}

/// The segment of the flood.
#[derive(Debug, ShmLayout)]
pub struct Flood {
    // ---- what the simulation shows ----
    /// Depth of water at each checkpoint, whose number is the frame's. `VersionedArray`: who reads
    /// it gets all of one frame.
    #[shm(shape = [1000, 1000], unit = "m")]
    pub frame: VersionedArray<f32, CELLS>,
    /// Depth of water after each step. `Array`: memory that anybody can read in place, and see
    /// half of one step and half of the next.
    #[shm(shape = [1000, 1000], unit = "m")]
    pub grid: Array<f32, CELLS>,
    /// The ground above sea level, its pits filled.
    #[shm(shape = [1000, 1000], unit = "m")]
    pub terrain: Array<f32, CELLS>,
    /// How each step went. `Broadcast`: renderer and analytics hear all of them, and the simulation
    /// waits for nobody.
    pub telemetry: Broadcast<Telemetry, TELEMETRY>,
    /// The gauges as of the last checkpoint, by their numbers, from 1 on. `Map`: whoever looks one up
    /// gets a whole reading.
    pub gauges: Map<u32, Reading, 16>,
    /// The blocks with a flooded cell at the last checkpoint. `Set`: they come and go as the water
    /// does.
    pub wet: Set<u32, 16_384>,

    // ---- what it tells analytics ----
    /// What happens. `Queue`: each event is taken, dealt with, and only then gone; with whoever is
    /// killed in between it is not lost, but comes back.
    pub events: Queue<Event, EVENTS>,

    // ---- what people tell it ----
    /// What people change while the water flows. `Versioned`: anybody may change any of it at any
    /// time, no change is lost to another, and the simulation never sees half of one.
    pub params: Versioned<Params>,
    /// The clouds that people called. `Stack`: the one that came last rains, the simulation only looks
    /// at it, and to undo is to send it away; then the one before rains again.
    pub clouds: Stack<Cloud, CLOUDS>,

    // ---- what it goes on from when it was killed ----
    /// Checkpoints committed: the last one is `even` or `odd`, as this number is.
    pub committed: Atomic<u64>,
    /// The last checkpoint, or room for the next.
    pub even: Checkpoint,
    /// The last checkpoint, or room for the next.
    pub odd: Checkpoint,

    // ---- what the run is, once and for all ----
    /// Intensity of the rain in each part of the storm.
    #[shm(unit = "mm/h")]
    pub storm: Array<f64, STORM_PARTS>,
    /// Length of one part of the storm.
    #[shm(unit = "s")]
    pub storm_part: Atomic<f64>,
    /// When the run is over, in simulated time.
    #[shm(unit = "s")]
    pub run_end: Atomic<f64>,
    /// One once terrain, gauges and storm are in place.
    pub prepared: Atomic<u32>,
    /// Who is who. `Spsc`: the simulation is its producer and analytics its consumer, so there is one
    /// of each. Nothing is sent.
    pub roles: Spsc<u64, 2>,

    // ---- what analytics keeps ----
    /// Number of the last event that analytics has dealt with.
    pub done: Atomic<u64>,
    /// Every event that analytics has dealt with, at its number less one.
    pub journal: Array<Event, JOURNAL>,
    /// Events that reached analytics a second time, after a kill, and were put aside.
    pub redelivered: Atomic<u64>,
    /// A hydrograph for each gauge, leased and written by analytics. `Pool`: what a killed analytics
    /// has comes back, and the next one leases it anew.
    pub hydrographs: Pool<Hydrograph, GAUGES>,
    /// Where to find the hydrograph of each gauge; void while nobody has it on lease.
    pub hydrograph: Array<Handle, GAUGES>,
    /// The frame that analytics measured last.
    pub measured: Atomic<u64>,
    /// What analytics saw in the frames.
    pub frame_looks: Looks,
    /// What it saw in the grid.
    pub grid_looks: Looks,
    /// Flooded area, as analytics last measured it.
    #[shm(unit = "km2")]
    pub flooded_area: Atomic<f64>,
    /// The deepest water, as analytics last measured it.
    #[shm(unit = "m")]
    pub deepest: Atomic<f64>,
    /// Water made or lost as a part of the rain, as analytics last measured it.
    pub mass_error: Atomic<f64>,
    /// What the steps took, as analytics heard it.
    #[shm(unit = "s")]
    pub computed: Atomic<f64>,
    /// How far analytics is with the telemetry.
    pub analytics: Audience,

    // ---- what the renderer and the program that started all do ----
    /// How far the renderer is with the telemetry.
    pub renderer: Audience,
    /// Pictures of the finished run saved by renderers.
    pub pictures: Atomic<u32>,
    /// Roles that were started again after a kill.
    pub restarts: Atomic<u64>,
}

impl Flood {
    /// The place of checkpoint number `committed`.
    #[must_use]
    pub fn checkpoint(&self, committed: u64) -> &Checkpoint {
        if committed.is_multiple_of(2) {
            &self.even
        } else {
            &self.odd
        }
    }
}
