//! The ground: real elevation, resampled to cells of 30 m, its pits filled.
//!
//! The measured grid has 344 × 403 postings. It is resampled to [`ROWS`] × [`COLUMNS`] cells over
//! the same ground, bilinearly. Then every depression is filled to its spill level by a *priority
//! flood* (Wang and Liu 2006; Barnes, Lehman and Mulla 2014): cells are taken from the border
//! inwards, lowest first, and no cell is left below the one it was reached from. Filled ground is
//! level, with no artificial gradient: the solver routes water over level ground by the slope of
//! the water itself.
//!
//! The flood visits the *four* neighbours of a cell, because the solver moves water across the four
//! sides of a cell and never across its corners. The path by which a cell was reached is its way
//! out; following all ways out gives the area that drains through each cell, and the gauges stand
//! on streams of all sizes.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use schemas::flood::{COLUMNS, GAUGES, ROWS};

/// The measured elevation, see `examples/data/NOTE.md`.
static MEASURED: &[u8] = include_bytes!("../data/jacksboro_344x403_i16le.bin");
const MEASURED_ROWS: usize = 344;
const MEASURED_COLUMNS: usize = 403;

/// One posting in degrees.
const POSTING: f64 = 1.0 / 1200.0;
/// The middle of the map, degrees north.
const LATITUDE: f64 = 36.589_585;
/// Metres in a degree of latitude.
const DEGREE: f64 = 111_200.0;

/// Least distance between two gauges in cells.
const GAUGE_SPACING: usize = 160;
/// Least distance from a gauge to the border in cells.
const GAUGE_MARGIN: usize = 60;

/// A place where the water level is watched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Gauge {
    /// Its cell.
    pub(crate) cell: u32,
    /// The area that drains through it, in m².
    pub(crate) catchment: f64,
}

/// A rectangle of cells with an elevation each.
#[derive(Clone, Debug)]
pub(crate) struct Terrain {
    /// Cells from north to south.
    pub(crate) rows: usize,
    /// Cells from west to east.
    pub(crate) columns: usize,
    /// Size of a cell from west to east, in metres.
    pub(crate) dx: f64,
    /// Size of a cell from north to south, in metres.
    pub(crate) dy: f64,
    /// Metres above the sea, row by row, the northern row first.
    pub(crate) elevation: Vec<f32>,
}

impl Terrain {
    /// The measured ground, resampled and with its pits filled, and the gauges on it.
    pub(crate) fn measured() -> (Self, [Gauge; GAUGES]) {
        let postings: Vec<f32> = MEASURED
            .chunks_exact(2)
            .map(|bytes| f32::from(i16::from_le_bytes([bytes[0], bytes[1]])))
            .collect();
        let elevation = resample(&postings, MEASURED_ROWS, MEASURED_COLUMNS, ROWS, COLUMNS);
        let mut terrain = Self::around(elevation);
        let drainage = terrain.fill_pits();
        let gauges = terrain.place_gauges(&drainage);
        (terrain, gauges)
    }

    /// Ground of [`ROWS`] × [`COLUMNS`] cells that is ready: as it lies in a segment.
    pub(crate) fn around(elevation: Vec<f32>) -> Self {
        assert_eq!(elevation.len(), ROWS * COLUMNS);
        let height = MEASURED_ROWS as f64 * POSTING * DEGREE;
        let width = MEASURED_COLUMNS as f64 * POSTING * DEGREE * LATITUDE.to_radians().cos();
        Self {
            rows: ROWS,
            columns: COLUMNS,
            dx: width / COLUMNS as f64,
            dy: height / ROWS as f64,
            elevation,
        }
    }

    /// The area of a cell in square metres.
    pub(crate) fn cell_area(&self) -> f64 {
        self.dx * self.dy
    }

    /// The area of all cells in square metres.
    pub(crate) fn area(&self) -> f64 {
        self.cell_area() * self.elevation.len() as f64
    }

    /// Raises every cell to the lowest level from which water can leave the map, and says by which
    /// way it does.
    ///
    /// Two queues, as Barnes and others describe: a heap by elevation, and a plain queue for cells
    /// inside a depression that has been found, which need no order among themselves.
    fn fill_pits(&mut self) -> Drainage {
        let cells = self.elevation.len();
        let mut drainage = Drainage {
            order: Vec::with_capacity(cells),
            outlet: vec![u32::MAX; cells],
        };
        let mut reached = vec![false; cells];
        let mut heap = BinaryHeap::with_capacity(cells / 8);
        let mut pit = VecDeque::new();
        for (cell, reached) in reached.iter_mut().enumerate() {
            if self.on_border(cell) {
                *reached = true;
                heap.push(Reverse(by_level(self.elevation[cell], cell)));
            }
        }
        loop {
            let cell = match pit.pop_front() {
                Some(cell) => cell,
                None => match heap.pop() {
                    Some(Reverse((_, cell))) => cell,
                    None => return drainage,
                },
            };
            drainage.order.push(cell as u32);
            let level = self.elevation[cell];
            for next in self.neighbours(cell) {
                if std::mem::replace(&mut reached[next], true) {
                    continue;
                }
                drainage.outlet[next] = cell as u32;
                if self.elevation[next] <= level {
                    self.elevation[next] = level;
                    pit.push_back(next);
                } else {
                    heap.push(Reverse(by_level(self.elevation[next], next)));
                }
            }
        }
    }

    /// Gauges on streams of all sizes, no two of them close together: the first where most land
    /// drains through, each of the others where half as much does as at the one before.
    fn place_gauges(&self, drainage: &Drainage) -> [Gauge; GAUGES] {
        let drained = drainage.drained_cells();
        let inside = |at: usize, end: usize| (GAUGE_MARGIN..end - GAUGE_MARGIN).contains(&at);
        let mut streams: Vec<u32> = (0..drained.len() as u32)
            .filter(|&cell| {
                let (row, column) = self.place(cell as usize);
                inside(row, self.rows) && inside(column, self.columns)
            })
            .collect();
        streams.sort_unstable_by_key(|&cell| (Reverse(drained[cell as usize]), cell));
        let largest = drained[streams[0] as usize];
        let mut gauges: Vec<Gauge> = Vec::with_capacity(GAUGES);
        for cell in streams {
            let cells = drained[cell as usize];
            let (row, column) = self.place(cell as usize);
            let apart = gauges.iter().all(|other| {
                let (other_row, other_column) = self.place(other.cell as usize);
                row.abs_diff(other_row).max(column.abs_diff(other_column)) >= GAUGE_SPACING
            });
            if apart && cells <= largest >> gauges.len() {
                gauges.push(Gauge {
                    cell,
                    catchment: f64::from(cells) * self.cell_area(),
                });
                if gauges.len() == GAUGES {
                    break;
                }
            }
        }
        gauges.try_into().expect("the map has room for all gauges")
    }

    fn place(&self, cell: usize) -> (usize, usize) {
        (cell / self.columns, cell % self.columns)
    }

    fn on_border(&self, cell: usize) -> bool {
        let (row, column) = self.place(cell);
        row == 0 || column == 0 || row + 1 == self.rows || column + 1 == self.columns
    }

    /// The cells beyond the four sides of `cell`.
    fn neighbours(&self, cell: usize) -> impl Iterator<Item = usize> + use<> {
        let (row, column) = self.place(cell);
        let columns = self.columns;
        let north = (row > 0).then(|| cell - columns);
        let south = (row + 1 < self.rows).then(|| cell + columns);
        let west = (column > 0).then(|| cell - 1);
        let east = (column + 1 < columns).then(|| cell + 1);
        [north, west, east, south].into_iter().flatten()
    }
}

/// How water leaves the map.
struct Drainage {
    /// Every cell once, each after the cell that it drains into.
    order: Vec<u32>,
    /// The cell that a cell drains into; `u32::MAX` on the border.
    outlet: Vec<u32>,
}

impl Drainage {
    /// How many cells drain through each cell, itself included.
    fn drained_cells(&self) -> Vec<u32> {
        let mut drained = vec![1; self.outlet.len()];
        for &cell in self.order.iter().rev() {
            let outlet = self.outlet[cell as usize];
            if outlet != u32::MAX {
                drained[outlet as usize] += drained[cell as usize];
            }
        }
        drained
    }
}

/// Orders cells by elevation, then by index, so that the result never depends on the heap.
/// The bits of non-negative floats are in the order of the floats.
fn by_level(elevation: f32, cell: usize) -> (u32, usize) {
    (elevation.max(0.0).to_bits(), cell)
}

/// Bilinear interpolation between the middles of cells; the border is continued outwards.
fn resample(
    from: &[f32],
    from_rows: usize,
    from_columns: usize,
    rows: usize,
    columns: usize,
) -> Vec<f32> {
    let (down, across) = (stencil(from_rows, rows), stencil(from_columns, columns));
    let mut to = Vec::with_capacity(rows * columns);
    for &(north, south, southward) in &down {
        let north = &from[north * from_columns..][..from_columns];
        let south = &from[south * from_columns..][..from_columns];
        to.extend(across.iter().map(|&(west, east, eastward)| {
            let upper = north[west] + (north[east] - north[west]) * eastward;
            let lower = south[west] + (south[east] - south[west]) * eastward;
            upper + (lower - upper) * southward
        }));
    }
    to
}

/// For each of `to` cells the two of `from` cells around its middle, and the weight of the second.
fn stencil(from: usize, to: usize) -> Vec<(usize, usize, f32)> {
    (0..to)
        .map(|cell| {
            let at = (cell as f64 + 0.5) * from as f64 / to as f64 - 0.5;
            let at = at.clamp(0.0, (from - 1) as f64);
            let first = at as usize;
            (first, (first + 1).min(from - 1), (at - first as f64) as f32)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small(rows: usize, columns: usize, elevation: &[f32]) -> Terrain {
        Terrain {
            rows,
            columns,
            dx: 10.0,
            dy: 10.0,
            elevation: elevation.to_vec(),
        }
    }

    #[test]
    fn resampling_to_the_same_size_changes_nothing() {
        let from: Vec<f32> = (0..12).map(|n| (n * n) as f32).collect();
        assert_eq!(resample(&from, 3, 4, 3, 4), from);
    }

    #[test]
    fn resampling_keeps_a_slope() {
        let to = resample(&[0.0, 4.0, 8.0, 12.0], 1, 4, 1, 8);
        assert_eq!(to, [0.0, 1.0, 3.0, 5.0, 7.0, 9.0, 11.0, 12.0]);
    }

    #[test]
    fn a_pit_is_filled_to_the_lowest_way_out() {
        #[rustfmt::skip]
        let mut terrain = small(5, 5, &[
            9.0, 9.0, 9.0, 9.0, 9.0,
            9.0, 2.0, 3.0, 8.0, 9.0,
            9.0, 1.0, 9.0, 5.0, 4.0,
            9.0, 3.0, 6.0, 7.0, 9.0,
            9.0, 9.0, 9.0, 9.0, 9.0,
        ]);
        terrain.fill_pits();
        #[rustfmt::skip]
        assert_eq!(terrain.elevation, [
            9.0, 9.0, 9.0, 9.0, 9.0,
            9.0, 7.0, 7.0, 8.0, 9.0,
            9.0, 7.0, 9.0, 5.0, 4.0,
            9.0, 7.0, 7.0, 7.0, 9.0,
            9.0, 9.0, 9.0, 9.0, 9.0,
        ]);
    }

    #[test]
    fn corners_let_no_water_through() {
        let mut terrain = small(3, 3, &[1.0, 9.0, 9.0, 9.0, 5.0, 9.0, 9.0, 9.0, 9.0]);
        terrain.fill_pits();
        assert_eq!(terrain.elevation[4], 9.0);
    }

    #[test]
    fn all_cells_drain_through_the_border() {
        let mut terrain = small(
            6,
            7,
            &(0..42).map(|n| (n * 17 % 23) as f32).collect::<Vec<_>>(),
        );
        let drainage = terrain.fill_pits();
        let drained = drainage.drained_cells();
        let through: u32 = (0..42)
            .filter(|&cell| terrain.on_border(cell))
            .map(|cell| drained[cell])
            .sum();
        assert_eq!(through, 42);
        for cell in 0..42 {
            let outlet = drainage.outlet[cell];
            assert!(
                outlet == u32::MAX || terrain.elevation[outlet as usize] <= terrain.elevation[cell]
            );
        }
    }
}
