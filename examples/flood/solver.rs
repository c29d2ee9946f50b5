//! The water: two-dimensional shallow water in its local-inertial form.
//!
//! After Bates, Horritt and Fewtrell (2010), *A simple inertial formulation of the shallow water
//! equations for efficient two-dimensional flood inundation modelling*, Journal of Hydrology 387.
//! The momentum equation is kept without its convective term, so that each side of a cell has one
//! explicit formula for its discharge q, and the time step follows the fastest wave:
//!
//! ```text
//! p  = q − g·d·Δt·∂(z+h)/∂x       d: depth of flow over the higher of the two beds
//! q' = p − f·|q'|·q'              f = g·Δt·n² / d^(7/3), n: Manning's roughness
//! Δt = α·min(Δx, Δy) / √(g·h_max)
//! ```
//!
//! The paper takes the friction as f·|q|·q', with the discharge of the step before. In thin water
//! on a steep slope f·|q| is far from small, and the discharge then swings between none and several
//! times too much from step to step. Here the friction is that of the new discharge, the root of a
//! quadratic equation: q' = 2p / (1 + √(1 + 4·f·|p|)). Steep slopes drain as Manning's formula says.
//!
//! **Mass.** A discharge is one number per side. What it takes from one cell it gives to the other,
//! and a cell that would give more than it has gives all its sides less, in proportion. What the
//! sum of a depth rounds away is kept for the next step. The rain and the outflow are summed in
//! `f64` from the very numbers that the cells see, rounded coefficients included.
//!
//! **Border.** Water leaves the map over the border by friction flow down the slope of the bed, at
//! least 1 in 1000; none comes in.
//!
//! **Speed.** One pass over the map, row by row: the discharges of a row, the limits of its cells,
//! then the new depths of the row above, all while the rows are in the cache. The arithmetic is in
//! `kernel.rs`.

use std::ops::Range;

use schemas::flood::Cloud;

use crate::flood::kernel::{GRAVITY, Step, depths, discharges, leaving, limits, scale};
use crate::flood::terrain::Terrain;

/// The part of the Courant limit that a step uses.
const COURANT: f64 = 0.7;
/// The longest step in seconds.
const LONGEST_STEP: f64 = 10.0;
/// Millimetres per hour in a metre per second.
const MILLIMETRES_PER_HOUR: f64 = 3.6e6;

/// What changes from step to step, and nothing else: a run continues from it bit for bit.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct State {
    /// Depth of water in each cell, in metres.
    pub(crate) depth: Vec<f32>,
    /// What rounding has kept from each depth so far, less than half of its last digit, and the rain
    /// of a cloud on its way to it.
    pub(crate) rest: Vec<f32>,
    /// Discharge over the western side of each cell and, last in a row, over the eastern border,
    /// in m²/s, positive to the east.
    pub(crate) east: Vec<f32>,
    /// Discharge over the northern side of each cell and, as a last row, over the southern border,
    /// in m²/s, positive to the south.
    pub(crate) south: Vec<f32>,
    /// Steps made.
    pub(crate) step: u64,
    /// Simulated seconds.
    pub(crate) time: f64,
    /// Rain so far in m³.
    pub(crate) rain: f64,
    /// What left over the border so far in m³.
    pub(crate) outflow: f64,
}

impl State {
    /// A dry map of `rows` × `columns` cells.
    pub(crate) fn dry(rows: usize, columns: usize) -> Self {
        Self {
            depth: vec![0.0; rows * columns],
            rest: vec![0.0; rows * columns],
            east: vec![0.0; rows * (columns + 1)],
            south: vec![0.0; (rows + 1) * columns],
            ..Self::default()
        }
    }

    /// The water on the map in m³.
    pub(crate) fn stored(&self, cell_area: f64) -> f64 {
        self.depth
            .iter()
            .map(|&depth| f64::from(depth))
            .sum::<f64>()
            * cell_area
    }

    /// Rain that is neither on the map nor left it, as a part of all rain.
    pub(crate) fn mass_error(&self, cell_area: f64) -> f64 {
        mass_error(self.stored(cell_area), self.outflow, self.rain)
    }
}

/// Water made (positive) or lost (negative), as a part of the rain.
pub(crate) fn mass_error(stored: f64, outflow: f64, rain: f64) -> f64 {
    if rain > 0.0 {
        (stored + outflow - rain) / rain
    } else {
        0.0
    }
}

/// What a step is made under.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    /// Rain everywhere, in mm/h.
    pub(crate) rain: f64,
    /// Manning's roughness of the ground.
    pub(crate) roughness: f32,
    /// More rain over one place.
    pub(crate) cloud: Cloud,
}

/// The ground, the state of the water on it, and room to work in.
#[derive(Debug)]
pub(crate) struct Solver {
    terrain: Terrain,
    state: State,
    /// The deepest water of the state.
    deepest: f32,
    /// For the row above and for the row at hand: the part of its discharges that a cell can pay.
    limits: [Vec<f32>; 2],
}

impl Solver {
    /// Goes on from `state`.
    pub(crate) fn new(terrain: Terrain, state: State) -> Self {
        let (rows, columns) = (terrain.rows, terrain.columns);
        assert_eq!(state.depth.len(), rows * columns);
        assert_eq!(state.rest.len(), rows * columns);
        assert_eq!(state.east.len(), rows * (columns + 1));
        assert_eq!(state.south.len(), (rows + 1) * columns);
        let deepest = state
            .depth
            .iter()
            .fold(0.0, |most: f32, &depth| most.max(depth));
        let limits = [vec![1.0; columns], vec![1.0; columns]];
        Self {
            terrain,
            state,
            deepest,
            limits,
        }
    }

    /// The ground.
    pub(crate) fn terrain(&self) -> &Terrain {
        &self.terrain
    }

    /// The water.
    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// The deepest water in metres.
    pub(crate) fn deepest(&self) -> f32 {
        self.deepest
    }

    /// Moves the water on by one step under `weather`: the longest stable one, or exactly to `until`
    /// where that comes first.
    pub(crate) fn advance(&mut self, until: f64, weather: &Weather) {
        let left = until - self.state.time;
        let seconds = self.stable_step().min(left);
        let size = [self.terrain.dx, self.terrain.dy];
        let intensity = weather.rain / MILLIMETRES_PER_HOUR;
        self.pour(&weather.cloud, seconds);
        self.flow(&Step::of(seconds, intensity, weather.roughness, size));
        self.state.time = if seconds < left {
            self.state.time + seconds
        } else {
            until
        };
        self.state.step += 1;
    }

    /// Rains `cloud` for so many seconds. Its water is added to the depths by the step that follows.
    fn pour(&mut self, cloud: &Cloud, seconds: f64) {
        if cloud.intensity <= 0.0 {
            return;
        }
        let water = (f64::from(cloud.intensity) / MILLIMETRES_PER_HOUR * seconds) as f32;
        let mut poured = 0.0;
        for row in 0..self.terrain.rows {
            for column in covered(cloud, row, self.terrain.columns) {
                let rest = &mut self.state.rest[row * self.terrain.columns + column];
                let before = std::mem::replace(rest, *rest + water);
                poured += f64::from(*rest) - f64::from(before);
            }
        }
        self.state.rain += poured * self.terrain.cell_area();
    }

    /// The longest stable step in seconds.
    fn stable_step(&self) -> f64 {
        let wave = (f64::from(GRAVITY) * f64::from(self.deepest)).sqrt();
        (COURANT * self.terrain.dx.min(self.terrain.dy) / wave).min(LONGEST_STEP)
    }

    /// One step.
    fn flow(&mut self, step: &Step) {
        let (rows, columns) = (self.terrain.rows, self.terrain.columns);
        self.deepest = 0.0;
        self.north_border(step);
        for row in 0..rows {
            self.discharge_row(row, step);
            self.limit_row(row, step);
            if row > 0 {
                self.update_row(row - 1, step);
            }
            self.limits.swap(0, 1);
        }
        self.limit_southern_border();
        self.update_row(rows - 1, step);

        let cells = (rows * columns) as f64;
        let area = self.terrain.cell_area();
        self.state.outflow += self.border_depth(step) * area;
        self.state.rain += f64::from(step.rain) * cells * area;
    }

    /// Discharges over the northern border.
    fn north_border(&mut self, step: &Step) {
        let columns = self.terrain.columns;
        let (ground, water) = (&self.terrain.elevation, &self.state.depth);
        let inner = columns.min(ground.len() - columns);
        for column in 0..columns {
            let fall = (ground[inner + column] - ground[column]) / self.terrain.dy as f32;
            self.state.south[column] = -leaving(water[column], fall, step.roughness);
        }
    }

    /// Discharges over all sides of row `row` but its northern ones, which the row above made.
    fn discharge_row(&mut self, row: usize, step: &Step) {
        let (rows, columns) = (self.terrain.rows, self.terrain.columns);
        let (dx, dy) = (self.terrain.dx as f32, self.terrain.dy as f32);
        let here = row * columns..(row + 1) * columns;
        let (ground, water) = (
            &self.terrain.elevation[here.clone()],
            &self.state.depth[here.clone()],
        );

        let east = &mut self.state.east[row * (columns + 1)..][..columns + 1];
        let last = columns - 1;
        let west_fall = (ground[1.min(last)] - ground[0]) / dx;
        let east_fall = (ground[last.saturating_sub(1)] - ground[last]) / dx;
        east[0] = -leaving(water[0], west_fall, step.roughness);
        east[columns] = leaving(water[last], east_fall, step.roughness);
        discharges(
            &mut east[1..columns],
            [&ground[..last], &ground[1..]],
            [&water[..last], &water[1..]],
            step.push[0],
            step.friction,
        );

        let south = &mut self.state.south[here.end..][..columns];
        if row + 1 < rows {
            let below = here.end..here.end + columns;
            discharges(
                south,
                [ground, &self.terrain.elevation[below.clone()]],
                [water, &self.state.depth[below]],
                step.push[1],
                step.friction,
            );
        } else {
            let inner = &self.terrain.elevation[row.saturating_sub(1) * columns..][..columns];
            for column in 0..columns {
                let fall = (inner[column] - ground[column]) / dy;
                south[column] = leaving(water[column], fall, step.roughness);
            }
        }
    }

    /// Scales what leaves the cells of row `row` down to what they have: over their western,
    /// eastern and northern sides. The southern ones wait for the limits of the next row.
    fn limit_row(&mut self, row: usize, step: &Step) {
        let columns = self.terrain.columns;
        let [above, here] = &mut self.limits;
        let (north, south) =
            self.state.south[row * columns..(row + 2) * columns].split_at_mut(columns);
        let east = &mut self.state.east[row * (columns + 1)..][..columns + 1];
        limits(
            here,
            &self.state.depth[row * columns..][..columns],
            [&east[..columns], &east[1..]],
            [north, south],
            step.spread,
        );
        east[0] *= here[0];
        east[columns] *= here[columns - 1];
        scale(&mut east[1..columns], &here[..columns - 1], &here[1..]);
        // Nothing comes in over the northern border: what the row above could pay is never used.
        scale(north, above, here);
    }

    /// As [`limit_row`](Self::limit_row) for the border below the last row.
    fn limit_southern_border(&mut self) {
        let columns = self.terrain.columns;
        let border = &mut self.state.south[self.terrain.rows * columns..];
        let last = &self.limits[0];
        scale(border, last, last);
    }

    /// The new depths of row `row`, all of whose discharges are final.
    fn update_row(&mut self, row: usize, step: &Step) {
        let columns = self.terrain.columns;
        let east = &self.state.east[row * (columns + 1)..][..columns + 1];
        let south = &self.state.south[row * columns..][..2 * columns];
        let deepest = depths(
            &mut self.state.depth[row * columns..][..columns],
            &mut self.state.rest[row * columns..][..columns],
            [&east[..columns], &east[1..]],
            [&south[..columns], &south[columns..]],
            step,
        );
        self.deepest = self.deepest.max(deepest);
    }

    /// What left over the border in the step, in metres of one cell's depth.
    fn border_depth(&self, step: &Step) -> f64 {
        let (rows, columns) = (self.terrain.rows, self.terrain.columns);
        let (east, south) = (&self.state.east, &self.state.south);
        let across: f64 = east
            .chunks_exact(columns + 1)
            .map(|row| f64::from(row[columns]) - f64::from(row[0]))
            .sum();
        let down: f64 = south[rows * columns..]
            .iter()
            .map(|&q| f64::from(q))
            .sum::<f64>()
            - south[..columns].iter().map(|&q| f64::from(q)).sum::<f64>();
        across * f64::from(step.spread[0]) + down * f64::from(step.spread[1])
    }
}

/// The columns of a row that a cloud is over.
fn covered(cloud: &Cloud, row: usize, columns: usize) -> Range<usize> {
    let away = (row as u32).abs_diff(cloud.row);
    let Some(square) = (cloud.radius.pow(2)).checked_sub(away.pow(2)) else {
        return 0..0;
    };
    let (middle, reach) = (cloud.column as usize, square.isqrt() as usize);
    middle.saturating_sub(reach)..(middle + reach + 1).min(columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shm_runtime::Zeroable;

    const ROUGHNESS: f32 = 0.06;

    fn weather(rain: f64) -> Weather {
        Weather {
            rain,
            roughness: ROUGHNESS,
            cloud: Cloud::zeroed(),
        }
    }

    /// A valley of 40 × 60 cells that falls to the south, with bumps.
    fn valley() -> Terrain {
        let (rows, columns) = (40, 60);
        let elevation = (0..rows * columns)
            .map(|cell| {
                let (row, column) = ((cell / columns) as f32, (cell % columns) as f32);
                900.0 - row * 0.8 + (column - 30.0).abs() * 1.5 + (cell * 37 % 11) as f32 * 0.2
            })
            .collect();
        Terrain {
            rows,
            columns,
            dx: 30.0,
            dy: 32.0,
            elevation,
        }
    }

    fn run(solver: &mut Solver, end: f64, intensity: f64) {
        while solver.state().time < end {
            solver.advance(end, &weather(intensity));
        }
    }

    #[test]
    fn no_water_is_made_or_lost() {
        let terrain = valley();
        let area = terrain.cell_area();
        let mut solver = Solver::new(terrain, State::dry(40, 60));
        run(&mut solver, 3600.0, 50.0);
        run(&mut solver, 7200.0, 0.0);
        let state = solver.state();
        assert!(state.outflow > 0.2 * state.rain, "water leaves the valley");
        assert!(state.stored(area) > 0.0);
        let error = state.mass_error(area);
        assert!(error.abs() < 1e-7, "mass error {error:e}");
    }

    #[test]
    fn a_cloud_rains_where_it_is() {
        let terrain = valley();
        let (area, columns) = (terrain.cell_area(), terrain.columns);
        let mut solver = Solver::new(terrain, State::dry(40, 60));
        let cloud = Cloud {
            row: 2,
            column: 50,
            radius: 5,
            intensity: 100.0,
        };
        let cells: usize = (0..40).map(|row| covered(&cloud, row, 60).len()).sum();
        assert_eq!(covered(&cloud, 7, columns), 50..51);
        assert_eq!(covered(&cloud, 8, columns), 0..0);
        let weather = Weather {
            cloud,
            ..weather(0.0)
        };
        while solver.state().time < 36.0 {
            solver.advance(36.0, &weather);
        }
        let state = solver.state();
        let fallen = 1e-3 * cells as f64 * area;
        assert!((state.rain / fallen - 1.0).abs() < 1e-5, "{}", state.rain);
        assert!(state.mass_error(area).abs() < 1e-7);
        assert_eq!(state.depth[20 * columns + 10], 0.0);
    }

    #[test]
    fn depth_is_never_negative() {
        let mut solver = Solver::new(valley(), State::dry(40, 60));
        for end in 1..200 {
            run(
                &mut solver,
                f64::from(end) * 20.0,
                if end % 3 == 0 { 400.0 } else { 0.0 },
            );
            assert!(
                solver
                    .state()
                    .depth
                    .iter()
                    .all(|&depth| (0.0..50.0).contains(&depth))
            );
        }
    }

    #[test]
    fn still_water_stays_still() {
        let mut terrain = valley();
        let water = 905.0;
        // A wall around the map keeps the lake from the border.
        for cell in 0..terrain.elevation.len() {
            let (row, column) = (cell / 60, cell % 60);
            if row == 0 || column == 0 || row == 39 || column == 59 {
                terrain.elevation[cell] = 950.0;
            }
        }
        let mut state = State::dry(40, 60);
        state.depth = terrain
            .elevation
            .iter()
            .map(|ground| (water - ground).max(0.0))
            .collect();
        let before = state.depth.clone();
        let mut solver = Solver::new(terrain, state);
        run(&mut solver, 600.0, 0.0);
        for (before, after) in before.iter().zip(&solver.state().depth) {
            assert!((before - after).abs() < 2e-3, "{before} became {after}");
        }
    }

    #[test]
    fn a_run_continues_from_its_state_bit_for_bit() {
        let mut whole = Solver::new(valley(), State::dry(40, 60));
        for _step in 0..100 {
            whole.advance(5000.0, &weather(50.0));
        }
        let mut resumed = Solver::new(valley(), whole.state().clone());
        for _step in 0..100 {
            whole.advance(5000.0, &weather(50.0));
            resumed.advance(5000.0, &weather(50.0));
        }
        assert_eq!(whole.state(), resumed.state());
    }

    #[test]
    fn water_on_a_plane_flows_as_manning_says() {
        let (rows, columns) = (60, 81);
        let elevation = (0..rows * columns)
            .map(|cell| 500.0 - (cell / columns) as f32)
            .collect();
        let terrain = Terrain {
            rows,
            columns,
            dx: 30.0,
            dy: 30.0,
            elevation,
        };
        let mut solver = Solver::new(terrain, State::dry(rows, columns));
        run(&mut solver, 20_000.0, 50.0);
        // Far from the border, under steady rain: what falls above a row flows through it.
        let (row, column) = (50, 40);
        let discharge = f64::from(solver.state().south[row * columns + column]);
        let fallen = 50.0 / MILLIMETRES_PER_HOUR * row as f64 * 30.0;
        assert!(
            (discharge / fallen - 1.0).abs() < 0.02,
            "{discharge} for {fallen}"
        );
        let depth = f64::from(solver.state().depth[row * columns + column]);
        let slope: f64 = 1.0 / 30.0;
        let normal = (discharge * f64::from(ROUGHNESS) / slope.sqrt()).powf(0.6);
        assert!((depth / normal - 1.0).abs() < 0.05, "{depth} for {normal}");
    }
}
